//! Lists the bytecode that `scripts/build.ts` has compiled for `main.rs` to embed: all files of the directory `AZURE_INIT_PROGRAM`, the main
//! module first. Without it, the executable has no program: enough for tests of the runtime.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=AZURE_INIT_PROGRAM");
    println!("cargo:rustc-env=AZURE_INIT_TARGET={}", variable("TARGET"));
    let mut parts: Vec<(String, PathBuf)> = Vec::new();
    if let Ok(directory) = std::env::var("AZURE_INIT_PROGRAM") {
        println!("cargo:rerun-if-changed={directory}");
        for entry in std::fs::read_dir(&directory)
            .expect("AZURE_INIT_PROGRAM is a directory")
            .flatten()
        {
            let name = entry.file_name().into_string().expect("modules have names in ASCII");
            println!("cargo:rerun-if-changed={}", entry.path().display());
            parts.push((name, entry.path()));
        }
    }
    parts.sort_by_key(|(name, _)| (name != "main.js", name.clone()));
    let parts: Vec<String> = parts
        .iter()
        .map(|(name, path)| format!("    Part {{ name: {name:?}, bytecode: include_bytes!({path:?}) }},\n"))
        .collect();
    let text = format!("const PROGRAM: &[Part] = &[\n{}];\n", parts.concat());
    std::fs::write(PathBuf::from(variable("OUT_DIR")).join("program.rs"), text).expect("OUT_DIR can be written");
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("cargo sets it")
}
