//! The engine: limits, modules, uncaught errors.

use std::cell::RefCell;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, Module, Persistent, Result as JsResult, Runtime, Value,
};
use rustix::process::{Resource, getrlimit};

use crate::heap::Heap;
use crate::{event_loop, natives};

/// What the program may hold. A whole boot takes 8 MiB; more is a fault, or an attack, and must not starve a small VM.
pub const MEMORY_LIMIT: usize = 64 << 20;

/// What the program may use of the stack: half of it at most, since the engine checks in calls of its own only.
pub const STACK_LIMIT: usize = 4 << 20;

/// Cycles of garbage are looked for when so much more is held; a boot ends before.
const GARBAGE_THRESHOLD: usize = 32 << 20;

/// Exit status of a program that failed with an error that nobody caught, as of Node.
const UNCAUGHT: i32 = 1;

/// Exit status of a program whose loop has ended while its main module waits, as of Node.
const UNSETTLED: i32 = 13;

/// A part of a program in the engine's bytecode. The program's first module is its main one.
pub struct Part {
    /// The name that other modules import it by.
    pub name: &'static str,
    /// What [`compile`] has made, with this very version of the engine.
    pub bytecode: &'static [u8],
}

/// The modules that are built in.
struct Embedded(&'static [Part]);

impl Resolver for Embedded {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        _: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<String> {
        Ok(name.trim_start_matches("./").into())
    }
}

impl Loader for Embedded {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<Module<'js, Declared>> {
        let part = self
            .0
            .iter()
            .find(|part| part.name == name)
            .ok_or_else(|| Error::new_loading(name))?;
        load(ctx, part)
    }
}

fn load<'js>(ctx: &Ctx<'js>, part: &Part) -> JsResult<Module<'js, Declared>> {
    // SAFETY: the bytecode is a constant of this executable, written by `compile` with the engine that is linked into
    // both.
    unsafe { Module::load(ctx.clone(), part.bytecode) }
}

thread_local! {
    /// Promises that were rejected with nobody listening, and why.
    static REJECTED: RefCell<Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>> = RefCell::default();
}

/// Runs a program to its end; gives the exit status. A program that calls `natives.exit` does not come back.
pub fn run(program: &'static [Part]) -> i32 {
    let Some(main) = program.first() else {
        die("no program is built in")
    };
    with_engine(|context, runtime| {
        runtime.set_loader(Embedded(program), Embedded(program));
        start(context, |ctx| load(ctx, main))
    })
}

/// Runs one module of source, for tests; gives the exit status.
pub fn run_source(name: &str, source: Vec<u8>) -> i32 {
    with_engine(|context, _| start(context, |ctx| Module::declare(ctx.clone(), name, source)))
}

fn with_engine<T>(body: impl FnOnce(&Context, &Runtime) -> T) -> T {
    natives::process::restore_signals();
    let Ok(runtime) = Runtime::new_with_alloc(Heap::new()) else {
        die("no memory for the engine")
    };
    runtime.set_memory_limit(MEMORY_LIMIT);
    runtime.set_max_stack_size(stack_limit());
    runtime.set_gc_threshold(GARBAGE_THRESHOLD);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(|ctx, promise, reason, handled| {
        let promise = Persistent::save(&ctx, promise);
        REJECTED.with_borrow_mut(|rejected| {
            if handled {
                rejected.retain(|(other, _)| *other != promise);
            } else {
                rejected.push((promise, Persistent::save(&ctx, reason)));
            }
        });
    })));
    let Ok(context) = Context::full(&runtime) else {
        die("no memory for the engine")
    };
    let result = body(&context, &runtime);
    event_loop::clear();
    REJECTED.take();
    // The process ends now: freeing each object of the heap would only take time.
    std::mem::forget((context, runtime));
    result
}

fn stack_limit() -> usize {
    let stack = getrlimit(Resource::Stack)
        .current
        .map_or(usize::MAX, |bytes| bytes as usize);
    STACK_LIMIT.min(stack / 2)
}

