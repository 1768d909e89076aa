import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { FileError } from "../../errors/FileError.ts"
import { AgentLog } from "../../services/AgentLog.ts"

/** An {@link AgentLog} that counts its removals in `calls`; `busy` makes them fail. */
export const make = (script: { readonly busy?: boolean } = {}): {
  readonly layer: Layer.Layer<AgentLog>
  readonly calls: ReadonlyArray<"remove">
} => {
  const calls: Array<"remove"> = []
  const remove = Effect.suspend(() => {
    calls.push("remove")
    return script.busy === true
      ? Effect.fail(new FileError({ operation: "remove", path: "azure-init.log", detail: "EBUSY", code: "EBUSY" }))
      : Effect.void
  })
  return { layer: Layer.succeed(AgentLog, AgentLog.of({ remove })), calls }
}
