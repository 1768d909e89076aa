import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import type { FileError } from "../../errors/FileError.ts"
import type { SubprocessError } from "../../errors/SubprocessError.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { Subprocess } from "../../services/Subprocess.ts"
import { attempt, files } from "../linux/files.ts"
import type { Configuration } from "./sshd.ts"

/** The unit on Debian and Ubuntu, and on everything else. */
const units = ["ssh.service", "sshd.service"]

/**
 * Where systemd keeps the control groups of services: in the unified hierarchy, in that of its own, and in both
 * (cgroups(7)).
 */
const slices = [
  "/sys/fs/cgroup/system.slice",
  "/sys/fs/cgroup/systemd/system.slice",
  "/sys/fs/cgroup/unified/system.slice"
]

/**
 * Has a running sshd read its configuration again, after it has given `answer` about it. It starts no sshd, and waits
 * for none: a job of systemd that is ordered behind us would never end.
 *
 * sshd starts anew at a SIGHUP, so that it ends where it could not start. The signal is sent where that is known not to
 * happen: the configuration is in force, there is a host key, and the process is that of the unit, which has written
 * its pid file, as it does when it waits for the signal. Otherwise systemd does what the unit says, for a unit that has
 * processes or is about to; a unit that has none reads the configuration when it starts.
 */
export const makeReload = Effect.gen(function*() {
  const paths = yield* Paths
  const linux = yield* Linux
  const subprocess = yield* Subprocess
  const { dirname } = yield* Path.Path
  const { exists, readTextIfPresent } = yield* files
  const below = (path: string) => `${paths.root}${path}`

  /**
   * The process that the pid file names, where that is an sshd: the file may be older than this boot, its number
   * somebody else's by now.
   */
  const mainProcess = Effect.fnUntraced(function*(pidFile: string) {
    const pid = (yield* readTextIfPresent(below(pidFile)))?.trim() ?? ""
    if (!/^[1-9][0-9]*$/.test(pid)) return undefined
    const comm = yield* readTextIfPresent(below(`/proc/${pid}/comm`))
    return comm?.trim() === "sshd" ? Number(pid) : undefined
  })

  const hangUp = Effect.fnUntraced(function*(pid: number) {
    yield* attempt("signal", `process ${pid}`, linux.signal(pid, "SIGHUP"))
    yield* Effect.logInfo("Reloaded sshd", { pid })
  })

  /** Whether sshd finds a host key there; not one that it was only given to be asked (`sshd -T -h`). */
  const isKey = (path: string) =>
    linux.stat(below(path)).pipe(
      Effect.map(({ kind, size }) =>
        kind === "file" && size > 0 && !below(path).startsWith(`${dirname(paths.lockFile)}/`)
      ),
      Effect.orElseSucceed(() => false)
    )

  /** The unit's process, where it certainly starts anew. */
  const restartable = Effect.fnUntraced(function*(answer: Configuration) {
    if (answer._tag !== "InForce") return undefined
    const pid = yield* mainProcess(answer.values.get("pidfile") ?? "/run/sshd.pid")
    if (pid === undefined) return undefined
    const groups = (yield* readTextIfPresent(below(`/proc/${pid}/cgroup`)))?.split("\n") ?? []
    if (!groups.some((group) => units.some((unit) => group.endsWith(`/${unit}`)))) return undefined
    const keys = yield* Effect.forEach(answer.lists.get("hostkey") ?? [], isKey)
    return keys.includes(true) ? pid : undefined
  })

  const existing = (candidates: ReadonlyArray<string>) =>
    Effect.map(Effect.forEach(candidates, (path) => exists(below(path))), (found) => found.includes(true))

  /**
   * The units that have processes or are starting; all where that cannot be told. A unit may be in a slice of its own.
   */
  const activeUnits = Effect.gen(function*() {
    if (!(yield* existing(slices))) return units
    return yield* Effect.filter(
      units,
      (unit) => existing([`/run/systemd/units/invocation:${unit}`, ...slices.map((slice) => `${slice}/${unit}`)])
    )
  })

  const bySystemd = Effect.gen(function*() {
    const active = yield* activeUnits
    if (active.length === 0) return
    yield* subprocess.run({
      command: "systemctl",
      args: ["--no-block", "try-reload-or-restart", ...active],
      // 5 tells of a unit that is not installed.
      allow: active.length === 1 ? [0] : [0, 5],
      timeout: "5 seconds"
    })
    yield* Effect.logInfo("Reloaded sshd", { unit: active.join(" ") })
  })

  const underSystemd = Effect.fnUntraced(function*(answer: Configuration) {
    const pid = yield* restartable(answer)
    return yield* pid === undefined ? bySystemd : Effect.catch(hangUp(pid), () => bySystemd)
  })

  const withoutSystemd = Effect.gen(function*() {
    const pid = yield* mainProcess("/run/sshd.pid")
    if (pid !== undefined) yield* hangUp(pid)
  })

  return (answer: Configuration): Effect.Effect<void> =>
    exists(below("/run/systemd/system")).pipe(
      Effect.flatMap((systemd) => systemd ? underSystemd(answer) : withoutSystemd),
      Effect.catch((error: FileError | SubprocessError) =>
        Effect.logWarning("A running sshd is not reloaded; its setting for passwords applies after its next start", {
          error: error.message
        })
      )
    )
})
