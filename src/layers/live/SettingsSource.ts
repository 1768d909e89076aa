import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import { decodeSettings, type KeyProblem } from "../../domain/SettingsDocument.ts"
import * as TomlProblem from "../../domain/TomlProblem.ts"
import { keysOf, mergeTables, type TomlTable } from "../../domain/TomlTable.ts"
import { FileError } from "../../errors/FileError.ts"
import type { SettingsProblem } from "../../errors/SettingsError.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { SettingsSource } from "../../services/SettingsSource.ts"
import { attempt, files as filesOf } from "../linux/files.ts"

/** The whole of the documented file has 3 KB; a parser can be made to use a hundred times a file's size. */
const maximumFile = 64 * 1024

const encoder = new TextEncoder()

/** The order of the names' bytes, as `LC_ALL=C ls` has it. */
const byBytes = (left: string, right: string): number => {
  const [first, second] = [encoder.encode(left), encoder.encode(right)]
  const differs = first.findIndex((byte, index) => byte !== second[index])
  return differs < 0 ? first.length - second.length : (first[differs] ?? 0) - (second[differs] ?? -1)
}

/** The text of UTF-8, a byte order mark included; `none` when it is none. */
const decodeUtf8 = Option.liftThrowable((bytes: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
)

/** One settings file as it was read. */
interface Source {
  readonly file: string
  readonly text: string
  readonly table: TomlTable
}

/**
 * {@link SettingsSource} from TOML files, lowest precedence first: the standard files, the `*.toml` of the standard
 * directories in the order of their bytes, then `--config`. Directories are not searched deeper.
 */
export const layer: Layer.Layer<SettingsSource, never, Linux | Path.Path> = Layer.effect(
  SettingsSource,
  Effect.gen(function*() {
    const paths = yield* Paths
    const linux = yield* Linux
    const path = yield* Path.Path
    const { readBytes } = yield* filesOf

    /** A settings file's bytes. A pipe or a device in its place would read as a file that says nothing. */
    const readRegular = Effect.fnUntraced(function*(file: string) {
      const status = yield* attempt("look at", file, linux.stat(file))
      return yield* status.kind === "file"
        ? readBytes(file, { maximum: maximumFile })
        : new FileError({ operation: "read", path: file, detail: "something that is not a regular file" })
    })

    const load = Effect.fnUntraced(function*(config: Option.Option<string>) {
      const errors: Array<SettingsProblem> = []
      const sources: Array<Source> = []

      /** Failing to read is a problem unless a standard place is just not there, which these codes tell. */
      const optionally = <A>(file: string, absent: ReadonlyArray<string>, work: Effect.Effect<A, FileError>) =>
        work.pipe(
          Effect.map(Option.some),
          Effect.catch((error) => {
            if (!absent.includes(error.code ?? "")) {
              errors.push({ file, found: error.detail, expected: "a readable file or directory of settings" })
            }
            return Effect.succeed(Option.none<A>())
          })
        )

      const readFile = Effect.fnUntraced(function*(file: string, optional: boolean) {
        const bytes = yield* optionally(file, optional ? ["ENOENT", "ENOTDIR"] : [], readRegular(file))
        if (Option.isNone(bytes)) return
        const decoded = decodeUtf8(bytes.value)
        if (Option.isNone(decoded)) {
          errors.push({ file, found: "bytes that are not UTF-8", expected: "text in UTF-8" })
          return
        }
        const text = decoded.value
        const parsed = Toml.parse(text)
        if (Result.isSuccess(parsed)) {
          sources.push({ file, text, table: parsed.success })
          return
        }
        errors.push({ file, ...TomlProblem.describe(parsed.failure.message, text) })
      })

      const readDirectory = Effect.fnUntraced(function*(directory: string, optional: boolean) {
        const found = yield* optionally(
          directory,
          optional ? ["ENOENT"] : [],
          attempt("list", directory, linux.list(directory))
        )
        const files = Option.getOrElse(found, () => [])
          .map(({ name }) => name)
          .filter((name) => name.endsWith(".toml"))
          .toSorted(byBytes)
        yield* Effect.forEach(files, (name) => readFile(path.join(directory, name), false))
      })

      yield* Effect.forEach(paths.settingsFiles, (file) => readFile(file, true))
      yield* Effect.forEach(paths.settingsDirectories, (directory) => readDirectory(directory, true))
      if (Option.isSome(config)) {
        const given = path.resolve(config.value)
        const directory = yield* attempt("look at", given, linux.stat(given)).pipe(
          Effect.map((status) => status.kind === "directory"),
          Effect.catch(() => Effect.succeed(false))
        )
        yield* directory ? readDirectory(given, false) : readFile(given, false)
      }

      const warnings: Array<SettingsProblem> = []
      for (const { file, table, text } of sources) {
        const { unknown, wrong } = decodeSettings(table)
        if (unknown.length === 0 && wrong.length === 0) continue
        const lineOf = lines(text)
        const locate = (problem: KeyProblem): SettingsProblem => {
          const line = lineOf(problem.key)
          return { file, ...problem, ...(line === undefined ? {} : { line }) }
        }
        errors.push(...wrong.map(locate))
        warnings.push(...unknown.map(locate))
      }
      const merged = sources.reduce<TomlTable>((earlier, { table }) => mergeTables(earlier, table), {})
      const files = sources.map(({ file }) => file)
      return { settings: decodeSettings(merged).settings, files, set: keysOf(merged), errors, warnings }
    })

    return SettingsSource.of({ load })
  })
)

/** A key or a section as it stands in a file. */
interface Place {
  readonly name: string
  readonly header: boolean
  readonly line: number
}

/**
 * Tells the line, from 1, on which a key or a section stands in a document of the usual layout; `undefined` where it
 * cannot be told, such as when a string of several lines has the like. The document is searched once, since every one
 * of its keys can be wrong.
 */
const lines = (text: string): (key: string) => number | undefined => {
  let section = ""
  const places: Array<Place> = []
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\[?([^\][]+)\]/.exec(line)?.[1]
    const assigned = header === undefined ? /^\s*([\w"'-]+(?:\s*\.\s*[\w"'-]+)*)\s*=/.exec(line)?.[1] : undefined
    const name = (header ?? assigned ?? "").replace(/[\s"']/g, "")
    if (name === "") continue
    const whole = header !== undefined || section === "" ? name : `${section}.${name}`
    if (header !== undefined) section = name
    places.push({ name: whole, header: header !== undefined, line: index + 1 })
  }
  const byName = Map.groupBy(places, ({ name }) => name)
  return (key) => {
    const exact = byName.get(key)
    if (exact !== undefined) return exact.length === 1 ? exact[0]?.line : undefined
    const prefix = `${key}.`
    return places.find(({ header, name }) => name.startsWith(prefix) || (!header && key.startsWith(`${name}.`)))?.line
  }
}
