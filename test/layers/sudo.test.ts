import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import { Subprocess, type SubprocessRequest, type SubprocessResult } from "../../src/services/Subprocess.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { pathsBelow, writeFiles } from "../support/host.ts"
import { hostWith, withLive } from "../support/userHost.ts"

const alice = Username.make("alice")
const bob = Username.make("bob")
const plain = { name: alice, groups: [], createMissingGroups: false }
const sudoers = "/etc/sudoers.d/azure-init-user"

describe("UserProvisioner: sudo", () => {
  it.effect("writes azure-init's bytes with the mode that sudo wants, checked by visudo", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* users.grantSudo(Username.make("azureuser"))
        assert.strictEqual(host.read(sudoers), "azureuser ALL=(ALL) NOPASSWD: ALL\n")
        assert.strictEqual(lstatSync(`${root}${sudoers}`).mode & 0o7777, 0o440)
        assert.deepStrictEqual(host.callsOf("visudo").map(({ args }) => args.slice(0, 2)), [["-c", "-f"]])
        assert.match(host.callsOf("visudo")[0]?.args[2] ?? "", /\/etc\/sudoers\.d\/\.[^/]+$/)
        assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), ["azure-init-user"])
      })
    ))

  it.effect("makes the directory, closed to others", () =>
    withLive((users, { root }) =>
      Effect.gen(function*() {
        yield* users.grantSudo(alice)
        assert.strictEqual(lstatSync(`${root}/etc/sudoers.d`).mode & 0o027, 0)
      })
    ))

  it.effect("gives azure-init's file of mode 0600 the right mode", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { [sudoers]: "alice ALL=(ALL) NOPASSWD: ALL\n" })
        chmodSync(`${root}${sudoers}`, 0o600)
        yield* users.grantSudo(alice)
        assert.strictEqual(lstatSync(`${root}${sudoers}`).mode & 0o7777, 0o440)
        assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
      })
    ))

  it.effect("keeps the former administrator's rule, own line once", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        yield* users.grantSudo(bob)
        yield* users.grantSudo(alice)
        yield* users.grantSudo(alice)
        assert.strictEqual(host.read(sudoers), "bob ALL=(ALL) NOPASSWD: ALL\nalice ALL=(ALL) NOPASSWD: ALL\n")
      })
    ))

  it.effect("leaves the old file, and nothing beside it, when visudo refuses", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { [sudoers]: "bob ALL=(ALL) NOPASSWD: ALL\n" })
        const error = yield* Effect.flip(users.grantSudo(alice))
        assert.include(error.message, "write the sudo rule for the user alice")
        assert.include(error.message, "parse error near line 1")
        assert.strictEqual(host.read(sudoers), "bob ALL=(ALL) NOPASSWD: ALL\n")
        assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), ["azure-init-user"])
      }), ({ command }) => command === "visudo" ? { exitCode: 1, stderr: "parse error near line 1" } : undefined))

  it.effect("leaves out former rules that visudo refuses, so that the new administrator gets sudo", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { [sudoers]: "not a rule\n" })
        yield* users.grantSudo(alice)
        assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
      }), ({ args, command }) =>
      command === "visudo" && readFileSync(args[2] ?? "", "utf8").includes("not a rule")
        ? { exitCode: 1, stderr: "syntax error" }
        : undefined))

  it.effect("writes the rule where there is no visudo", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        yield* users.grantSudo(alice)
        assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
      }), ({ command }) => command === "visudo" ? "not found" : undefined))

  it.effect("replaces a link in the file's place, and does not write through it", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { precious: "", "etc/sudoers.d/README": "" })
        symlinkSync("../../precious", `${root}${sudoers}`)
        yield* users.grantSudo(alice)
        assert.isTrue(lstatSync(`${root}${sudoers}`).isFile())
        assert.strictEqual(host.read("/precious"), "")
      })
    ))

  for (const name of ["ALL", "Defaults", "User_Alias"]) {
    it.effect(`quotes the name ${name}, which sudo would read as a word of its own`, () =>
      withLive((users, { host }) =>
        Effect.gen(function*() {
          yield* users.grantSudo(Username.make(name))
          assert.strictEqual(host.read(sudoers), `"${name}" ALL=(ALL) NOPASSWD: ALL\n`)
        })
      ))
  }

  for (const name of ["-x", "%admin", "a b", "a,b", "a\nb", "", "#0", "a:b"]) {
    it(`there is no user name ${JSON.stringify(name)}`, () => {
      assert.throws(() => Username.make(name))
    })
  }

  it.effect("says what is in the way when the file cannot be written", () =>
    withLive((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/sudoers.d": "a file" })
        const error = yield* Effect.flip(users.grantSudo(alice))
        assert.include(error.message, `${root}/etc/sudoers.d`)
        assert.include(error.message, "EEXIST")
      })
    ))
})

