import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Platform from "../../src/layers/Platform.ts"
import * as Telemetry from "../../src/layers/Telemetry.ts"
import { standardError } from "../../src/layers/telemetry/standardError.ts"
import * as TestKvp from "../../src/layers/test/Kvp.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { pathsBelow } from "./host.ts"
import { platformSettings } from "./platformSettings.ts"

/**
 * A process of its own, which logs more than a pipe holds to standard error, and then ends, or waits when there is a
 * second argument.
 */
const [, , root = "", wait] = process.argv

const work = Effect.gen(function*() {
  for (let line = 0; line < 2000; line++) yield* Effect.logError(`line ${line}`, { filler: "x".repeat(100) })
  if (wait !== undefined) return yield* Effect.never
})

work.pipe(
  Effect.provide(
    Layer.unwrap(
      Effect.map(
        standardError,
        (standard) =>
          Telemetry.layer({ logFilter: Option.none(), kvpFilter: Option.none(), vmId: "vm", standardError: standard })
      )
    ).pipe(
      Layer.provide([TestKvp.make().layer, pathsBelow(root), Layer.succeed(CurrentSettings, platformSettings())])
    )
  ),
  Platform.runMain
)
