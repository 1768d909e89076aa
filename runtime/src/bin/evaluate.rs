//! `evaluate FILE.js [ARGUMENT...]`: runs one module of source in the boot runtime. For tests; never shipped.

use azure_init_runtime::engine::run_source;

fn main() {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: evaluate FILE.js [ARGUMENT...]");
        std::process::exit(2)
    };
    #[cfg(feature = "address-sanitizer")]
    if file == "planted-overflow" {
        overflow()
    }
    match std::fs::read(&file) {
        Ok(source) => std::process::exit(run_source(&file, source)),
        Err(error) => {
            eprintln!("evaluate: {file}: {error}");
            std::process::exit(1)
        }
    }
}

/// Has the engine read beyond the end of a block, by which the build shows that AddressSanitizer would see it.
#[cfg(feature = "address-sanitizer")]
fn overflow() -> ! {
    let runtime = rquickjs::Runtime::new().expect("there is memory");
    let context = rquickjs::Context::full(&runtime).expect("there is memory");
    let text = vec![b'x'; 64];
    context.with(|ctx| {
        // SAFETY: none; the length is wrong on purpose, and AddressSanitizer ends the process.
        unsafe { rquickjs::qjs::JS_NewStringLen(ctx.as_raw().as_ptr(), text.as_ptr().cast(), 2 * text.len() as u64) };
    });
    std::process::exit(0)
}
