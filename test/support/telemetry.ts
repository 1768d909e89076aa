import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { lstatSync, readFileSync } from "node:fs"
import * as Telemetry from "../../src/layers/Telemetry.ts"
import * as TestKvp from "../../src/layers/test/Kvp.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import type { Kvp } from "../../src/services/Kvp.ts"
import { pathsBelow, temporaryRoot } from "./host.ts"
import { platformSettings } from "./platformSettings.ts"

/** The VM of the tests. */
export const vmId = "550e8400-e29b-41d4-a716-446655440000"

/** How a test disturbs or sets up telemetry. */
export interface Script {
  readonly logFilter?: string
  readonly kvpFilter?: string
  readonly configuredFilter?: string
  readonly logPath?: string
  readonly flushes?: ReadonlyArray<TestKvp.Flush>
  readonly prepare?: (root: string) => void
  /** Whether a person reads standard error, and not a journal. */
  readonly person?: "colours" | "plain"
  /** Whether nobody reads standard error at the moment. */
  readonly full?: () => boolean
}

/** Standard error that takes everything and shows nobody. */
export const unread = { output: { write: (bytes: Uint8Array) => bytes.length }, journal: true, colours: false }

/** Runs an effect with telemetry, and gives all that it left. */
export const observe = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E, Kvp>, script: Script = {}) {
  const root = yield* temporaryRoot
  script.prepare?.(root)
  const path = script.logPath ?? "/var/log/azure-init.log"
  const kvp = TestKvp.make(script.flushes === undefined ? {} : { flushes: script.flushes })
  const stderr: Array<string> = []
  const settings = {
    ...platformSettings(),
    telemetry: { kvpDiagnostics: true, kvpFilter: Option.fromUndefinedOr(script.configuredFilter) },
    azureInitLogPath: { path }
  }
  // The instant of azure-init's recording.
  yield* TestClock.setTime(1795407247209)
  yield* effect.pipe(
    Effect.provide(
      Telemetry.layer({
        logFilter: Option.fromUndefinedOr(script.logFilter),
        kvpFilter: Option.fromUndefinedOr(script.kvpFilter),
        vmId,
        standardError: {
          output: {
            write: (bytes) => {
              if (script.full?.() === true) return 0
              stderr.push(new TextDecoder().decode(bytes))
              return bytes.length
            }
          },
          journal: script.person === undefined,
          colours: script.person === "colours"
        }
      }).pipe(
        Layer.provideMerge(kvp.layer),
        Layer.provide([pathsBelow(root), Layer.succeed(CurrentSettings, settings)])
      )
    )
  )
  const file = `${root}${path}`
  return {
    root,
    file,
    log: lstatSync(file).isFile() ? readFileSync(file, "utf8") : "",
    stderr: stderr.join(""),
    offered: kvp.calls.offered,
    flushed: kvp.calls.flushed.flat()
  }
})

/** One event at each level. */
export const levels = Effect.gen(function*() {
  yield* Effect.logTrace("at TRACE")
  yield* Effect.logDebug("at DEBUG")
  yield* Effect.logInfo("at INFO")
  yield* Effect.logWarning("at WARN")
  yield* Effect.logError("at ERROR")
}).pipe(Effect.withSpan("http:request"))

/** The levels of the events of {@link levels} in a text. */
export const seen = (text: string) => text.match(/(?<=at )[A-Z]+/g) ?? []

/** The same in KVP entries. */
export const eventsOf = (entries: ReadonlyArray<{ readonly value: string }>) =>
  seen(entries.map(({ value }) => value).join("\n"))
