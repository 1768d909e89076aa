//! What crosses between JavaScript and Rust, and how TypeScript calls it.

use std::marker::PhantomData;

use rquickjs::function::IntoArgs;
use rquickjs::{
    Array, BigInt, Ctx, Error, FromJs, Function, Object, Persistent, Result as JsResult, TypedArray, Value,
};
use rustix::io::Errno;

/// What an argument is called in TypeScript.
pub trait Argument {
    /// The type's name.
    fn declaration() -> String;
    /// Whether the caller may leave it out.
    const OPTIONAL: bool = false;
}

/// What a native gives back: how it becomes a value, and what TypeScript calls it.
pub trait Outcome<'js> {
    /// The type's name.
    fn declaration() -> String;
    /// The type's name where the native can fail.
    fn or_failure() -> String {
        format!("{} | Failure", Self::declaration())
    }
    /// The value.
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>>;
}

macro_rules! arguments {
    ($($rust:ty => $typescript:literal),* $(,)?) => {
        $(impl Argument for $rust {
            fn declaration() -> String {
                $typescript.into()
            }
        })*
    };
}

arguments! {
    bool => "boolean",
    i32 => "number",
    u32 => "number",
    f64 => "number",
    Text => "string",
    Vec<Text> => "ReadonlyArray<string>",
    Bytes => "Uint8Array",
    BytesOrText => "Uint8Array | string",
}

impl<T: Argument> Argument for Option<T> {
    fn declaration() -> String {
        let name = T::declaration();
        if name.contains("=>") {
            format!("({name}) | null")
        } else {
            format!("{name} | null")
        }
    }
    const OPTIONAL: bool = true;
}

/// A string as UTF-8; lone surrogates are U+FFFD.
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        let text = rquickjs::String::from_value(value)?;
        if let Ok(text) = text.to_string() {
            return Ok(Text(text));
        }
        // A string is no object: its methods come from the prototype.
        let prototype: Object = text.ctx().globals().get::<_, Object>("String")?.get("prototype")?;
        let well_formed: Function = prototype.get("toWellFormed")?;
        let text: rquickjs::String = well_formed.call((rquickjs::function::This(text),))?;
        text.to_string().map(Text)
    }
}

/// A copy of the bytes of a `Uint8Array`.
pub struct Bytes(pub Vec<u8>);

impl<'js> FromJs<'js> for Bytes {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        let array = TypedArray::<u8>::from_value(value)?;
        // SAFETY: no JavaScript runs between here and the end of the copy, so nothing moves or frees the buffer.
        let bytes = unsafe { array.as_bytes() };
        Ok(Bytes(
            bytes
                .ok_or(Error::new_from_js("detached buffer", "Uint8Array"))?
                .to_vec(),
        ))
    }
}

/// Bytes, or a string as UTF-8.
pub struct BytesOrText(pub Vec<u8>);

impl<'js> FromJs<'js> for BytesOrText {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        if value.is_string() {
            Text::from_js(ctx, value).map(|text| BytesOrText(text.0.into_bytes()))
        } else {
            Bytes::from_js(ctx, value).map(|bytes| BytesOrText(bytes.0))
        }
    }
}

/// A function of the program's that is called later, with arguments that `A` names.
pub struct Callback<A>(Persistent<Function<'static>>, PhantomData<A>);

impl<A> Clone for Callback<A> {
    fn clone(&self) -> Self {
        Callback(self.0.clone(), PhantomData)
    }
}

impl<A> Callback<A> {
    /// Calls it; an exception is the caller's to report.
    pub fn call<'js, T: IntoArgs<'js>>(self, ctx: &Ctx<'js>, arguments: T) -> JsResult<()> {
        self.0.restore(ctx)?.call(arguments)
    }
}

impl<'js, A> FromJs<'js> for Callback<A> {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        Ok(Callback(
            Persistent::save(ctx, Function::from_value(value)?),
            PhantomData,
        ))
    }
}

/// Names the arguments of a [`Callback`].
pub trait CallbackArguments {
    /// The list of parameters, without parentheses.
    const DECLARATION: &'static str;
}

