//! Programs of several modules, as the executable has them.

mod support;
use azure_init_runtime::engine::{Part, compile, run};
use support::{Ended, Scratch};

/// Compiles modules as the build does, the main one first. Programs live as long as the process.
fn program(modules: &[(&'static str, &str)]) -> &'static [Part] {
    let parts: Vec<Part> = modules
        .iter()
        .map(|(name, source)| {
            let bytecode = compile(name, source.as_bytes().to_vec()).expect("the source is right");
            Part {
                name,
                bytecode: bytecode.leak(),
            }
        })
        .collect();
    parts.leak()
}

/// A module that writes a text to a file.
fn writes(path: &str, text: &str) -> String {
    format!(
        "natives.write(natives.openat(-100, {path:?}, natives.constants.O_WRONLY | natives.constants.O_CREAT, 0o600), {text})"
    )
}

#[test]
fn modules_import_each_other_by_name() {
    let scratch = Scratch::new();
    let main = "import { twice } from './part.js'; export const number = 21; twice()".to_string();
    let part = format!(
        "import {{ number }} from './main.js'; export const twice = () => {}",
        writes(&scratch.path("out"), "String(2 * number)")
    );
    assert_eq!(run(program(&[("main.js", &main), ("part.js", &part)])), 0);
    assert_eq!(
        std::fs::read_to_string(scratch.path("out")).expect("the program wrote it"),
        "42"
    );
}

#[test]
fn a_module_that_is_imported_dynamically_is_not_read_before() {
    let scratch = Scratch::new();
    let broken = Part {
        name: "later.js",
        bytecode: b"this is no bytecode",
    };
    let main = format!(
        "{}; if (natives.argv.includes('never')) await natives.importModule('./later.js')",
        writes(&scratch.path("out"), "'up'")
    );
    let [compiled] = program(&[("main.js", &main)]) else {
        panic!("it is one module")
    };
    let parts = vec![
        Part {
            name: compiled.name,
            bytecode: compiled.bytecode,
        },
        broken,
    ];
    assert_eq!(run(parts.leak()), 0);
    assert_eq!(
        std::fs::read_to_string(scratch.path("out")).expect("the program wrote it"),
        "up"
    );
}

#[test]
fn a_module_that_is_not_built_in_is_an_error_even_if_there_is_such_a_file() {
    let scratch = Scratch::new();
    let file = scratch.path("other.js");
    std::fs::write(&file, "export default 1").expect("it can be written");
    let main = format!(
        "const result = await natives.importModule({file:?}).then(() => 'loaded', (error) => error.name); {}",
        writes(&scratch.path("out"), "result")
    );
    assert_eq!(run(program(&[("main.js", &main)])), 0);
    assert_eq!(
        std::fs::read_to_string(scratch.path("out")).expect("the program wrote it"),
        "ReferenceError"
    );
}

#[test]
fn a_module_can_be_imported_later_and_its_importer_is_evaluated_once() {
    let scratch = Scratch::new();
    let count = writes(&scratch.path("count"), "'.'").replace("O_CREAT", "O_CREAT | natives.constants.O_APPEND");
    let main =
        format!("{count}; export const number = 21; natives.importModule('./part.js').then(({{ twice }}) => twice())");
    let part = format!(
        "import {{ number }} from './main.js'; export const twice = () => {}",
        writes(&scratch.path("out"), "String(2 * number)")
    );
    assert_eq!(run(program(&[("main.js", &main), ("part.js", &part)])), 0);
    assert_eq!(
        std::fs::read_to_string(scratch.path("out")).expect("the program wrote it"),
        "42"
    );
    assert_eq!(
        std::fs::read_to_string(scratch.path("count")).expect("the program wrote it"),
        "."
    );
}

#[test]
fn wrong_source_is_told_with_its_reason() {
    let reason = compile("main.js", b"const a =".to_vec()).expect_err("this is no module");
    assert!(
        reason.contains("SyntaxError") || reason.contains("unexpected"),
        "{reason}"
    );
}

#[test]
fn an_executable_without_a_program_says_so() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_azure-init"))
        .output()
        .expect("it starts");
    let ended = Ended::from(output);
    assert_eq!(
        (ended.complained.as_str(), ended.status.as_str()),
        ("azure-init: no program is built in", "exit 1")
    );
}
