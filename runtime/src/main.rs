//! azure-init: the program that `scripts/build.ts` compiles, in the boot runtime.

use azure_init_runtime::engine::{Part, run};

// `const PROGRAM: &[Part]`, which `build.rs` writes.
include!(concat!(env!("OUT_DIR"), "/program.rs"));

fn main() {
    std::process::exit(run(PROGRAM))
}
