import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { GroupName } from "./Username.ts"

/** What a key of the settings holds: `A` in code, a TOML value in the files. */
export interface ValueType<A> {
  /** The unit, the bounds and the form of the TOML value, in words: `a number of seconds from 0.01 to 86400`. */
  readonly expected: string
  /** The schema of the TOML value. */
  readonly schema: () => Schema.Top
  /** The value in code of a TOML value; `none` for one that is not as `expected` says. */
  readonly decode: (value: unknown) => Option.Option<A>
}

/** Makes a value when it is first asked for. */
export const lazily = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** A type by the schema of its TOML values, which a boot that finds no value of the type does not build. */
const valueOf = <A, T, E>(
  expected: string,
  schema: () => Schema.Codec<T, E>,
  fromToml: (value: T) => A
): ValueType<A> => {
  const built = lazily(schema)
  const decode = lazily(() => Schema.decodeUnknownOption(built()))
  return { expected, schema: built, decode: (value) => Option.map(decode()(value), fromToml) }
}

/** A type whose values are the same in code and in the files. */
const same = <A, E>(expected: string, schema: () => Schema.Codec<A, E>): ValueType<A> =>
  valueOf(expected, schema, (value) => value)

/** No VM is provisioned for longer than a day; Azure gives up after less than an hour. */
const longest = 86_400

/** Seconds as an integer or a float of at least `minimum`. */
export const secondsFrom = (minimum: number): ValueType<Duration.Duration> =>
  valueOf(
    `a number of seconds from ${minimum} to ${longest}`,
    () => Schema.Finite.check(Schema.isBetween({ minimum, maximum: longest })),
    (value) => Duration.seconds(value)
  )

/** Seconds of an interval or a deadline. An interval of 0 would ask without pause. */
export const seconds = secondsFrom(0.01)

/** A boolean. */
export const bool = same("true or false", () => Schema.Boolean)

const quoted = (names: ReadonlyArray<string>): ReadonlyArray<string> => names.map((name) => JSON.stringify(name))

/** One of some names, or nothing. */
export const optionalName = <const A extends string>(...names: ReadonlyArray<A>): ValueType<Option.Option<A>> =>
  valueOf(quoted(names).join(" or "), () => Schema.Literals(names), (name) => Option.some(name))

/** A list of some names in any order, not empty. */
export const listOf = <const A extends string>(...names: ReadonlyArray<A>): ValueType<ReadonlyArray<A>> =>
  same(
    `a list of at least one of ${quoted(names).join(", ")}`,
    () => Schema.Array(Schema.Literals(names)).check(Schema.isMinLength(1))
  )

/** A list of group names. */
export const groupNames: ValueType<ReadonlyArray<GroupName>> = same(
  "a list of group names",
  () => Schema.Array(GroupName)
)

// A JSON Schema has patterns with the flag `u` only: `[\s\S]` finds `..` behind a line break.

/** An absolute path. */
export const absolutePath = same(
  "an absolute path without '..'",
  () =>
    Schema.String.check(
      Schema.isPattern(/^\/(?!\/)[^\0\n]*$/u),
      Schema.isPattern(/^(?![\s\S]*\/\.\.(\/|$))/u)
    )
)

/** A path of a user's file. */
export const homePath = same(
  "a path, absolute or below the home directory, without '..'",
  () => Schema.String.check(Schema.isPattern(/^[^\0\n]+$/u), Schema.isPattern(/^(?!([\s\S]*\/)?\.\.(\/|$))/u))
)

const isUrl = Schema.makeFilter((text: string) => URL.canParse(text))

/** A URL. Plain HTTP: the platform's addresses speak nothing else. */
export const httpUrl = same(
  "an http:// URL",
  () => Schema.String.check(Schema.isPattern(/^http:\/\/[^\s/?#@]+(\/[^\s#]*)?$/u), isUrl)
)

/** Scheme, host and port of a URL. */
export const httpOrigin = same(
  "an http:// URL without a path",
  () => Schema.String.check(Schema.isPattern(/^http:\/\/[^\s/?#@]+$/u), isUrl)
)

/** Directives of a log filter as `LogFilter` reads them; a blank text is none. */
export const filter = valueOf(
  "filter directives such as \"info\" or \"warn,libazureinit=info\"",
  () => Schema.String,
  (text) => Option.filter(Option.some(text.trim()), (directives) => directives !== "")
)
