import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Kvp from "../../src/layers/live/Kvp.ts"
import * as Telemetry from "../../src/layers/Telemetry.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Kvp as KvpService } from "../../src/services/Kvp.ts"
import { Linux } from "../../src/services/Linux.ts"
import { pathsBelow } from "./host.ts"
import { platformSettings } from "./platformSettings.ts"

/**
 * A process of its own, which the tests run where no file may grow beyond a few KiB: logs much, offers KVP records, and
 * prints how the flush of these ended.
 */
const [, , root = ""] = process.argv

const host = Layer.mergeAll(pathsBelow(root), Layer.succeed(CurrentSettings, platformSettings()))

const work = Effect.gen(function*() {
  const kvp = yield* KvpService
  for (let line = 0; line < 200; line++) yield* Effect.logInfo(`line ${line}`, { filler: "x".repeat(100) })
  for (let id = 0; id < 3; id++) kvp.offer({ key: `k${id}`, value: "v" })
  const outcome = yield* kvp.flush.pipe(Effect.as("stored"), Effect.catch((error) => Effect.succeed(error.message)))
  process.stdout.write(`${outcome}\n`)
})

await Effect.runPromise(work.pipe(
  Effect.provide(
    Layer.unwrap(
      Effect.map(Linux.pipe(Effect.flatMap((linux) => linux.standardOutput(2).output)), (output) =>
        Telemetry.layer({
          logFilter: Option.none(),
          kvpFilter: Option.none(),
          vmId: "vm",
          standardError: { output, journal: true, colours: false }
        }))
    ).pipe(
      Layer.provideMerge(Kvp.layer),
      Layer.provide(host)
    )
  )
))