describe("UserProvisioner: the sudo rule while the account is made", () => {
  /** A host whose commands come to an end as `change` says. */
  const withSlow = <A, E>(
    change: (request: SubprocessRequest, run: Effect.Effect<SubprocessResult>) => Effect.Effect<SubprocessResult>,
    test: (
      users: UserProvisioner["Service"],
      at: Effect.Success<ReturnType<typeof hostWith>>
    ) => Effect.Effect<A, E>
  ) =>
    Effect.gen(function*() {
      const at = yield* hostWith(Live.layerUseradd)
      const slow = Layer.effect(
        Subprocess,
        Subprocess.useSync((fake) =>
          Subprocess.of({ run: (request) => change(request, Effect.orDie(fake.run(request))) })
        )
      ).pipe(Layer.provide(at.host.layer))
      const users = yield* Layer.build(Live.layerUseradd.pipe(Layer.provide([slow, pathsBelow(at.root)])))
      return yield* UserProvisioner.use((service) => test(service, at)).pipe(Effect.provide(users))
    })

  it.effect("is checked meanwhile, and put in place by grantSudo without another check", () =>
    Effect.gen(function*() {
      const checked = yield* Deferred.make<void>()
      yield* withSlow(
        ({ command }, run) =>
          command === "useradd"
            ? Effect.andThen(Deferred.await(checked), run)
            : command === "visudo"
            ? Effect.tap(run, () => Deferred.succeed(checked, undefined))
            : run,
        (users, { host, root }) =>
          Effect.gen(function*() {
            yield* users.ensure(plain)
            assert.isFalse(existsSync(`${root}${sudoers}`))
            yield* users.grantSudo(alice)
            assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), ["azure-init-user"])
            assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
            assert.strictEqual(lstatSync(`${root}${sudoers}`).mode & 0o7777, 0o440)
            assert.lengthOf(host.callsOf("visudo"), 1)
            yield* users.grantSudo(alice)
            assert.lengthOf(host.callsOf("visudo"), 2)
          })
      )
    }))

  it.effect("waits in grantSudo for a check that takes its time", () =>
    Effect.gen(function*() {
      const goOn = yield* Deferred.make<void>()
      yield* withSlow(
        ({ command }, run) => command === "visudo" ? Effect.andThen(Deferred.await(goOn), run) : run,
        (users, { host, root }) =>
          Effect.gen(function*() {
            yield* users.ensure(plain)
            const granting = yield* Effect.forkChild(users.grantSudo(alice), { startImmediately: true })
            assert.isFalse(existsSync(`${root}${sudoers}`))
            yield* Deferred.succeed(goOn, undefined)
            yield* Fiber.join(granting)
            assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
          })
      )
    }))

  it.effect("is not put in place when the check has failed, and the account is there all the same", () =>
    withLive((users, { root }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* users.ensure(plain)).problems, [])
        const error = yield* Effect.flip(users.grantSudo(alice))
        assert.strictEqual(error.operation, "write the sudo rule")
        assert.include(error.message, `cannot check ${root}${sudoers}: executing "visudo"`)
        assert.include(error.message, "parse error near line 1")
        assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), [])
      }), ({ command }) => command === "visudo" ? { exitCode: 1, stderr: "parse error near line 1" } : undefined))

  it.effect("is checked no longer when there is no account in the end", () =>
    Effect.gen(function*() {
      const began = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      yield* withSlow(
        ({ command }, run) =>
          command === "visudo"
            ? Deferred.succeed(began, undefined).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
            )
            : command === "useradd"
            ? Effect.as(Deferred.await(began), { exitCode: 0, stdout: "", stderr: "" })
            : run,
        (users, { root }) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* Effect.flip(users.ensure(plain)))._tag, "UserMissingError")
            yield* Deferred.await(ended)
            assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), [])
          })
      )
    }))

  it.effect("is not even checked for a system account, which is refused", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* Effect.flip(users.ensure({ ...plain, name: Username.make("daemon") }))
        assert.deepStrictEqual(host.callsOf("visudo"), [])
        assert.isFalse(existsSync(`${root}/etc/sudoers.d`))
      })
    ))

  it.effect("replaces what a killed agent has left of a check", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/sudoers.d/.azure-init-user.check": "half a ru" })
        yield* users.ensure(plain)
        yield* users.grantSudo(alice)
        assert.deepStrictEqual(readdirSync(`${root}/etc/sudoers.d`), ["azure-init-user"])
        assert.strictEqual(host.read(sudoers), "alice ALL=(ALL) NOPASSWD: ALL\n")
      })
    ))
})
