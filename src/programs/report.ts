import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { formatInstant } from "../domain/LogRecord.ts"
import * as Report from "../domain/ProvisioningReport.ts"
import type { Reportable } from "../domain/Reportable.ts"
import type { VmId } from "../domain/VmId.ts"
import type { WireServerError } from "../errors/WireServerError.ts"
import { CurrentSettings } from "../services/CurrentSettings.ts"
import { Kvp } from "../services/Kvp.ts"
import { WireServer } from "../services/WireServer.ts"

const context = (vmId: VmId) =>
  Effect.map(Clock.currentTimeNanos, (now): Report.ReportContext => ({ vmId, at: formatInstant(now) }))

/** Writes what is queued for the host; a failure of KVP is logged and stops nothing. */
const flush = Effect.gen(function*() {
  const kvp = yield* Kvp
  yield* Effect.catch(kvp.flush, (error) => Effect.logWarning("Telemetry did not reach KVP", { error: error.message }))
})

/**
 * Tells Azure that the VM is ready, and ends when Azure has accepted it.
 *
 * KVP first and flushed: the host reads it when the health report arrives. Fails when the deadline of the settings has
 * passed.
 */
export const reportReady = Effect.fnUntraced(
  function*(vmId: VmId): Effect.fn.Return<void, WireServerError, Kvp | WireServer> {
    const kvp = yield* Kvp
    const wireServer = yield* WireServer
    const report = Report.success(yield* context(vmId))
    yield* Effect.logInfo("The report on this boot", { health_report: report })
    kvp.offer({ key: Report.reportKey, value: report })
    yield* flush
    yield* wireServer.ready
  }
)

/** Tells Azure why the VM is not ready, every failure in one report; KVP first, as in {@link reportReady}. */
export const reportFailure = Effect.fnUntraced(
  function*(
    vmId: VmId,
    failures: Arr.NonEmptyReadonlyArray<Reportable>
  ): Effect.fn.Return<void, WireServerError, Kvp | WireServer> {
    const kvp = yield* Kvp
    const wireServer = yield* WireServer
    const at = yield* context(vmId)
    const report = Report.failure(at, failures, Report.maximumKvpReport)
    yield* Effect.logInfo("The report on this boot", { health_report: report })
    kvp.offer({ key: Report.reportKey, value: report })
    yield* flush
    yield* wireServer.failed(Report.failure(at, failures, Report.maximumHealthDescription))
  }
)

/**
 * Tells Azure, when the settings say so, that provisioning is under way, beside the work.
 *
 * The request ends, or its connection is closed, when the scope closes: nothing may reach WireServer after the final
 * report.
 */
export const reportInProgress = Effect.fnUntraced(
  function*(vmId: VmId): Effect.fn.Return<void, never, CurrentSettings | Kvp | WireServer | Scope.Scope> {
    const settings = yield* CurrentSettings
    if (!settings.wireserver.reportInProgress) return
    const wireServer = yield* WireServer
    yield* flush.pipe(
      Effect.andThen(wireServer.inProgress(Report.inProgress(vmId))),
      Effect.catch((error) => Effect.logWarning("Azure did not take the in-progress report", { error: error.message })),
      // Before the work, so that it is sent however quick that is.
      Effect.forkScoped({ startImmediately: true })
    )
  }
)
