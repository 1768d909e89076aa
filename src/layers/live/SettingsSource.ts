import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import { decodeSettings, type KeyProblem, mergeTables, type Table } from "../../domain/Settings.ts"
import type { FileError } from "../../errors/FileError.ts"
import type { SettingsProblem } from "../../errors/SettingsError.ts"
import { Paths } from "../../services/Paths.ts"
import { SettingsSource } from "../../services/SettingsSource.ts"
import { attempt, readText } from "./files.ts"

/** One settings file as it was read. */
interface Source {
  readonly file: string
  readonly text: string
  readonly table: Table
}

/**
 * {@link SettingsSource} from TOML files, lowest precedence first: the standard files, the `*.toml` of the standard directories in the order
 * of their bytes, then `--config`. Directories are not searched deeper.
 */
export const layer: Layer.Layer<SettingsSource> = Layer.effect(
  SettingsSource,
  Effect.gen(function*() {
    const paths = yield* Paths

    const load = Effect.fnUntraced(function*(config: Option.Option<string>) {
      const errors: Array<SettingsProblem> = []
      const sources: Array<Source> = []

      /** Failing to read is a problem unless a standard place is just not there. */
      const optionally = <A>(file: string, optional: boolean, work: Effect.Effect<A, FileError>) =>
        work.pipe(
          Effect.map(Option.some),
          Effect.catch((error) => {
            if (!(optional && error.code === "ENOENT")) {
              errors.push({ file, found: error.detail, expected: "a readable file or directory of settings" })
            }
            return Effect.succeed(Option.none<A>())
          })
        )

      const readFile = Effect.fnUntraced(function*(file: string, optional: boolean) {
        const text = yield* optionally(file, optional, readText(file))
        if (Option.isNone(text)) return
        const parsed = Toml.parse(text.value)
        if (Result.isSuccess(parsed)) {
          sources.push({ file, text: text.value, table: parsed.success })
          return
        }
        const position = / at line (\d+), column \d+/.exec(parsed.failure.message)
        errors.push({
          file,
          ...(position === null ? {} : { line: Number(position[1]) }),
          found: parsed.failure.message.replace(/ at line \d+, column \d+/, ""),
          expected: "a TOML 1.0 document"
        })
      })

      const readDirectory = Effect.fnUntraced(function*(directory: string, optional: boolean) {
        const found = yield* optionally(directory, optional, attempt("list", directory, () => Fs.readdir(directory)))
        const files = Option.getOrElse(found, () => [])
          .filter((name) => NodePath.extname(name) === ".toml" || name === ".toml")
          .sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
        yield* Effect.forEach(files, (name) => readFile(NodePath.join(directory, name), false))
      })

      yield* Effect.forEach(paths.settingsFiles, (file) => readFile(file, true))
      yield* Effect.forEach(paths.settingsDirectories, (directory) => readDirectory(directory, true))
      if (Option.isSome(config)) {
        const given = NodePath.resolve(config.value)
        const directory = yield* attempt("look at", given, () => Fs.stat(given)).pipe(
          Effect.map((status) => status.isDirectory()),
          Effect.catch(() => Effect.succeed(false))
        )
        yield* directory ? readDirectory(given, false) : readFile(given, false)
      }

      const warnings: Array<SettingsProblem> = []
      for (const { file, table, text } of sources) {
        const locate = (problem: KeyProblem): SettingsProblem => {
          const line = lineOf(text, problem.key)
          return { file, ...problem, ...(line === undefined ? {} : { line }) }
        }
        const { unknown, wrong } = decodeSettings(table)
        errors.push(...wrong.map(locate))
        warnings.push(...unknown.map(locate))
      }
      const merged = sources.reduce<Table>((earlier, { table }) => mergeTables(earlier, table), {})
      return { settings: decodeSettings(merged).settings, files: sources.map(({ file }) => file), errors, warnings }
    })

    return SettingsSource.of({ load })
  })
)

/** The line, from 1, on which a key or a section stands in a document of the usual layout; `undefined` where it cannot be told. */
const lineOf = (text: string, key: string): number | undefined => {
  let section = ""
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\s*([^\][]+?)\s*\]/.exec(line)
    if (header !== null) {
      section = header[1] ?? ""
      if (section === key) return index + 1
      continue
    }
    const assignment = /^\s*([\w."-]+(?:\s*\.\s*[\w"-]+)*)\s*=/.exec(line)
    if (assignment === null) continue
    const name = (assignment[1] ?? "").replace(/[\s"]/g, "")
    const whole = section === "" ? name : `${section}.${name}`
    if (whole === key || (section === "" && key.startsWith(`${name}.`))) return index + 1
  }
  return undefined
}