fn start(context: &Context, main: impl for<'js> FnOnce(&Ctx<'js>) -> JsResult<Module<'js, Declared>>) -> i32 {
    let evaluated = context.with(|ctx| {
        let evaluate = || {
            natives::install(&ctx)?;
            let (_, promise) = main(&ctx)?.eval()?;
            Ok(Persistent::save(&ctx, promise))
        };
        evaluate().unwrap_or_else(|error| die_of(&ctx, error))
    });
    event_loop::run(context);
    context.with(
        |ctx| match evaluated.restore(&ctx).map(|promise| promise.result::<Value>()) {
            Ok(Some(Ok(_))) => 0,
            Ok(None) => {
                report("the program waits for what can never come\n");
                UNSETTLED
            }
            Ok(Some(Err(error))) | Err(error) => die_of(&ctx, error),
        },
    )
}

/// Runs all jobs of promises; an error that nobody has caught by then ends the process.
pub fn run_jobs(context: &Context) {
    loop {
        match context.runtime().execute_pending_job() {
            Ok(true) => {}
            Ok(false) => break,
            Err(failed) => failed.0.with(|ctx| die_of(&ctx, Error::Exception)),
        }
    }
    let rejected = REJECTED.with_borrow_mut(|rejected| rejected.pop());
    if let Some((_, reason)) = rejected {
        context.with(|ctx| {
            let error = match reason.restore(&ctx) {
                Ok(reason) => ctx.throw(reason),
                Err(error) => error,
            };
            die_of(&ctx, error)
        });
    }
}

/// Ends the process with what an exception says.
pub fn die_of(ctx: &Ctx, error: Error) -> ! {
    let text = match Err::<(), _>(error).catch(ctx) {
        Err(CaughtError::Exception(exception)) => format!(
            "{}\n{}",
            exception
                .as_object()
                .get::<_, rquickjs::Coerced<String>>("name")
                .map_or_else(|_| "Error".into(), |name| name.0)
                + ": "
                + &exception.message().unwrap_or_default(),
            exception.stack().unwrap_or_default()
        ),
        Err(CaughtError::Value(value)) => match value.get::<rquickjs::Coerced<String>>() {
            Ok(text) => text.0 + "\n",
            Err(_) => "a value without text\n".into(),
        },
        Err(CaughtError::Error(error)) => format!("{error}\n"),
        Ok(()) => String::new(),
    };
    report(&format!("Uncaught {text}"));
    std::process::exit(UNCAUGHT)
}

/// Ends the process for a reason of the runtime's own.
pub fn die(reason: &str) -> ! {
    report(&format!("{reason}\n"));
    std::process::exit(UNCAUGHT)
}

fn report(text: &str) {
    // Nobody is left to tell when standard error takes nothing.
    let _ = rustix::io::write(rustix::stdio::stderr(), format!("azure-init: {text}").as_bytes());
}

/// In place of modules that the one which is compiled imports: the compiler wants to have them, and looks at none of
/// their exports.
struct Absent;

impl Loader for Absent {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<Module<'js, Declared>> {
        Module::declare(ctx.clone(), name, "")
    }
}

/// Compiles one module to bytecode, without its source and without line numbers.
pub fn compile(name: &str, source: Vec<u8>) -> Result<Vec<u8>, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    // The compiler's depth is that of the source.
    runtime.set_max_stack_size(0);
    runtime.set_loader(Embedded(&[]), Absent);
    let context = Context::full(&runtime).map_err(|error| error.to_string())?;
    context.with(|ctx| {
        let options = rquickjs::WriteOptions {
            strip_source: true,
            strip_debug: true,
            ..Default::default()
        };
        Module::declare(ctx.clone(), name, source)
            .and_then(|module| module.write(options))
            .catch(&ctx)
            .map_err(|error| error.to_string())
    })
}
