import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs/promises"
import { AgentLog } from "../../services/AgentLog.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Paths } from "../../services/Paths.ts"
import { attempt } from "./files.ts"

/** {@link AgentLog} at the place that the settings name. */
export const layer: Layer.Layer<AgentLog, never, CurrentSettings> = Layer.effect(
  AgentLog,
  Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const path = `${paths.root}${settings.azure_init_log_path.path}`
    return AgentLog.of({ remove: attempt("remove", path, () => Fs.rm(path, { force: true })) })
  })
)
