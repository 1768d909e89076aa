import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GroupName, Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { writeFiles } from "../support/host.ts"
import { type Answering, type Host, hostWith } from "../support/userHost.ts"
import { owner } from "../support/userland.ts"

const request = {
  name: Username.make("alice"),
  groups: [GroupName.make("adm"), GroupName.make("video")],
  createMissingGroups: false
}
const here = `alice:x:${owner.uid}:${owner.gid}::/home/alice:/bin/sh`
const elsewhere = `alice:*:70000:70000:Alice:/home/alice:/bin/bash`
const own = `alice:x:${owner.gid}:\n`
const groups = `adm:x:4:\nvideo:x:44:\n${own}`

/** A name service that knows alice from another source than the files, and so a useradd that refuses her name. */
const directory: Answering = ({ args, command }) =>
  command === "getent" && args[0] === "passwd"
    ? { stdout: `${elsewhere}\n` }
    : command === "useradd"
    ? { exitCode: 9, stderr: "useradd: user 'alice' already exists" }
    : command === "adduser"
    ? { exitCode: 1, stderr: "adduser: user 'alice' in use" }
    : undefined

const ensuredOn = (
  files: Readonly<Record<string, string>>,
  answer?: Answering,
  backend: typeof Live.layerUseradd = Live.layerUseradd
) =>
  Effect.gen(function*() {
    const at: Host = yield* hostWith(backend, answer)
    yield* writeFiles(at.root, { "etc/group": groups, "home/alice/x": "", ...files })
    const ensured = yield* UserProvisioner.use((users) => users.ensure(request)).pipe(Effect.provide(at.layer))
    const programs = at.host.commands().flatMap(([program]) => program === "visudo" ? [] : [program])
    return { ...ensured, programs, host: at.host }
  })

describe("UserProvisioner: the name service", () => {
  for (
    const [sources, programs] of [
      ["", ["useradd"]],
      ["passwd: files\ngroup: files\n", ["useradd"]],
      ["passwd: files systemd\ngroup: files [SUCCESS=merge] systemd\n", ["useradd"]],
      ["passwd: sss files\ngroup: files\n", ["getent", "useradd", "getent"]],
      ["passwd: files\ngroup: sss files\n", ["getent", "getent", "useradd"]]
    ] as const
  ) {
    it.effect(`is asked for a new account where the files are not the answer: ${JSON.stringify(sources)}`, () =>
      Effect.gen(function*() {
        const { account, problems, programs: called } = yield* ensuredOn({
          "etc/group": "adm:x:4:\nvideo:x:44:\n",
          ...(sources === "" ? {} : { "etc/nsswitch.conf": sources })
        })
        assert.deepStrictEqual(called, [...programs])
        assert.strictEqual(account.uid, owner.uid)
        assert.deepStrictEqual(problems, [])
      }))
  }

  it.effect("is not asked for an account that /etc/passwd has, where the files come first", () =>
    Effect.gen(function*() {
      const { account, programs } = yield* ensuredOn({
        "etc/nsswitch.conf": "passwd: files ldap\ngroup: files ldap\n",
        "etc/passwd": `${here}\n`,
        "etc/shadow": "alice:!:1::::::\n"
      }, directory)
      assert.strictEqual(account.uid, owner.uid)
      assert.deepStrictEqual(programs, ["id", "usermod"])
    }))

  for (
    const [why, sources, passwd] of [
      ["another source comes first", "passwd: ldap files\n", `${here}\n`],
      ["an action stands behind the files", "passwd: files [SUCCESS=continue] ldap\n", `${here}\n`],
      ["the file has lines of NIS", "passwd: files ldap\n", `${here}\n+::::::\n`],
      ["the file's entry is broken", "passwd: files ldap\n", "alice:x:1000\n"]
    ] as const
  ) {
    it.effect(`is asked where ${why}`, () =>
      Effect.gen(function*() {
        const { account, host } = yield* ensuredOn({
          "etc/nsswitch.conf": sources,
          "etc/passwd": passwd,
          "etc/shadow": "alice:!:1::::::\n",
          "etc/login.defs": "UID_MIN 1000\n"
        }, directory)
        assert.strictEqual(account.uid, 70000)
        assert.deepStrictEqual(host.callsOf("useradd"), [])
      }))
  }

  it.effect("is read from openSUSE's file in /usr/etc where /etc has none", () =>
    Effect.gen(function*() {
      const { programs } = yield* ensuredOn({ "usr/etc/nsswitch.conf": "passwd: sss files\n" }, directory)
      assert.deepStrictEqual(programs.slice(0, 1), ["getent"])
    }))

  for (
    const [program, backend, expected] of [
      ["useradd", Live.layerUseradd, ["useradd", "getent", "id", "usermod"]],
      ["adduser", Live.layerAdduser, ["adduser", "getent", "id", "addgroup", "addgroup"]]
    ] as const
  ) {
    it.effect(`keeps the account of another source whose name ${program} refuses, and adds its groups`, () =>
      Effect.gen(function*() {
        const { account, host, problems, programs } = yield* ensuredOn(
          { "etc/nsswitch.conf": "passwd: files ldap\ngroup: files ldap\n" },
          directory,
          backend
        )
        assert.deepStrictEqual(account, { name: request.name, uid: 70000, gid: 70000, home: "/home/alice" })
        assert.deepStrictEqual(problems, [])
        assert.deepStrictEqual(programs, [...expected])
        assert.deepStrictEqual([...host.groupsOf("alice")].sort(), ["adm", "video"])
      }))
  }

  it.effect("leaves useradd's words where it does not answer either", () =>
    Effect.gen(function*() {
      const { host, layer, root } = yield* hostWith(Live.layerUseradd, ({ command }) =>
        command === "useradd"
          ? { exitCode: 1, stderr: "useradd: cannot open /etc/passwd" }
          : command === "getent"
          ? { exitCode: 127, stderr: "no library" }
          : undefined)
      yield* writeFiles(root, { "etc/group": groups, "etc/nsswitch.conf": "passwd: files ldap\n" })
      const error = yield* UserProvisioner.use((users) => Effect.flip(users.ensure(request))).pipe(
        Effect.provide(layer)
      )
      assert.include(error.message, "cannot open /etc/passwd")
      assert.lengthOf(host.callsOf("getent"), 1)
    }))
})
