import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { Hostname } from "../../src/domain/Hostname.ts"
import { Username } from "../../src/domain/Username.ts"
import { UserError, UserMissingError } from "../../src/errors/UserError.ts"
import * as TestHostname from "../../src/layers/test/HostnameProvisioner.ts"
import * as TestPassword from "../../src/layers/test/PasswordProvisioner.ts"
import * as TestUser from "../../src/layers/test/UserProvisioner.ts"
import { buildAll, firstSuccess } from "../../src/services/firstOf.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"

const alice = Username.make("alice")
const vm = Hostname.make("vm-1")
const request = { name: alice, groups: [], createMissingGroups: false }
const broken = (detail: string) => new UserError({ user: "alice", operation: "create the account", detail })

describe("firstOf", () => {
  it.effect("builds each layer once, in order", () =>
    Effect.gen(function*() {
      class Backend extends Context.Service<Backend, string>()("test/Backend") {}
      const built: Array<string> = []
      const layer = (name: string) =>
        Layer.effect(
          Backend,
          Effect.sync(() => {
            built.push(name)
            return name
          })
        )
      assert.deepStrictEqual(yield* buildAll(Backend, [layer("a"), layer("b")]), ["a", "b"])
      assert.deepStrictEqual(built, ["a", "b"])
    }))

  it.effect("tries each backend in order until one succeeds, and gives the failures in order when none does", () =>
    Effect.gen(function*() {
      const tried: Array<number> = []
      const call = (good: number) => (backend: number) =>
        Effect.suspend(() => {
          tried.push(backend)
          return backend === good ? Effect.succeed(`by ${backend}`) : Effect.fail({ message: `no ${backend}` })
        })
      const join = (failures: ReadonlyArray<{ readonly message: string }>) => failures.map(({ message }) => message)
      assert.strictEqual(yield* firstSuccess([1, 2, 3], call(2), join), "by 2")
      assert.deepStrictEqual(tried, [1, 2])
      assert.deepStrictEqual(yield* Effect.flip(firstSuccess([1, 2, 3], call(0), join)), ["no 1", "no 2", "no 3"])
      assert.deepStrictEqual(yield* Effect.flip(firstSuccess([], call(0), join)), [])
    }))

  it.effect("logs why it goes on to the next backend, and not the last failure, which the caller gets", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function*() {
      yield* Effect.flip(
        firstSuccess(["a", "b"], (backend) => Effect.fail({ message: `no ${backend}` }), () => "none")
      )
      assert.lengthOf(logged, 1)
      assert.include(JSON.stringify(logged), "no a")
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))])))
  })

  it.effect("does not take a defect for a backend that failed", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        firstSuccess([1, 2], (n) => n === 1 ? Effect.die("bug") : Effect.succeed(n), () => "none")
      )
      assert.strictEqual(exit._tag, "Failure")
    }))
})

describe("firstOf: users", () => {
  it.effect("the second backend makes the account when the first cannot", () =>
    Effect.gen(function*() {
      const [first, second] = [
        TestUser.make({ ensureError: broken("first"), sudoError: broken("first") }),
        TestUser.make()
      ]
      yield* UserProvisioner.use((users) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* users.ensure(request)).account.name, "alice")
          yield* users.grantSudo(alice)
        })
      ).pipe(Effect.provide(UserProvisioner.firstOf([first.layer, second.layer])))
      assert.lengthOf(first.requests, 1)
      assert.deepStrictEqual([...second.sudoers], ["alice"])
    }))

  it.effect("every cause is in the error", () =>
    Effect.gen(function*() {
      const layers = ["useradd: no space", "adduser: not found"].map((detail) =>
        TestUser.make({ ensureError: broken(detail), sudoError: broken(detail) }).layer
      )
      yield* UserProvisioner.use((users) =>
        Effect.gen(function*() {
          for (const call of [users.ensure(request), users.grantSudo(alice)]) {
            const { message } = yield* Effect.flip<unknown, { readonly message: string }, never>(call)
            assert.include(message, "useradd: no space")
            assert.include(message, "adduser: not found")
          }
        })
      ).pipe(Effect.provide(UserProvisioner.firstOf(layers)))
    }))

  it.effect("the only backend's error stays itself, so that a missing user keeps its exit status", () =>
    Effect.gen(function*() {
      const missing = new UserMissingError({ user: "alice" })
      const error = yield* Effect.flip(UserProvisioner.use((users) => users.ensure(request))).pipe(
        Effect.provide(UserProvisioner.firstOf([TestUser.make({ ensureError: missing }).layer]))
      )
      assert.strictEqual(error, missing)
    }))

  it.effect("no backend at all is an error that says so", () =>
    UserProvisioner.use((users) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(users.ensure(request))
        assert.strictEqual(error.reason, "failed to provision user")
        assert.include(error.message, "no backend is configured")
        assert.include((yield* Effect.flip(users.grantSudo(alice))).message, "no backend is configured")
      })
    ).pipe(Effect.provide(UserProvisioner.firstOf<never, never>([]))))
})

describe("firstOf: passwords", () => {
  it.effect("the second backend does what the first cannot", () =>
    Effect.gen(function*() {
      const second = TestPassword.make()
      yield* PasswordProvisioner.use((passwords) =>
        Effect.andThen(passwords.lock(alice), passwords.set(alice, Redacted.make("secret")))
      ).pipe(Effect.provide(PasswordProvisioner.firstOf([TestPassword.make({ fails: "first" }).layer, second.layer])))
      assert.deepStrictEqual(second.calls, ["lock alice", "set alice"])
    }))

  it.effect("every cause is in the error, and so is an empty list", () =>
    Effect.gen(function*() {
      const messageWith = (layers: ReadonlyArray<Layer.Layer<PasswordProvisioner>>) =>
        Effect.flip(PasswordProvisioner.use((passwords) => passwords.lock(alice))).pipe(
          Effect.provide(PasswordProvisioner.firstOf(layers)),
          Effect.map((error) => error.message)
        )
      const both = yield* messageWith(["one", "two"].map((fails) => TestPassword.make({ fails }).layer))
      assert.strictEqual(both, "cannot lock the password of alice: one; two")
      assert.include(yield* messageWith([]), "no backend is configured")
    }))
})

describe("firstOf: hostnames", () => {
  it.effect("the second backend does what the first cannot", () =>
    Effect.gen(function*() {
      const second = TestHostname.make()
      yield* HostnameProvisioner.use((hostnames) => hostnames.set(vm)).pipe(
        Effect.provide(HostnameProvisioner.firstOf([TestHostname.make([{ failure: "no bus" }]).layer, second.layer]))
      )
      assert.strictEqual(second.hostname(), "vm-1")
    }))

  it.effect("every cause is in the error, and so is an empty list", () =>
    Effect.gen(function*() {
      const errorWith = (layers: ReadonlyArray<Layer.Layer<HostnameProvisioner>>) =>
        Effect.flip(HostnameProvisioner.use((hostnames) => hostnames.set(vm))).pipe(
          Effect.provide(HostnameProvisioner.firstOf(layers))
        )
      const both = yield* errorWith(["no bus", "read-only"].map((failure) => TestHostname.make([{ failure }]).layer))
      assert.strictEqual(both.message, "cannot set the hostname vm-1: no bus; read-only")
      const none = yield* errorWith([])
      assert.strictEqual(none.reason, "failed to provision hostname")
      assert.include(none.message, "no backend is configured")
    }))
})
