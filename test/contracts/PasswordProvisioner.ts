import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Username } from "../../src/domain/Username.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"

const alice = Username.make("alice")

/** A {@link PasswordProvisioner} under test, and what its host has come to be. */
export interface Subject {
  readonly layer: Layer.Layer<PasswordProvisioner>
  /** The password that the account takes, or `"locked"`. */
  readonly passwordOf: (name: string) => string | undefined
}

/** What every {@link PasswordProvisioner} does; `build` gives a host with the account `alice`. */
export const contract = (name: string, build: Effect.Effect<Subject, never, Scope.Scope>) =>
  describe(`PasswordProvisioner: ${name}`, () => {
    const withPasswords = <A, E>(
      test: (passwords: PasswordProvisioner["Service"], subject: Subject) => Effect.Effect<A, E>
    ) =>
      Effect.flatMap(
        build,
        (subject) =>
          PasswordProvisioner.use((passwords) => test(passwords, subject)).pipe(Effect.provide(subject.layer))
      )

    it.effect("locks an account, and again", () =>
      withPasswords((passwords, subject) =>
        Effect.gen(function*() {
          yield* passwords.lock(alice)
          yield* passwords.lock(alice)
          assert.strictEqual(subject.passwordOf("alice"), "locked")
        })
      ))

    it.effect("sets a password as it is, on a locked account too", () =>
      withPasswords((passwords, subject) =>
        Effect.gen(function*() {
          yield* passwords.lock(alice)
          yield* passwords.set(alice, Redacted.make(" p:ä$`\\ \"'x "))
          assert.strictEqual(subject.passwordOf("alice"), " p:ä$`\\ \"'x ")
        })
      ))

    it.effect("locks an account that has a password", () =>
      withPasswords((passwords, subject) =>
        Effect.gen(function*() {
          yield* passwords.set(alice, Redacted.make("secret-1"))
          yield* passwords.lock(alice)
          assert.strictEqual(subject.passwordOf("alice"), "locked")
        })
      ))

    for (
      const [what, password] of [["an empty one", ""], ["one with a line feed", "hunter2\nroot:x"], [
        "one with a carriage return",
        "hunter2\rx"
      ], ["one with a NUL", "hunter2\0x"]] as const
    ) {
      it.effect(`refuses ${what}, changes nothing and does not tell it`, () =>
        withPasswords((passwords, subject) =>
          Effect.gen(function*() {
            yield* passwords.set(alice, Redacted.make("secret-1"))
            const error = yield* Effect.flip(passwords.set(alice, Redacted.make(password)))
            assert.strictEqual(error._tag, "PasswordError")
            assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "hunter2")
            assert.strictEqual(subject.passwordOf("alice"), "secret-1")
          })
        ))
    }
  })
