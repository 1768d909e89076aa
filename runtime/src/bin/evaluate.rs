//! `evaluate FILE.js [ARGUMENT...]`: runs one module of source in the boot runtime. For tests; never shipped.

use azure_init_runtime::engine::run_source;

fn main() {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: evaluate FILE.js [ARGUMENT...]");
        std::process::exit(2)
    };
    match std::fs::read(&file) {
        Ok(source) => std::process::exit(run_source(&file, source)),
        Err(error) => {
            eprintln!("evaluate: {file}: {error}");
            std::process::exit(1)
        }
    }
}
