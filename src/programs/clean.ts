import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { FileError } from "../errors/FileError.ts"
import { ProvisioningFailed } from "../errors/ProvisioningFailed.ts"
import { SettingsError } from "../errors/SettingsError.ts"
import { AgentLog } from "../services/AgentLog.ts"
import { ProvisioningState } from "../services/ProvisioningState.ts"
import { SettingsLoaded } from "../services/SettingsLoaded.ts"

/**
 * `azure-init clean [--logs]`: makes the image ready to be captured. Removes the markers of every VM and, when asked,
 * the log file.
 *
 * Never talks to Azure. Nothing to remove is a success. Both are tried whatever the other did; what failed is logged,
 * and the exit status is 1.
 */
export const clean = Effect.fnUntraced(function*(options: { readonly logs: boolean }) {
  const loaded = yield* SettingsLoaded
  const state = yield* ProvisioningState
  const log = yield* AgentLog
  if (Arr.isReadonlyArrayNonEmpty(loaded.errors)) {
    const error = new SettingsError({ problems: loaded.errors })
    yield* Effect.logError("The settings are wrong: nothing was removed", { error: error.message })
    return yield* new ProvisioningFailed({ status: 1, detail: error.message })
  }
  const failures: Array<string> = []
  const attempt = <A>(work: Effect.Effect<A, FileError>) =>
    Effect.catch(work, (error) =>
      Effect.andThen(
        Effect.logError("Could not remove everything", { error: error.message }),
        Effect.sync(() => {
          failures.push(error.message)
        })
      ))
  yield* attempt(
    Effect.flatMap(state.clean, (removed) =>
      removed.length === 0
        ? Effect.logInfo("There was no marker to remove")
        : Effect.forEach(removed, (path) => Effect.logInfo("Removed a marker", { path })))
  )
  if (options.logs) yield* attempt(log.remove)
  if (failures.length > 0) return yield* new ProvisioningFailed({ status: 1, detail: failures.join("; ") })
})
