import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { SshPublicKey } from "../../src/domain/SshPublicKey.ts"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"

/** A host with two accounts, and ways to look at it. */
export interface Host {
  readonly layer: Layer.Layer<SshProvisioner>
  readonly account: UserAccount
  /** An account whose shell refuses logins. */
  readonly closed: UserAccount
  /** The lines of the key file of this name; `undefined` when there is none. */
  readonly keysAt: (path: string) => ReadonlyArray<string> | undefined
  /** What sshd is set to; `undefined` before it was set. */
  readonly passwordsAllowed: () => boolean | undefined
}

const key = (name: string): SshPublicKey => ({
  options: "",
  type: "ssh-ed25519",
  blob: "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo",
  comment: name,
  fingerprint: "SHA256:TVq6tVPE/CBK8FuVwz21EhUKpKE+e1cYULufTBWAMfo"
})
const line = (name: string) => `${key(name).type} ${key(name).blob} ${name}`

/** What every {@link SshProvisioner} does. */
export const contract = (name: string, build: Effect.Effect<Host, never, Scope.Scope>) =>
  describe(`SshProvisioner: ${name}`, () => {
    it.effect("puts exactly the given keys into the file that it names, as often as asked", () =>
      Effect.gen(function*() {
        const { account, keysAt, layer } = yield* build
        yield* SshProvisioner.use((ssh) =>
          Effect.gen(function*() {
            const path = yield* ssh.installKeys(account, [key("one"), key("two")])
            assert.isTrue(path.startsWith("/"))
            assert.deepStrictEqual(keysAt(path), [line("one"), line("two")])
            assert.strictEqual(yield* ssh.installKeys(account, [key("one"), key("two")]), path)
            assert.deepStrictEqual(keysAt(path), [line("one"), line("two")])
            yield* ssh.installKeys(account, [key("three")])
            assert.deepStrictEqual(keysAt(path), [line("three")])
            const options = "from=\"10.0.0.0/8\",command=\"echo \\\"a\\\"\""
            yield* ssh.installKeys(account, [{ ...key("four"), options }])
            assert.deepStrictEqual(keysAt(path), [`${options} ${line("four")}`])
          })
        ).pipe(Effect.provide(layer))
      }))

    it.effect("does nothing without keys", () =>
      Effect.gen(function*() {
        const { account, keysAt, layer } = yield* build
        const path = yield* SshProvisioner.use((ssh) => ssh.installKeys(account, [])).pipe(Effect.provide(layer))
        assert.isUndefined(keysAt(path))
      }))

    it.effect("lets passwords in or not, the last word counts", () =>
      Effect.gen(function*() {
        const { layer, passwordsAllowed } = yield* build
        yield* SshProvisioner.use((ssh) =>
          Effect.gen(function*() {
            for (const allowed of [false, true, true, false]) {
              yield* ssh.allowPasswords(allowed)
              assert.strictEqual(passwordsAllowed(), allowed)
            }
          })
        ).pipe(Effect.provide(layer))
      }))

    it.effect("names what keeps the owner out of an account, and nothing for one that is open", () =>
      Effect.gen(function*() {
        const { account, closed, layer } = yield* build
        yield* SshProvisioner.use((ssh) =>
          Effect.gen(function*() {
            yield* ssh.installKeys(account, [key("one")])
            const credentials = { key: true, password: false }
            assert.deepStrictEqual(yield* ssh.loginRefusals(account, credentials), [])
            const refusals = yield* ssh.loginRefusals(closed, credentials)
            assert.deepStrictEqual(refusals.map(({ reason }) => reason), ["administrator has no login shell"])
          })
        ).pipe(Effect.provide(layer))
      }))
  })
