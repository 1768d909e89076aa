import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import * as LogFilter from "../../../src/domain/LogFilter.ts"
import { renderSettings } from "../../../src/domain/SettingsDocument.ts"
import { formatProblem } from "../../../src/errors/SettingsError.ts"
import * as SettingsLive from "../../../src/layers/live/SettingsSource.ts"
import { SettingsSource } from "../../../src/services/SettingsSource.ts"
import { pathsBelow } from "../../support/host.ts"
import { refused, type Target, value } from "../target.ts"
import { bytesOf, filesIn, output, promise } from "./common.ts"

/** A settings file. */
export const toml: Target = {
  name: "toml",
  documents: () => [
    ...filesIn("settings/"),
    ...filesIn("fuzz/toml/"),
    // These took more than a second or 64 MiB before there was a bound on a file's size.
    ...bytesOf(
      `a${".a".repeat(400_000)} = 1\n`,
      `a${".a".repeat(32_000)} = 1\n`,
      Array.from({ length: 60_000 }, (_, index) => `k${index} = 1\n`).join(""),
      Array.from({ length: 5000 }, (_, index) => `imds.a${index}.b=1\n`).join("").slice(0, 65_530)
    ),
    readFileSync(new URL("../../../config/azure-init.toml", import.meta.url))
  ],
  words: [
    "[",
    "]",
    "[[",
    "]]",
    "[a.b]\n",
    "a.",
    ".",
    "=",
    " = ",
    "\"",
    "\"\"\"",
    "'''",
    "'",
    "\\u0000",
    "\\U0010FFFF",
    "#",
    "\n",
    "\r\n",
    "{",
    "}",
    "{a={",
    "[[[[",
    ",",
    "true",
    "inf",
    "nan",
    "0x",
    "1_0",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "[imds]\n",
    "[telemetry]\n",
    "[azure_init_log_path]\n",
    "endpoint = \"http://",
    "retry_interval_secs = ",
    "groups = [",
    "backends = [\"file\"]\n",
    "path = \"/",
    "kvp_filter = \"",
    "distribution = \"flatcar\"\n",
    "[__proto__]\n"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      mkdirSync(`${directory}/etc`)
      const source = yield* SettingsSource.pipe(
        Effect.provide(SettingsLive.layer.pipe(Layer.provide(pathsBelow(directory))))
      )
      const load = Effect.fnUntraced(function*(bytes: Uint8Array | string) {
        writeFileSync(`${directory}/etc/azure-init.toml`, bytes)
        return yield* source.load(Option.none())
      })
      return Effect.fnUntraced(function*(bytes) {
        const { errors, settings, warnings } = yield* load(bytes)
        const wrong = errors.map(formatProblem).join("; ")
        promise(wrong.length < 65_536, "what is wrong is said in less than 64 KiB")
        if (errors.length > 0) return refused("SettingsError", wrong)
        const again = yield* load(renderSettings(settings))
        promise(
          again.errors.length === 0 && renderSettings(again.settings) === renderSettings(settings),
          "rendered settings are read as the same"
        )
        return value(`${warnings.length > 0}`, { settings, warnings })
      })
    })
}

/** Filters of the log, from the environment and the settings. */
export const logFilter: Target = {
  name: "log_filter",
  documents: () =>
    bytesOf(
      "info",
      "warn,libazureinit=info,azure_init=debug",
      "off",
      "3",
      "libazureinit::http[http:get{attempt=1,url=\"a,b\"}]=trace",
      "[provision]=debug",
      "a[b{c}],d=error",
      // Took time with the square of its length.
      ",url=\"A".repeat(20_000),
      "[".repeat(100_000)
    ),
  words: [
    "=",
    ",",
    "[",
    "]",
    "{",
    "}",
    "[a{b=c}]",
    "\"",
    "::",
    "info",
    "off",
    "trace",
    "5",
    " ",
    "azure_init",
    ".",
    "-"
  ],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() => {
        // The kernel has no variables of more bytes, and settings files have half of it (execve(2), `MAX_ARG_STRLEN`).
        const parsed = LogFilter.parse(output(bytes.subarray(0, 128 * 1024)))
        if (Result.isFailure(parsed)) return refused("LogFilter", parsed.failure)
        const spans = [{ target: "libazureinit::http", name: "http:get", fields: new Map([["attempt", 1]]) }]
        const passes = LogFilter.passes(parsed.success, { level: "DEBUG", target: "libazureinit::http", spans })
        return value(`${passes} ${LogFilter.leastGrave([parsed.success])}`, parsed.success)
      })
    )
}
