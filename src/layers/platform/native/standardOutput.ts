import * as Effect from "effect/Effect"
import type { Natives } from "../../../../runtime/natives.d.ts"
import type { StandardOutput } from "../../../services/Linux.ts"
import { errorOf } from "./errors.ts"
import { statOf } from "./LinuxFile.ts"

/** A descriptor for the same file that does not wait; as {@link StandardOutput.output} tells. */
const neverWaiting = (system: Natives, fd: 1 | 2): number => {
  const { AT_FDCWD = -100, O_CLOEXEC = 0, O_NOCTTY = 0, O_NONBLOCK = 0, O_WRONLY = 1 } = system.constants
  const found = system.fstat(fd)
  if (typeof found === "number" || statOf(found).kind === "file") return fd
  if (statOf(found).isSocket) {
    system.setNonblocking(fd)
    return fd
  }
  const own = system.openat(AT_FDCWD, `/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0)
  return own < 0 ? fd : own
}

/** {@link StandardOutput} by the boot runtime's natives. */
export const standardOutput = (system: Natives, fd: 1 | 2): StandardOutput => {
  const found = system.fstat(fd)
  const { EAGAIN = 11, EINTR = 4 } = system.constants
  return {
    stat: typeof found === "number" ? undefined : statOf(found),
    isTerminal: system.isatty(fd),
    output: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => neverWaiting(system, fd)),
        (own) => Effect.sync(() => own === fd ? undefined : system.close(own))
      ),
      (own) => ({
        write: (bytes) => {
          const count = system.write(own, bytes)
          if (count >= 0) return count
          if (count === -EAGAIN || count === -EINTR) return 0
          throw errorOf(system, "write", `/proc/self/fd/${fd}`, count)
        }
      })
    )
  }
}
