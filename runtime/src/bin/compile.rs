//! `compile NAME IN.js OUT.bc`: compiles one module to the engine's bytecode.

use azure_init_runtime::engine::compile;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, source, target] = arguments.as_slice() else {
        eprintln!("usage: compile NAME IN.js OUT.bc");
        std::process::exit(2)
    };
    let result = std::fs::read(source)
        .map_err(|error| format!("{source}: {error}"))
        .and_then(|text| compile(name, text))
        .and_then(|bytecode| std::fs::write(target, bytecode).map_err(|error| format!("{target}: {error}")));
    if let Err(reason) = result {
        eprintln!("compile: {reason}");
        std::process::exit(1)
    }
}
