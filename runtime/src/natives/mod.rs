//! The table of natives: each with its documentation, its signature for TypeScript and its code, in one place.

use rquickjs::function::{IntoJsFunc, ParamRequirement, Params};
use rquickjs::{Ctx, Function, Object, Result as JsResult, Value};

mod apart;
mod children;
mod codecs;
mod constants;
mod declarations;
mod files;
mod locks;
mod network;
mod offloaded;
pub mod process;
mod scheduling;
mod time;

pub use declarations::declarations;

/// One function of the table.
pub struct Native {
    name: &'static str,
    docs: &'static [&'static str],
    /// Parameters and result, in TypeScript.
    signature: fn() -> (Vec<String>, String),
    code: Code,
}

/// What a native does with its arguments.
pub type Code = for<'a, 'js> fn(&Params<'a, 'js>) -> JsResult<Value<'js>>;

#[derive(Clone, Copy)]
struct Call(Code);

impl<'js> IntoJsFunc<'js, ()> for Call {
    fn param_requirements() -> ParamRequirement {
        ParamRequirement::any()
    }

    fn call<'a>(&self, params: Params<'a, 'js>) -> JsResult<Value<'js>> {
        (self.0)(&params)
    }
}

/// Makes natives of functions: arguments that do not convert are a `TypeError`.
macro_rules! natives {
    ($($(#[doc = $doc:literal])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block)*) => {
        /// The natives of this concern.
        #[allow(non_snake_case, clippy::unused_unit)]
        pub const NATIVES: &[$crate::natives::Native] = &[$({
            fn body($($argument: $type),*) -> $result $body
            fn code<'js>(params: &rquickjs::function::Params<'_, 'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
                let mut _position = 0;
                $(let $argument = $crate::natives::argument(params, &mut _position)?;)*
                $crate::values::Outcome::into_value(body($($argument),*), params.ctx())
            }
            fn signature() -> (Vec<String>, String) {
                (
                    vec![$($crate::natives::parameter::<$type>(stringify!($argument))),*],
                    <$result as $crate::values::Outcome>::declaration(),
                )
            }
            $crate::natives::Native { name: stringify!($name), docs: &[$($doc),*], signature, code }
        }),*];
    };
}
pub(crate) use natives;

/// The next argument of a call; one that is not there is `undefined`.
fn argument<'js, T: rquickjs::FromJs<'js>>(params: &Params<'_, 'js>, position: &mut usize) -> JsResult<T> {
    let value = params
        .arg(*position)
        .unwrap_or_else(|| Value::new_undefined(params.ctx().clone()));
    *position += 1;
    T::from_js(params.ctx(), value)
}

fn parameter<T: crate::values::Argument>(name: &str) -> String {
    format!("{name}{}: {}", if T::OPTIONAL { "?" } else { "" }, T::declaration())
}

/// The table, by concern.
const TABLE: &[(&str, &[Native])] = &[
    ("The process", process::NATIVES),
    ("Files", files::NATIVES),
    ("Locks", locks::NATIVES),
    (
        "Network and pipes. The sockets do not block: EAGAIN means to `watch`.",
        network::NATIVES,
    ),
    ("Children", children::NATIVES),
    (
        "The loop. It ends when nothing is left that can call back: timers, watches, children, offloaded calls.",
        scheduling::NATIVES,
    ),
    ("Time and chance", time::NATIVES),
    ("Codecs", codecs::NATIVES),
];

/// Sets the global object `natives`.
pub fn install(ctx: &Ctx<'_>) -> JsResult<()> {
    let natives = Object::new(ctx.clone())?;
    process::set_values(&natives)?;
    natives.set("constants", constants::object(ctx)?)?;
    for native in TABLE.iter().flat_map(|(_, natives)| natives.iter()) {
        natives.set(native.name, Function::new(ctx.clone(), Call(native.code))?)?;
    }
    let offload = Object::new(ctx.clone())?;
    for native in offloaded::NATIVES {
        offload.set(native.name, Function::new(ctx.clone(), Call(native.code))?)?;
    }
    natives.set("offload", offload)?;
    ctx.globals().set("natives", natives)
}
