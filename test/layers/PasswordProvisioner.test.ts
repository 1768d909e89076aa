import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/PasswordProvisioner.ts"
import * as Test from "../../src/layers/test/PasswordProvisioner.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"
import { contract } from "../contracts/PasswordProvisioner.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"
import { telling, type Told } from "../support/told.ts"
import { userland } from "../support/userland.ts"

const alice = Username.make("alice")
const shadowOf = (field: string) => `root:*:1::::::\nalicext:!:1::::::\nalice:${field}:20000:0:99999:7:::\n`

/** A host below a root where `alice` has that shadow field, and the live layer on it. */
const hostWith = (field: string, answer?: (request: SubprocessRequest) => Answer | undefined) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { "etc/shadow": shadowOf(field) })
    const host = userland(root, answer)
    return { host, layer: Live.layerPasswd.pipe(Layer.provide([host.layer, pathsBelow(root)])) }
  })

type Host = Effect.Success<ReturnType<typeof hostWith>>

/** An sshd that says whether it uses PAM; one that was built without it says nothing of it. */
const sshdSaying = (line: string) => ({ command }: SubprocessRequest): Answer | undefined =>
  command === "sshd" ? { stdout: `port 22\n${line}` } : undefined
const withoutPam = sshdSaying("usepam no\n")

for (const [name, answer] of [["live", sshdSaying("usepam yes\n")], ["live, sshd without PAM", withoutPam]] as const) {
  contract(name, Effect.map(hostWith("$6$old", answer), ({ host, layer }) => ({ layer, passwordOf: host.passwordOf })))
}
contract(
  "test",
  Effect.sync(() => {
    const fake = Test.make()
    return {
      layer: fake.layer,
      passwordOf: (name) => {
        const password = fake.passwords.get(name)
        return password === undefined || password === "locked" ? password : Redacted.value(password)
      }
    }
  })
)

/** The calls but those that only ask. */
const changes = (host: Host["host"]) => host.commands().filter(([program]) => program !== "sshd")

const withLive = <A, E>(
  field: string,
  test: (passwords: PasswordProvisioner["Service"], host: Host["host"]) => Effect.Effect<A, E>,
  answer?: (request: SubprocessRequest) => Answer | undefined
) =>
  Effect.flatMap(
    hostWith(field, answer),
    ({ host, layer }) => PasswordProvisioner.use((passwords) => test(passwords, host)).pipe(Effect.provide(layer))
  )

