import * as Context from "effect/Context"
import type { LoadedSettings } from "./SettingsSource.ts"

/**
 * What was found when this run's settings were read: the programs decide by it, the live layers need only
 * `CurrentSettings`.
 */
export class SettingsLoaded extends Context.Service<SettingsLoaded, LoadedSettings>()(
  "azure-init/services/SettingsLoaded"
) {}
