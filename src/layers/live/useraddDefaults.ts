import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as LoginAccess from "../../domain/LoginAccess.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import type { Files } from "../linux/files.ts"

/**
 * Makes what tells what lies at the path of a shell, as sshd sees it before it lets anybody in: a file that somebody
 * may execute (`auth.c` of OpenSSH).
 */
export const makeShellFile: Effect.Effect<
  (shell: string) => Effect.Effect<"program" | "missing" | "no program">,
  never,
  Linux
> = Effect.gen(function*() {
  const linux = yield* Linux
  const { root } = yield* Paths
  return (shell) =>
    linux.stat(`${root}${shell}`).pipe(
      Effect.map(({ kind, mode }) =>
        kind === "file" && (mode & 0o111) !== 0 ? "program" as const : "no program" as const
      ),
      Effect.orElseSucceed(() => "missing" as const)
    )
})

/** The day of an `EXPIRE`: a date, or days since 1970-01-01 (useradd(8)). */
const expiryDay = (text: string): number | undefined =>
  /^\d+$/.test(text)
    ? Number(text)
    : Option.getOrUndefined(
      Option.map(DateTime.make(text), (date) => LoginAccess.dayOf(DateTime.toEpochMillis(date)))
    )

/**
 * Further options of `useradd` where its defaults would make an account that lets nobody in: a date in `EXPIRE` that
 * has passed or makes no sense, a `SHELL` that refuses logins or is not there. None for the defaults that distributions
 * have.
 */
export const overrides = Effect.fnUntraced(function*(
  { readTextIfPresent }: Files,
  root: string,
  shellFile: Effect.Success<typeof makeShellFile>
) {
  // openSUSE keeps the distribution's file in /usr/etc.
  const read = (path: string) => Effect.orElseSucceed(readTextIfPresent(`${root}${path}`), () => undefined)
  const text = (yield* read("/etc/default/useradd")) ?? (yield* read("/usr/etc/default/useradd")) ?? ""
  const last = (key: string) => [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].at(-1)?.[1]?.trim() ?? ""
  const options: Array<string> = []
  const expire = last("EXPIRE")
  const today = LoginAccess.dayOf(yield* Clock.currentTimeMillis)
  if (expire !== "" && expire !== "-1" && (expiryDay(expire) ?? today) <= today) {
    yield* Effect.logWarning("New accounts would have expired, making one that does not", {
      file: "/etc/default/useradd",
      EXPIRE: expire
    })
    options.push("-e", "")
  }
  const shell = last("SHELL")
  if (shell !== "" && !(LoginAccess.isLoginShell(shell) && (yield* shellFile(shell)) === "program")) {
    const instead = (yield* shellFile("/bin/bash")) === "program" ? "/bin/bash" : "/bin/sh"
    yield* Effect.logWarning("New accounts would have no login shell, giving one", {
      file: "/etc/default/useradd",
      SHELL: shell,
      shell: instead
    })
    options.push("-s", instead)
  }
  return options
})
