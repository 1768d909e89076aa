import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { chmodSync } from "node:fs"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import * as Test from "../../src/layers/test/UserProvisioner.ts"
import { ImageAdministrators } from "../../src/services/ImageAdministrators.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { writeFiles } from "../support/host.ts"
import { hostWith, withLive } from "../support/userHost.ts"

const plain = { name: Username.make("alice"), groups: [], createMissingGroups: false }

describe("UserProvisioner: defaults of useradd that would lock the owner out", () => {
  const day = 24 * 60 * 60 * 1000
  const executable = (root: string, path: string) =>
    writeFiles(root, { [path]: "#!/bin/sh\n" }).pipe(
      Effect.andThen(Effect.sync(() => chmodSync(`${root}/${path}`, 0o755)))
    )
  const optionsOf = (defaults: string, file = "etc/default/useradd", shells: ReadonlyArray<string> = ["bin/sh"]) =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2026, 0, 10))
        yield* writeFiles(root, { [file]: defaults })
        for (const shell of shells) yield* executable(root, shell)
        yield* users.ensure(plain)
        return host.callsOf("useradd").flatMap(({ args }) => args.slice(8))
      })
    )

  for (
    const [defaults, options] of [
      ["EXPIRE=2026-01-10\n", ["-e", ""]],
      ["EXPIRE=2020-01-01\n", ["-e", ""]],
      ["EXPIRE=1\n", ["-e", ""]],
      ["EXPIRE=soon\n", ["-e", ""]],
      ["EXPIRE=2026-01-11\n", []],
      [`EXPIRE=${Date.UTC(2026, 0, 11) / day}\n`, []],
      ["EXPIRE=\n", []],
      ["EXPIRE=-1\n", []],
      ["# EXPIRE=1\n", []],
      ["EXPIRE=1\nEXPIRE=\n", []],
      ["SHELL=/usr/sbin/nologin\n", ["-s", "/bin/sh"]],
      ["SHELL=/bin/false\n", ["-s", "/bin/sh"]],
      ["SHELL=/bin/zsh\n", ["-s", "/bin/sh"]],
      ["SHELL=/bin/sh\nINACTIVE=30\nGROUP=100\nHOME=/home\nSKEL=/etc/skel\n", []],
      ["SHELL=\n", []],
      ["", []]
    ] as const
  ) {
    it.effect(`adds ${JSON.stringify(options)} where the defaults are ${JSON.stringify(defaults)}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* optionsOf(defaults), [...options])
      }))
  }

  it.effect("prefers bash to sh, and takes a default shell that is a program", () =>
    Effect.gen(function*() {
      const both = ["bin/sh", "bin/bash"]
      assert.deepStrictEqual(yield* optionsOf("SHELL=/bin/false\n", undefined, both), ["-s", "/bin/bash"])
      assert.deepStrictEqual(yield* optionsOf("SHELL=/bin/zsh\n", undefined, ["bin/zsh"]), [])
    }))

  for (
    const [mode, options] of [
      [0o100, []],
      [0o010, []],
      [0o001, []],
      [0o666, ["-s", "/bin/sh"]],
      ["directory", ["-s", "/bin/sh"]]
    ] as const
  ) {
    const what = mode === "directory" ? "a directory" : `a file of mode ${mode.toString(8)}`
    it.effect(`adds ${JSON.stringify(options)} where the default shell is ${what}`, () =>
      withLive((users, { host, root }) =>
        Effect.gen(function*() {
          yield* writeFiles(root, {
            "etc/default/useradd": "SHELL=/bin/zsh\n",
            [mode === "directory" ? "bin/zsh/file" : "bin/zsh"]: ""
          })
          chmodSync(`${root}/bin/zsh`, mode === "directory" ? 0o755 : mode)
          yield* users.ensure(plain)
          assert.deepStrictEqual(host.callsOf("useradd").flatMap(({ args }) => args.slice(8)), [...options])
        })
      ))
  }

  it.effect("reads the distribution's file in /usr/etc where /etc has none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* optionsOf("EXPIRE=1\n", "usr/etc/default/useradd"), ["-e", ""])
    }))

  it.effect("keeps its options when the account's group is there already", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/default/useradd": "EXPIRE=0\n" })
        yield* users.ensure({ ...plain, name: Username.make("video") })
        assert.deepStrictEqual(host.callsOf("useradd").map(({ args }) => args.slice(7)), [
          ["-m", "-e", ""],
          ["-m", "-e", "", "-g", "video"]
        ])
      })
    ))
})

describe("UserProvisioner: system accounts", () => {
  const ensure = (line: string, files: Readonly<Record<string, string>>, administrators: ReadonlyArray<string> = []) =>
    Effect.gen(function*() {
      const { host, layer, root } = yield* hostWith(Live.layerUseradd)
      yield* writeFiles(root, { "etc/passwd": `${line}\n`, "home/alice/x": "", ...files })
      const result = yield* UserProvisioner.use((users) => Effect.result(users.ensure(plain))).pipe(
        Effect.provide(Layer.provide(layer, Layer.succeed(ImageAdministrators, administrators)))
      )
      return { host, result }
    })

  for (
    const [uid, loginDefs, refused] of [
      [999, "", true],
      [1000, "", false],
      [499, "UID_MIN 500\n", true],
      [500, "UID_MIN\t\t  500\n", false],
      [700, "# UID_MIN 500\nUID_MIN 800\nSYS_UID_MIN 1\n", true],
      [1000, "UID_MIN 10000\n", false],
      [1000, "UID_MIN 10000\nSYS_UID_MAX 1999\n", true],
      [2000, "UID_MIN 10000\nSYS_UID_MAX 1999\n", false],
      [0, "UID_MIN 1000\n", false]
    ] as const
  ) {
    it.effect(`${refused ? "refuses" : "takes"} the uid ${uid} with the login.defs ${JSON.stringify(loginDefs)}`, () =>
      Effect.gen(function*() {
        const { host, result } = yield* ensure(`alice:x:${uid}:4::/home/alice:/bin/sh`, { "etc/login.defs": loginDefs })
        if (result._tag === "Success") assert.isFalse(refused)
        else {
          assert.isTrue(refused)
          assert.strictEqual(result.failure._tag, "LoginRefusedError")
          assert.include(result.failure.message, "choose another administrator name")
          assert.deepStrictEqual(host.commands(), [])
        }
      }))
  }

  it.effect("takes the distribution's own administrator, and an account of the name service", () =>
    Effect.gen(function*() {
      const own = yield* ensure("alice:x:500:500::/home/alice:/bin/sh", {}, ["core", "alice"])
      assert.strictEqual(own.result._tag, "Success")
      const { layer, root } = yield* hostWith(
        Live.layerUseradd,
        ({ args, command }) =>
          command === "getent" && args[0] === "passwd" ? { stdout: "alice:*:500:4::/home/alice:/bin/sh\n" } : undefined
      )
      yield* writeFiles(root, { "home/alice/x": "", "etc/nsswitch.conf": "passwd: ldap files\n" })
      const { account } = yield* UserProvisioner.use((users) => users.ensure(plain)).pipe(Effect.provide(layer))
      assert.strictEqual(account.uid, 500)
    }))

  it.effect("keeps its reason when several backends are asked", () =>
    Effect.gen(function*() {
      const backends = [1, 2].map(() => Test.make({ systemAccounts: ["alice"] }).layer)
      const error = yield* UserProvisioner.use((users) => Effect.flip(users.ensure(plain))).pipe(
        Effect.provide(UserProvisioner.firstOf(backends))
      )
      assert.strictEqual(error.reason, "administrator is a system account")
    }))
})
