import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spellings } from "../../domain/VmId.ts"
import { FileError } from "../../errors/FileError.ts"
import { type Progress, ProvisioningState } from "../../services/ProvisioningState.ts"

/** How a {@link make} state begins, and what goes wrong with it. */
export interface Script {
  /** What earlier boots have left, by VM id. */
  readonly progress?: Readonly<Record<string, Progress>>
  /** Another agent holds the lock for longer than anybody waits. */
  readonly locked?: boolean
  /** The disk refuses the writing of this marker. */
  readonly full?: "configured" | "reported"
}

/** A {@link ProvisioningState} in memory; `calls` tells the markers in the order in which they were written. */
export const make = (script: Script = {}): {
  readonly layer: Layer.Layer<ProvisioningState>
  readonly calls: ReadonlyArray<string>
} => {
  const markers = new Map<string, Progress>(Object.entries(script.progress ?? {}))
  const calls: Array<string> = []
  const mark = (vmId: string, progress: "configured" | "reported") =>
    Effect.suspend(() => {
      if (script.full === progress) {
        return Effect.fail(
          new FileError({
            operation: "write",
            path: `${vmId}.${progress}`,
            detail: "no space left on device",
            code: "ENOSPC"
          })
        )
      }
      calls.push(`${progress} ${vmId}`)
      markers.set(vmId, progress)
      return Effect.void
    })
  const service = ProvisioningState.of({
    progress: (vmId) =>
      Effect.sync(() =>
        spellings(vmId).map((id) => markers.get(id)).find((found) => found !== undefined) ?? "unprovisioned"
      ),
    markConfigured: (vmId) => mark(vmId, "configured"),
    markReported: (vmId) => mark(vmId, "reported"),
    clean: Effect.sync(() => {
      const removed = [...markers.keys()]
      markers.clear()
      calls.push("clean")
      return removed
    }),
    lock: () =>
      script.locked === true
        ? Effect.fail(
          new FileError({ operation: "lock", path: "lock", detail: "somebody else holds it", code: "EWOULDBLOCK" })
        )
        : Effect.void
  })
  return { layer: Layer.succeed(ProvisioningState, service), calls }
}
