import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { PasswordError } from "../../errors/PasswordError.ts"
import { PasswordProvisioner } from "../../services/PasswordProvisioner.ts"

/**
 * A {@link PasswordProvisioner} in memory. `passwords` has each account's password, or `"locked"`; `calls` what was
 * asked in order. `fails` makes every call fail. Refuses empty passwords and those with a line break, as the real one
 * does.
 */
export const make = (script: { readonly fails?: string } = {}): {
  readonly layer: Layer.Layer<PasswordProvisioner>
  readonly passwords: ReadonlyMap<string, Redacted.Redacted<string> | "locked">
  readonly calls: ReadonlyArray<string>
} => {
  const passwords = new Map<string, Redacted.Redacted<string> | "locked">()
  const calls: Array<string> = []
  const act = (user: string, operation: "lock" | "set", value: Redacted.Redacted<string> | "locked") =>
    Effect.suspend(() => {
      calls.push(`${operation} ${user}`)
      const detail = script.fails
        ?? (value !== "locked" && /^$|[\0\r\n]/.test(Redacted.value(value))
          ? "the password is empty or holds a line break"
          : undefined)
      if (detail !== undefined) return Effect.fail(new PasswordError({ user, operation, detail }))
      passwords.set(user, value)
      return Effect.void
    })
  const service = PasswordProvisioner.of({
    lock: (name) => act(name, "lock", "locked"),
    set: (name, password) => act(name, "set", password)
  })
  return { layer: Layer.succeed(PasswordProvisioner, service), passwords, calls }
}
