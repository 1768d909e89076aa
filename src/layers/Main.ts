import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { Settings } from "../domain/Settings.ts"
import { unknownVmId } from "../domain/VmId.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { SettingsLoaded } from "../services/SettingsLoaded.ts"
import { SettingsSource } from "../services/SettingsSource.ts"
import { VmIdentity } from "../services/VmIdentity.ts"
import { choose } from "./distros/choose.ts"
import * as AgentLog from "./live/AgentLog.ts"
import * as Imds from "./live/Imds.ts"
import * as Kvp from "./live/Kvp.ts"
import * as ProvisioningMedia from "./live/ProvisioningMedia.ts"
import * as ProvisioningState from "./live/ProvisioningState.ts"
import * as FileSettings from "./live/SettingsSource.ts"
import * as Subprocess from "./live/Subprocess.ts"
import * as Dmi from "./live/VmIdentity.ts"
import * as WireServer from "./live/WireServer.ts"
import * as Platform from "./Platform.ts"
import * as Telemetry from "./Telemetry.ts"
import { standardError } from "./telemetry/standardError.ts"

/** The settings of this run, read once. */
const settings = (config: Option.Option<string>) =>
  Layer.effectContext(
    Effect.map(
      SettingsSource.use((source) => source.load(config)),
      (loaded) => Context.make(SettingsLoaded, loaded).pipe(Context.add(CurrentSettings, loaded.settings))
    )
  ).pipe(Layer.provide(FileSettings.layer))

/** Logs and spans of the rest; the environment's filters count over the settings'. */
const telemetry = Layer.unwrap(Effect.gen(function*() {
  const identity = yield* VmIdentity
  return Telemetry.layer({
    vmId: yield* Effect.catch(identity.vmId, () => Effect.succeed(unknownVmId)),
    logFilter: yield* Config.option(Config.NonEmptyString("AZURE_INIT_LOG")),
    kvpFilter: yield* Config.option(Config.NonEmptyString("AZURE_INIT_KVP_FILTER")),
    standardError: yield* standardError
  })
}))

const http = (timeout: (settings: Settings) => Duration.Duration) =>
  Layer.unwrap(Effect.map(CurrentSettings, (values) => Platform.httpClient(timeout(values))))

const concerns = Layer.mergeAll(
  Imds.layer.pipe(Layer.provide(http(({ imds }) => imds.connectionTimeout))),
  WireServer.layer.pipe(Layer.provide(http(({ wireserver }) => wireserver.connectionTimeout))),
  ProvisioningMedia.layer,
  ProvisioningState.layer,
  AgentLog.layer,
  Layer.unwrap(Effect.gen(function*() {
    const values = yield* CurrentSettings
    const distribution = yield* choose(values)
    return distribution(values)
  }))
)

/**
 * Everything put together, for a real host. `config` is the value of `--config`.
 *
 * The settings and the VM id come first, since telemetry and the distribution depend on them; building it talks to
 * nobody.
 */
export const layer = (config: Option.Option<string>) =>
  concerns.pipe(
    Layer.provideMerge(Subprocess.layer.pipe(Layer.provide(Platform.processes))),
    Layer.provideMerge(telemetry),
    Layer.provideMerge(Kvp.layer),
    Layer.provideMerge(Dmi.layer),
    Layer.provideMerge(settings(config))
  )
