import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Tty from "node:tty"
import type { StandardOutput } from "../../../services/Linux.ts"
import { errorOf } from "./errors.ts"
import { statOf } from "./LinuxFile.ts"

const { constants } = Fs

const statusOf = (fd: number): Fs.Stats | undefined => {
  try {
    return Fs.fstatSync(fd)
  } catch {
    return undefined
  }
}

/** A descriptor for the same file that does not wait; as {@link StandardOutput.output} tells. */
const neverWaiting = (fd: 1 | 2): number => {
  const status = statusOf(fd)
  if (status === undefined || status.isFile()) return fd
  if (status.isSocket()) {
    // Node makes it non-blocking when it opens its own stream.
    void (fd === 1 ? process.stdout : process.stderr)
    return fd
  }
  try {
    return Fs.openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return fd
  }
}

/** {@link StandardOutput} on Node. */
export const standardOutput = (fd: 1 | 2): StandardOutput => {
  const status = statusOf(fd)
  return {
    stat: status === undefined ? undefined : statOf(status),
    isTerminal: Tty.isatty(fd),
    output: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => neverWaiting(fd)),
        (own) => Effect.sync(() => own === fd ? undefined : Fs.closeSync(own))
      ),
      (own) => ({
        write: (bytes) => {
          try {
            return Fs.writeSync(own, bytes)
          } catch (thrown) {
            const error = errorOf("write", `/proc/self/fd/${fd}`, thrown)
            if (/^(EAGAIN|EWOULDBLOCK|EINTR)$/.test(error.code)) return 0
            throw error
          }
        }
      })
    )
  }
}
