import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as LoginAccess from "../../domain/LoginAccess.ts"
import type { Username } from "../../domain/Username.ts"
import { PasswordError } from "../../errors/PasswordError.ts"
import type { Linux } from "../../services/Linux.ts"
import { PasswordProvisioner } from "../../services/PasswordProvisioner.ts"
import { Paths } from "../../services/Paths.ts"
import { Subprocess } from "../../services/Subprocess.ts"
import { files } from "../linux/files.ts"
import { Sshd } from "./sshd.ts"

/**
 * {@link PasswordProvisioner} by shadow-utils or BusyBox: `passwd -l`, and `chpasswd` with the password on its standard
 * input. Where sshd runs without PAM the account is locked with `*`, by `chpasswd -e`.
 */
export const layerPasswd: Layer.Layer<PasswordProvisioner, never, Linux | Path.Path | Subprocess> = Layer.effect(
  PasswordProvisioner,
  Effect.gen(function*() {
    const paths = yield* Paths
    const { readTextIfPresent } = yield* files
    const subprocess = yield* Subprocess
    const sshd = yield* Sshd

    /** The account's field of the shadow file; `undefined` when there is none, or it cannot be read. */
    const fieldOf = (name: Username) =>
      readTextIfPresent(paths.shadow).pipe(
        Effect.map((text) => text?.split("\n").find((line) => line.startsWith(`${name}:`))?.split(":")[1]),
        Effect.orElseSucceed(() => undefined)
      )

    const runsWithoutPam = (name: Username) =>
      Effect.map(
        sshd.configuration(name),
        (answer) => answer._tag === "InForce" && !LoginAccess.usesPam(answer.lists)
      )

    const lock = Effect.fnUntraced(function*(name: Username) {
      const field = yield* fieldOf(name)
      // shadow(5): a field that starts with `!` or `*` takes no password. Without PAM sshd takes no key either where it
      // is `!`.
      const withoutPam = field?.startsWith("*") !== true && (yield* runsWithoutPam(name))
      if (field?.startsWith("*") === true || (field?.startsWith("!") === true && !withoutPam)) {
        yield* Effect.logInfo("The account takes no password already", { username: name })
        return
      }
      yield* subprocess.run(
        withoutPam
          ? { command: "chpasswd", args: ["-e"], stdin: Redacted.make(`${name}:*\n`) }
          : { command: "passwd", args: ["-l", name] }
      ).pipe(
        Effect.mapError((error) => new PasswordError({ user: name, operation: "lock", detail: error.message }))
      )
      yield* Effect.logInfo("Locked the account's password", { username: name })
    }, Effect.withSpan("provision::password:lock_user"))

    const set = Effect.fnUntraced(function*(name: Username, password: Redacted.Redacted<string>) {
      const text = Redacted.value(password)
      // chpasswd reads lines: another line would be another account's password.
      if (text === "" || /[\0\r\n]/.test(text)) {
        return yield* new PasswordError({
          user: name,
          operation: "set",
          detail: "the password is empty or holds a line break: create the VM with another one"
        })
      }
      yield* subprocess.run({ command: "chpasswd", args: [], stdin: Redacted.make(`${name}:${text}\n`) }).pipe(
        Effect.mapError((error) => new PasswordError({ user: name, operation: "set", detail: error.message }))
      )
      yield* Effect.logInfo("Set the account's password", { username: name })
    }, Effect.withSpan("provision::password:set_user_password"))

    return PasswordProvisioner.of({
      lock: (name) => lock(name).pipe(Effect.withSpan("provision::password:passwd")),
      set: (name, password) => set(name, password).pipe(Effect.withSpan("provision::password:passwd"))
    })
  })
).pipe(Layer.provide(Sshd.layer))