impl<A: CallbackArguments> Argument for Callback<A> {
    fn declaration() -> String {
        format!("({}) => void", A::DECLARATION)
    }
}

impl CallbackArguments for () {
    const DECLARATION: &'static str = "";
}

macro_rules! outcomes {
    ($($rust:ty => $typescript:literal $(or $failure:literal)?, |$ctx:ident, $value:ident| $convert:expr;)*) => {
        $(impl<'js> Outcome<'js> for $rust {
            fn declaration() -> String {
                $typescript.into()
            }
            $(fn or_failure() -> String {
                $failure.into()
            })?
            fn into_value(self, $ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
                let $value = self;
                $convert
            }
        })*
    };
}

outcomes! {
    () => "void" or "Status", |ctx, _value| Ok(Value::new_undefined(ctx.clone()));
    bool => "boolean", |ctx, value| Ok(Value::new_bool(ctx.clone(), value));
    i32 => "number", |ctx, value| Ok(Value::new_int(ctx.clone(), value));
    u32 => "number", |ctx, value| Ok(Value::new_number(ctx.clone(), f64::from(value)));
    u64 => "number", |ctx, value| Ok(Value::new_number(ctx.clone(), value as f64));
    f64 => "number", |ctx, value| Ok(Value::new_number(ctx.clone(), value));
    usize => "number" or "Count", |ctx, value| Ok(Value::new_number(ctx.clone(), value as f64));
    i64 => "bigint", |ctx, value| BigInt::from_i64(ctx.clone(), value).map(BigInt::into_value);
    String => "string", |ctx, value| rquickjs::String::from_str(ctx.clone(), &value).map(rquickjs::String::into_value);
    &'static str => "string", |ctx, value| rquickjs::String::from_str(ctx.clone(), value).map(rquickjs::String::into_value);
    Bytes => "Uint8Array", |ctx, value| TypedArray::new(ctx.clone(), value.0).map(TypedArray::into_value);
    Ticket => "Ticket", |ctx, value| Ok(Value::new_number(ctx.clone(), value.0 as f64));
    Never => "never", |ctx, _value| Ok(Value::new_undefined(ctx.clone()));
}

/// Names a callback that waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl<'js> FromJs<'js> for Ticket {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        // A number beyond those given out names nothing.
        f64::from_js(ctx, value).map(|number| Ticket(number as u64))
    }
}

arguments! { Ticket => "Ticket" }

/// What does not come back.
pub struct Never(());

impl<'js, T: Outcome<'js>> Outcome<'js> for Option<T> {
    fn declaration() -> String {
        format!("{} | null", T::declaration())
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self {
            Some(value) => value.into_value(ctx),
            None => Ok(Value::new_null(ctx.clone())),
        }
    }
}

impl<'js, T: Outcome<'js>> Outcome<'js> for Vec<T> {
    fn declaration() -> String {
        format!("ReadonlyArray<{}>", T::declaration())
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        let array = Array::new(ctx.clone())?;
        for (index, value) in self.into_iter().enumerate() {
            array.set(index, value.into_value(ctx)?)?;
        }
        Ok(array.into_value())
    }
}

/// Either a result or, as a negative number, what the kernel refused it with; `()` is 0.
impl<'js, T: Outcome<'js>> Outcome<'js> for Result<T, Errno> {
    fn declaration() -> String {
        T::or_failure()
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self {
            Ok(value) => {
                let value = value.into_value(ctx)?;
                Ok(if value.is_undefined() {
                    Value::new_int(ctx.clone(), 0)
                } else {
                    value
                })
            }
            Err(errno) => Ok(Value::new_int(ctx.clone(), -errno.raw_os_error())),
        }
    }
}

/// What a decoder that knows why it refuses gives: its result, `null` where the bytes end too early, or a text that
/// says what is wrong.
pub struct Parsed<T>(pub Result<Option<T>, String>);

impl<'js, T: Outcome<'js>> Outcome<'js> for Parsed<T> {
    fn declaration() -> String {
        format!("{} | null | string", T::declaration())
    }
    fn into_value(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0 {
            Ok(value) => value.into_value(ctx),
            Err(text) => text.into_value(ctx),
        }
    }
}