describe("PasswordProvisioner: live", () => {
  it.effect("has azure-init's names of the spans", () =>
    withLive("$6$hash", (passwords) =>
      Effect.gen(function*() {
        const told: Told = { logged: [], spans: [] }
        yield* telling(told, Effect.andThen(passwords.lock(alice), passwords.set(alice, Redacted.make("new"))))
        assert.deepStrictEqual(
          told.spans.map(({ name }) => name).filter((name) => name.startsWith("provision::password")),
          [
            "provision::password:passwd",
            "provision::password:lock_user",
            "provision::password:passwd",
            "provision::password:set_user_password"
          ]
        )
      })))

  for (const field of ["$6$hash", ""]) {
    it.effect(`locks by passwd -l an account with the shadow field ${JSON.stringify(field)}`, () =>
      withLive(field, (passwords, host) =>
        Effect.gen(function*() {
          yield* passwords.lock(alice)
          assert.deepStrictEqual(changes(host), [["passwd", "-l", "alice"]])
        })))
  }

  for (const field of ["!", "!!", "*", "!$6$hash", "!*"]) {
    it.effect(`calls nothing that changes the host when the shadow field is ${field} already`, () =>
      withLive(field, (passwords, host) =>
        Effect.gen(function*() {
          yield* passwords.lock(alice)
          assert.deepStrictEqual(changes(host), [])
          assert.strictEqual(host.read("/etc/shadow"), shadowOf(field))
        }), sshdSaying("usepam yes\n")))
  }

  it.effect("does not even ask sshd when the shadow field starts with *", () =>
    withLive("*", (passwords, host) =>
      Effect.gen(function*() {
        yield* passwords.lock(alice)
        assert.deepStrictEqual(host.commands(), [])
      }), withoutPam))

  for (const field of ["!", "!!", "!$6$hash", "$6$hash", ""]) {
    for (const [what, line] of [["runs without PAM", "usepam no\n"], ["was built without PAM", ""]] as const) {
      it.effect(`locks with * the shadow field ${JSON.stringify(field)} where sshd ${what}, once`, () =>
        withLive(field, (passwords, host) =>
          Effect.gen(function*() {
            yield* passwords.lock(alice)
            yield* passwords.lock(alice)
            assert.deepStrictEqual(changes(host), [["chpasswd", "-e"]])
            assert.deepStrictEqual(host.callsOf("chpasswd").map(({ stdin }) => stdin), ["alice:*\n"])
            assert.strictEqual(host.read("/etc/shadow"), shadowOf("*"))
          }), sshdSaying(line)))
    }
  }

  for (const status of [1, 255]) {
    it.effect(`locks with ! when sshd ends with the status ${status}`, () =>
      withLive("$6$hash", (passwords, host) =>
        Effect.gen(function*() {
          yield* passwords.lock(alice)
          assert.deepStrictEqual(changes(host), [["passwd", "-l", "alice"]])
        }), ({ command }) => command === "sshd" ? { exitCode: status, stderr: "bad configuration" } : undefined))
  }

  it.effect("asks passwd when it cannot read the shadow file", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const host = userland(root, ({ command }) => command === "passwd" ? {} : undefined)
      yield* PasswordProvisioner.use((passwords) => passwords.lock(alice)).pipe(
        Effect.provide(Live.layerPasswd.pipe(Layer.provide([host.layer, pathsBelow(root)])))
      )
      assert.deepStrictEqual(changes(host), [["passwd", "-l", "alice"]])
    }))

  it.effect("fails to lock an account that is not there, with passwd's own words", () =>
    withLive("!", (passwords) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(passwords.lock(Username.make("nobody-here")))
        assert.strictEqual(error.operation, "lock")
        assert.include(error.message, "cannot lock the password of nobody-here")
        assert.include(error.message, "user 'nobody-here' does not exist")
      })))

  it.effect("gives the password to chpasswd on its standard input, as one line, and nowhere else", () => {
    const logged: Array<unknown> = []
    return withLive("!", (passwords, host) =>
      Effect.gen(function*() {
        yield* passwords.set(alice, Redacted.make("hunter2:x"))
        assert.deepStrictEqual(host.callsOf("chpasswd"), [
          { command: "chpasswd", args: [], stdin: "alice:hunter2:x\n" }
        ])
        assert.lengthOf(host.commands(), 1)
        assert.isNotEmpty(logged)
        assert.notInclude(JSON.stringify(logged), "hunter2")
      })).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))])))
  })

  it.effect("replaces the hash of an account that was locked", () =>
    withLive("!$6$old", (passwords, host) =>
      Effect.gen(function*() {
        yield* passwords.set(alice, Redacted.make("secret-1"))
        assert.strictEqual(host.passwordOf("alice"), "secret-1")
        assert.notInclude(host.read("/etc/shadow"), "$6$old")
      })))

  it.effect("does not call chpasswd with a password of two lines", () =>
    withLive("!", (passwords, host) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(passwords.set(alice, Redacted.make("hunter2\nroot:owned")))
        assert.include(error.message, "line break")
        assert.deepStrictEqual(host.commands(), [])
      })))

  it.effect("tells chpasswd's own words, and not the password", () =>
    withLive("!", (passwords) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(passwords.set(alice, Redacted.make("hunter2")))
        assert.strictEqual(error.operation, "set")
        assert.include(error.message, "BAD PASSWORD")
        assert.notInclude(JSON.stringify(error) + error.message + String(error.stack), "hunter2")
      }), ({ command }) => command === "chpasswd" ? { exitCode: 1, stderr: "BAD PASSWORD" } : undefined))
})

describe("PasswordProvisioner: test", () => {
  it.effect("fails as scripted, and records what was asked", () =>
    Effect.gen(function*() {
      const fake = Test.make({ fails: "scripted" })
      yield* PasswordProvisioner.use((passwords) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(passwords.lock(alice))).detail, "scripted")
          assert.strictEqual((yield* Effect.flip(passwords.set(alice, Redacted.make("x")))).detail, "scripted")
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls, ["lock alice", "set alice"])
    }))
})
