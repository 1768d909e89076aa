import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { FileError } from "../errors/FileError.ts"

/** The agent's own log file. `remove` deletes it; that it is not there is a success. */
export class AgentLog extends Context.Service<AgentLog, {
  readonly remove: Effect.Effect<void, FileError>
}>()("azure-init/services/AgentLog") {}
