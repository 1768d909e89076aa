import * as Context from "effect/Context"
import type { Settings } from "../domain/Settings.ts"

/** The settings in force for this run; live layers read them when they are built. */
export class CurrentSettings
  extends Context.Service<CurrentSettings, Settings>()("azure-init/services/CurrentSettings")
{}
