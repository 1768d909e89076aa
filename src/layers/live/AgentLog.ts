import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import { AgentLog } from "../../services/AgentLog.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import type { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { files } from "../linux/files.ts"

/** {@link AgentLog} at the place that the settings name. */
export const layer: Layer.Layer<AgentLog, never, CurrentSettings | Linux | Path.Path> = Layer.effect(
  AgentLog,
  Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const { remove } = yield* files
    const path = `${paths.root}${settings.azureInitLogPath.path}`
    return AgentLog.of({ remove: remove(path) })
  })
)
