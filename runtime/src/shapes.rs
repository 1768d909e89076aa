//! Tuples and objects that natives give, declared once for Rust and TypeScript.

/// Declares a tuple: its elements have names in TypeScript.
macro_rules! tuple {
    ($(#[doc = $doc:literal])* $name:ident($($field:ident: $type:ty),*)) => {
        $(#[doc = $doc])*
        pub struct $name($(pub $type),*);

        impl<'js> $crate::values::Outcome<'js> for $name {
            fn declaration() -> String {
                let fields: Vec<String> = vec![$(format!(
                    "{}: {}",
                    stringify!($field),
                    <$type as $crate::values::Outcome>::declaration()
                )),*];
                format!("readonly [{}]", fields.join(", "))
            }
            fn into_value(self, ctx: &rquickjs::Ctx<'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
                let $name($($field),*) = self;
                let array = rquickjs::Array::new(ctx.clone())?;
                let mut _index = 0;
                $(
                    array.set(_index, $crate::values::Outcome::into_value($field, ctx)?)?;
                    _index += 1;
                )*
                Ok(array.into_value())
            }
        }
    };
}
pub(crate) use tuple;

/// Declares an object: a struct here, an interface in TypeScript.
macro_rules! record {
    ($(#[doc = $doc:literal])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[doc = $doc])*
        #[allow(non_snake_case, missing_docs)]
        pub struct $name { $(pub $field: $type),* }

        impl $name {
            /// The interface in TypeScript.
            pub fn interface() -> String {
                let mut text = $crate::shapes::comment("", &[$($doc),*]);
                text.push_str(concat!("export interface ", stringify!($name), " {\n"));
                $(text.push_str(&format!(
                    "  readonly {}: {}\n",
                    stringify!($field).trim_start_matches("r#"),
                    <$type as $crate::values::Outcome>::declaration()
                ));)*
                text.push_str("}\n");
                text
            }
        }

        impl<'js> $crate::values::Outcome<'js> for $name {
            fn declaration() -> String {
                stringify!($name).into()
            }
            fn into_value(self, ctx: &rquickjs::Ctx<'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
                let object = rquickjs::Object::new(ctx.clone())?;
                $(object.set(stringify!($field).trim_start_matches("r#"), $crate::values::Outcome::into_value(self.$field, ctx)?)?;)*
                Ok(object.into_value())
            }
        }
    };
}
pub(crate) use record;

/// A doc comment of TypeScript, from the lines of one of Rust.
pub fn comment(indent: &str, lines: &[&str]) -> String {
    match lines {
        [] => String::new(),
        [line] => format!("{indent}/**{line} */\n"),
        lines => {
            let mut text = format!("{indent}/**\n");
            for line in lines {
                text.push_str(format!("{indent} *{line}").trim_end());
                text.push('\n');
            }
            text.push_str(&format!("{indent} */\n"));
            text
        }
    }
}
