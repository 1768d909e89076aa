import * as Effect from "effect/Effect"
import { getSystemErrorMessage } from "node:util"
import { LinuxError } from "../../../errors/LinuxError.ts"
import { type Place, show } from "../../../services/Linux.ts"

/** The error that Node has thrown, for what the call was about. */
export const errorOf = (operation: string, place: Place, thrown: unknown): LinuxError => {
  const { code, errno, message } = refusedByNode(thrown) ? invalid : systemErrorOf(thrown)
  return new LinuxError({
    operation,
    path: show(place),
    code,
    detail: errno === undefined ? message : getSystemErrorMessage(errno)
  })
}

/**
 * Node looks at arguments before the kernel does, and has codes of its own for those that the kernel answers with
 * EINVAL.
 */
const refusedByNode = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown
  && (thrown.code === "ERR_INVALID_ARG_VALUE" || thrown.code === "ERR_OUT_OF_RANGE")

const invalid = { code: "EINVAL", errno: -22, message: "" }

const systemErrorOf = (thrown: unknown) =>
  thrown instanceof Error
    ? {
      code: "code" in thrown && typeof thrown.code === "string" ? thrown.code : "EIO",
      errno: "errno" in thrown && typeof thrown.errno === "number" ? thrown.errno : undefined,
      message: thrown.message
    }
    : { code: "EIO", errno: undefined, message: String(thrown) }

/** Makes a call of Node's that throws. */
export const attempt = <A>(operation: string, place: Place, call: () => A): Effect.Effect<A, LinuxError> =>
  Effect.try({ try: call, catch: (thrown) => errorOf(operation, place, thrown) })

/** Makes a call of Node's that rejects. */
export const attemptLater = <A>(
  operation: string,
  place: Place,
  call: () => Promise<A>
): Effect.Effect<A, LinuxError> =>
  Effect.tryPromise({ try: call, catch: (thrown) => errorOf(operation, place, thrown) })
