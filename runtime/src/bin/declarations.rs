//! `declarations`: prints `natives.d.ts`.

fn main() {
    print!("{}", azure_init_runtime::declarations());
}
