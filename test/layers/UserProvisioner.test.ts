import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { GroupName, Username } from "../../src/domain/Username.ts"
import { UserError } from "../../src/errors/UserError.ts"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import * as Test from "../../src/layers/test/UserProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { contract } from "../contracts/UserProvisioner.ts"
import { writeFiles } from "../support/host.ts"
import { turnsUntil } from "../support/turns.ts"
import { type Answering, type Host, hostWith, withLive } from "../support/userHost.ts"
import { owner } from "../support/userland.ts"

const alice = Username.make("alice")
const group = (name: string) => GroupName.make(name)
const plain = { name: alice, groups: [], createMissingGroups: false }
const comment = "azure-init created this user based on username provided in IMDS"
const sudoers = "/etc/sudoers.d/azure-init-user"
const aliceLine = `alice:x:${owner.uid}:${owner.gid}::/home/alice:/bin/sh\n`

const subjectOf = ({ host, layer }: Host) => ({
  layer,
  members: host.groupsOf,
  sudoers: () => host.read(sudoers).split("\n").filter((line) => line !== "").map((line) => line.split(" ")[0] ?? "")
})

/** Another source of the name service stands before the files. */
const elsewhereFirst = { "etc/nsswitch.conf": "passwd: sss files\ngroup: sss files\nshadow: sss files\n" }

const noGetent: Answering = ({ command }) => command === "getent" ? "not found" : undefined

contract("live, useradd", Effect.map(hostWith(Live.layerUseradd), subjectOf))
contract("live, adduser", Effect.map(hostWith(Live.layerAdduser, noGetent), subjectOf))
contract(
  "firstOf",
  Effect.map(
    hostWith(
      UserProvisioner.firstOf([Live.layerAdduser, Live.layerUseradd]),
      ({ command }) => command === "adduser" ? "not found" : undefined
    ),
    subjectOf
  )
)
contract(
  "test",
  Effect.sync(() => {
    const fake = Test.make({ groups: ["adm", "video"], systemAccounts: ["daemon"] })
    return {
      layer: fake.layer,
      members: (name) => fake.members.get(name) ?? new Set(),
      sudoers: () => [...fake.sudoers]
    }
  })
)

describe("UserProvisioner: the commands of shadow-utils", () => {
  it.effect("calls useradd with azure-init's arguments", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        yield* users.ensure({ ...plain, groups: [group("adm"), group("video")] })
        assert.deepStrictEqual(host.callsOf("useradd"), [{
          command: "useradd",
          args: ["alice", "--comment", comment, "--groups", "adm,video", "-d", "/home/alice", "-m"],
          stdin: undefined
        }])
      })
    ))

  it.effect("calls useradd with an empty list when there are no groups, and makes the passwd line of azure-init", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        const { account } = yield* users.ensure(plain)
        assert.deepStrictEqual(host.callsOf("useradd")[0]?.args, [
          "alice",
          "--comment",
          comment,
          "--groups",
          "",
          "-d",
          "/home/alice",
          "-m"
        ])
        assert.include(host.read("/etc/passwd"), `alice:x:${owner.uid}:${owner.gid}:${comment}:/home/alice:/bin/sh\n`)
        assert.deepStrictEqual(account, { name: alice, ...owner, home: "/home/alice" })
      })
    ))

  it.effect("asks for a group once that is named twice", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        yield* users.ensure({ ...plain, groups: [group("adm"), group("adm")] })
        assert.strictEqual(host.callsOf("useradd")[0]?.args[4], "adm")
      })
    ))

  it.effect("takes the group that has the account's name already as its own", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        const { problems } = yield* users.ensure({ ...plain, name: Username.make("video") })
        assert.deepStrictEqual(problems, [])
        assert.deepStrictEqual(host.callsOf("useradd").map(({ args }) => args.slice(-2)), [
          ["/home/video", "-m"],
          ["-g", "video"]
        ])
      })
    ))

  it.effect("keeps an account that exists, and adds only the groups that it lacks", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, {
          "etc/passwd": `alice:x:${owner.uid}:${owner.gid}:Alice:/srv/alice:/bin/zsh\n`,
          "etc/group": "adm:x:4:alice\nvideo:x:44:\naudio:x:29:\n",
          "srv/alice/notes": "hers"
        })
        const { account, problems } = yield* users.ensure({
          ...plain,
          groups: [group("adm"), group("video"), group("audio")]
        })
        assert.strictEqual(account.home, "/srv/alice")
        assert.deepStrictEqual(problems, [])
        assert.deepStrictEqual(host.callsOf("useradd"), [])
        assert.deepStrictEqual(host.callsOf("usermod").map(({ args }) => args), [["-aG", "video,audio", "alice"]])
        assert.strictEqual(host.read("/etc/passwd"), `alice:x:${owner.uid}:${owner.gid}:Alice:/srv/alice:/bin/zsh\n`)
        assert.strictEqual(host.read("/srv/alice/notes"), "hers")
      })
    ))

  it.effect("calls nothing that changes the host when all is as asked already", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        const request = { ...plain, groups: [group("adm"), group("nosuch")], createMissingGroups: true }
        yield* users.ensure(request)
        const before = host.commands().length
        yield* users.ensure(request)
        assert.deepStrictEqual(
          host.commands().slice(before).flatMap(([program]) => program === "visudo" ? [] : [program]),
          ["id"]
        )
      })
    ))

  it.effect("makes missing groups when asked, and says which it could not make", () =>
    withLive(
      (users, { host }) =>
        Effect.gen(function*() {
          const { problems } = yield* users.ensure({
            name: alice,
            groups: [group("good"), group("bad"), group("adm")],
            createMissingGroups: true
          })
          assert.deepStrictEqual(host.callsOf("groupadd").map(({ args }) => args), [["--", "good"], ["--", "bad"]])
          assert.deepStrictEqual([...host.groupsOf("alice")].sort(), ["adm", "good"])
          assert.lengthOf(problems, 1)
          assert.include(problems[0]?.message, "create the group bad")
          assert.include(problems[0]?.message, "no more ids")
        }),
      ({ args, command }) =>
        command === "groupadd" && args[1] === "bad" ? { exitCode: 4, stderr: "groupadd: no more ids" } : undefined
    ))

  it.effect("keeps the account when its groups cannot be added, and says so", () =>
    withLive((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/passwd": aliceLine })
        const { account, problems } = yield* users.ensure({ ...plain, groups: [group("adm")] })
        assert.strictEqual(account.name, "alice")
        assert.include(problems[0]?.message, "add the groups adm")
        assert.include(problems[0]?.message, "usermod: broken")
      }), ({ command }) => command === "usermod" ? { exitCode: 1, stderr: "usermod: broken" } : undefined))
})

describe("UserProvisioner: what goes wrong", () => {
  it.effect("tells useradd's own words", () =>
    withLive((users) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(users.ensure(plain))
        assert.strictEqual(error._tag, "UserError")
        assert.include(error.message, "create the account for the user alice")
        assert.include(error.message, "exit status: 3")
        assert.include(error.message, "useradd: invalid user name")
      }), ({ command }) =>
      command === "useradd" ? { exitCode: 3, stderr: "useradd: invalid user name 'alice'" } : undefined))

  it.effect("says that the account is missing when useradd claims success", () =>
    withLive((users) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(users.ensure(plain))
        assert.strictEqual(error._tag, "UserMissingError")
      }), ({ command }) => command === "useradd" ? {} : undefined))

  it.effect("keeps the account that useradd left half done, and makes its home", () => {
    let root = ""
    return withLive((users, at) => {
      root = at.root
      return Effect.gen(function*() {
        const { account, problems } = yield* users.ensure(plain)
        assert.strictEqual(account.name, "alice")
        assert.lengthOf(problems, 1)
        assert.include(problems[0]?.message, "cannot create directory")
        assert.isTrue(lstatSync(`${root}/home/alice`).isDirectory())
      })
    }, ({ command }) => {
      if (command !== "useradd") return undefined
      // Exit status 12 of useradd(8).
      writeFileSync(`${root}/etc/passwd`, aliceLine)
      return { exitCode: 12, stderr: "useradd: cannot create directory /home/alice" }
    })
  })

  it.effect("gives the account that a failing useradd leaves its entries in the same run, before anything is written there", () => {
    let root = ""
    return withLive((users, at) => {
      root = at.root
      return Effect.gen(function*() {
        yield* writeFiles(root, { "etc/shadow": "root:*:1::::::\n" })
        const { problems } = yield* users.ensure(plain)
        assert.lengthOf(problems, 1)
        assert.include(problems[0]?.message, "No space left on device")
        assert.match(at.host.read("/etc/shadow"), /^alice:/m)
        assert.lengthOf(at.host.callsOf("pwconv"), 1)
      })
    }, ({ command }) => {
      if (command !== "useradd") return undefined
      writeFileSync(`${root}/etc/passwd`, aliceLine)
      return { exitCode: 1, stderr: "useradd: failure while writing changes to /etc/shadow: No space left on device" }
    })
  })

  for (const [what, change] of [["", () => undefined], [", without getent", noGetent]] as const) {
    it.effect(`gives an account that a cut-off useradd has left the entries that it lacks${what}`, () =>
      withLive((users, { host, root }) =>
        Effect.gen(function*() {
          yield* writeFiles(root, {
            ...elsewhereFirst,
            "etc/passwd": aliceLine,
            "etc/shadow": "root:*:1::::::\n",
            "home/alice/x": ""
          })
          const { problems } = yield* users.ensure(plain)
          assert.deepStrictEqual(problems, [])
          assert.match(host.read("/etc/shadow"), /^alice:/m)
          assert.deepStrictEqual(host.callsOf("groupadd").map(({ args }) => args), [
            ["-g", String(owner.gid), "--", "alice"]
          ])
          const before = host.commands().length
          yield* users.ensure(plain)
          assert.deepStrictEqual(
            host.commands().slice(before).filter(([program]) => program !== "getent" && program !== "visudo"),
            []
          )
        }), change))
  }

  it.effect("does not take a getent that fails for an absent account", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, elsewhereFirst)
        const error = yield* Effect.flip(users.ensure(plain))
        assert.include(error.message, "\"getent\" \"passwd\" \"alice\"")
        assert.include(error.message, "exit status: 3")
        assert.deepStrictEqual(host.callsOf("useradd"), [])
      }), ({ args, command }) => command === "getent" && args[0] === "passwd" ? { exitCode: 3 } : undefined))

  it.effect("makes the account when only the groups cannot be looked up", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, elsewhereFirst)
        const { problems } = yield* users.ensure({ ...plain, groups: [group("adm")] })
        assert.include(problems[0]?.message, "find the group adm")
        assert.strictEqual(host.callsOf("useradd")[0]?.args[4], "")
      }), ({ args, command }) => command === "getent" && args[0] === "group" ? { exitCode: 3 } : undefined))

  it.effect("reads the files where there is no getent", () =>
    withLive((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, {
          ...elsewhereFirst,
          "etc/passwd": `alicext:x:7:7::/x:/bin/sh\n${aliceLine}`,
          "home/alice/x": ""
        })
        const { account } = yield* users.ensure({ ...plain, groups: [group("adm")] })
        assert.deepStrictEqual(account, { name: alice, ...owner, home: "/home/alice" })
        assert.deepStrictEqual(host.callsOf("useradd"), [])
        assert.deepStrictEqual([...host.groupsOf("alice")], ["adm"])
      }), noGetent))

  for (
    const line of [
      "alice:x:oops:1000::/home/alice:/bin/sh",
      "alice:x:1000:1000::home/alice:/bin/sh",
      "alice:x:1000",
      // (uid_t) -1, which chown(2) takes for "as it is", and 2^32, which is root where 32 bits are kept.
      "alice:x:4294967295:1000::/home/alice:/bin/sh",
      "alice:x:1000:4294967296::/home/alice:/bin/sh"
    ]
  ) {
    it.effect(`refuses the entry ${line}`, () =>
      withLive((users, { root }) =>
        Effect.gen(function*() {
          yield* writeFiles(root, { "etc/passwd": `${line}\n` })
          const error = yield* Effect.flip(users.ensure(plain))
          assert.include(error.message, "no ids or no absolute home")
        })
      ))
  }

  it.effect("waits for another program's lock, and makes the account then", () => {
    let tries = 0
    return withLive((users, { host }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(users.ensure(plain))
        yield* turnsUntil(() => host.callsOf("useradd").length > 0)
        yield* TestClock.adjust("1999 millis")
        assert.lengthOf(host.callsOf("useradd"), 2)
        yield* TestClock.adjust("1 milli")
        const { problems } = yield* Fiber.join(fiber)
        assert.lengthOf(host.callsOf("useradd"), 3)
        assert.deepStrictEqual(problems, [])
      }), ({ command }) =>
      command === "useradd" && tries++ < 2
        ? { exitCode: 1, stderr: "useradd: cannot lock /etc/passwd; try again later." }
        : undefined)
  })

  it.effect("waits for another program's lock although the password has a word of its message", () => {
    let tries = 0
    return withLive((users, { host }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(users.ensure(plain))
        yield* turnsUntil(() => host.callsOf("useradd").length > 0)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual((yield* Fiber.join(fiber)).problems, [])
        assert.lengthOf(host.callsOf("useradd"), 2)
      }), ({ command }) =>
      command === "useradd" && tries++ < 1
        ? {
          exitCode: 1,
          stderr: "useradd: <redacted> lock /etc/passwd",
          said: Redacted.make("useradd: cannot lock /etc/passwd")
        }
        : undefined)
  })

  it.effect("gives up on a lock that never goes away, and says which", () =>
    withLive((users, { host }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.flip(users.ensure(plain)))
        yield* turnsUntil(() => host.callsOf("useradd").length > 0)
        yield* TestClock.adjust("1 minute")
        assert.include((yield* Fiber.join(fiber)).message, "cannot lock /etc/passwd")
        assert.lengthOf(host.callsOf("useradd"), 3)
      }), ({ command }) =>
      command === "useradd"
        ? { exitCode: 1, stderr: "useradd: cannot lock /etc/passwd; try again later." }
        : undefined))
})

describe("UserProvisioner: the home of an account whose creation was cut short", () => {
  const withHomeless = <A, E>(
    test: (users: UserProvisioner["Service"], at: Host) => Effect.Effect<A, E>,
    answer?: Answering
  ) =>
    withLive(
      (users, at) =>
        Effect.andThen(writeFiles(at.root, { "etc/passwd": aliceLine, "home/.keep": "" }), test(users, at)),
      answer
    )

  it.effect("is made from the skeleton, private and the account's own throughout", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/skel/.profile": "hello\n", "etc/skel/deep/er/file": "x" })
        chmodSync(`${root}/etc/skel/deep/er/file`, 0o751)
        const { problems } = yield* users.ensure(plain)
        assert.deepStrictEqual(problems, [])
        const home = `${root}/home/alice`
        assert.strictEqual(lstatSync(home).mode & 0o7777, 0o700)
        assert.strictEqual(readFileSync(`${home}/.profile`, "utf8"), "hello\n")
        assert.strictEqual(lstatSync(`${home}/deep/er/file`).mode & 0o7777, 0o751)
        for (const path of ["", ".profile", "deep", "deep/er", "deep/er/file"]) {
          const { gid, uid } = lstatSync(`${home}/${path}`)
          assert.deepStrictEqual({ uid, gid }, owner, path)
        }
        assert.deepStrictEqual(readdirSync(`${root}/home`).sort(), [".keep", "alice"])
      })
    ))

  it.effect("has the skeleton's links as links, and nothing behind them is touched", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "srv/shared/file": "not hers", "etc/skel/.profile": "" })
        symlinkSync(`${root}/srv/shared`, `${root}/etc/skel/shared`)
        symlinkSync("nowhere", `${root}/etc/skel/dangling`)
        const before = lstatSync(`${root}/srv/shared/file`)
        // Without the right to enter it, a user other than root fails on what is inside.
        chmodSync(`${root}/srv/shared`, 0o400)
        const { problems } = yield* users.ensure(plain)
        chmodSync(`${root}/srv/shared`, 0o700)
        assert.deepStrictEqual(problems, [])
        assert.isTrue(lstatSync(`${root}/home/alice/shared`).isSymbolicLink())
        assert.isTrue(lstatSync(`${root}/home/alice/dangling`).isSymbolicLink())
        const after = lstatSync(`${root}/srv/shared/file`)
        assert.deepStrictEqual([after.uid, after.gid], [before.uid, before.gid])
        assert.strictEqual(lstatSync(`${root}/home/alice/shared`).uid, owner.uid)
      })
    ))

  it.effect("is made without a skeleton, where there is none", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        const { problems } = yield* users.ensure(plain)
        assert.deepStrictEqual(problems, [])
        assert.deepStrictEqual(readdirSync(`${root}/home/alice`), [])
      })
    ))

  it.effect("is made for the keys when the skeleton cannot be copied, and that is said", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/skel": "a file" })
        const { account, problems } = yield* users.ensure(plain)
        assert.strictEqual(account.name, "alice")
        assert.lengthOf(problems, 1)
        assert.include(problems[0]?.message, `${root}/etc/skel`)
        assert.strictEqual(lstatSync(`${root}/home/alice`).mode & 0o7777, 0o700)
        assert.strictEqual(lstatSync(`${root}/home/alice`).uid, owner.uid)
      })
    ))

  it.effect("is made anew when useradd stopped between making it and giving it away", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        mkdirSync(`${root}/home/alice`, { mode: 0 })
        yield* writeFiles(root, { "etc/skel/.profile": "" })
        yield* users.ensure(plain)
        assert.strictEqual(lstatSync(`${root}/home/alice`).mode & 0o7777, 0o700)
        assert.deepStrictEqual(readdirSync(`${root}/home/alice`), [".profile"])
      })
    ))

  it.effect("is left as it is when there is one", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "etc/skel/.profile": "", "home/alice/notes": "hers" })
        chmodSync(`${root}/home/alice`, 0o755)
        yield* users.ensure(plain)
        assert.strictEqual(lstatSync(`${root}/home/alice`).mode & 0o7777, 0o755)
        assert.deepStrictEqual(readdirSync(`${root}/home/alice`), ["notes"])
      })
    ))

  it.effect("survives what a killed agent left half copied", () =>
    withHomeless((users, { root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "home/.alice.azure-init/old": "", "etc/skel/.profile": "" })
        yield* users.ensure(plain)
        assert.deepStrictEqual(readdirSync(`${root}/home/alice`), [".profile"])
        assert.deepStrictEqual(readdirSync(`${root}/home`).sort(), [".keep", "alice"])
      })
    ))

  it.effect("gets its SELinux labels where SELinux is in force", () =>
    withHomeless((users, { host, root }) =>
      Effect.gen(function*() {
        yield* writeFiles(root, { "sys/fs/selinux/enforce": "1" })
        yield* users.ensure(plain)
        assert.deepStrictEqual(host.callsOf("restorecon").map(({ args }) => args), [["-R", `${root}/home/alice`]])
      }), ({ command }) => command === "restorecon" ? {} : undefined))
})

describe("UserProvisioner: BusyBox", () => {
  it.effect("calls adduser and addgroup, and nothing of shadow-utils", () =>
    Effect.gen(function*() {
      const { host, layer } = yield* hostWith(Live.layerAdduser, noGetent)
      yield* UserProvisioner.use((users) =>
        users.ensure({ name: alice, groups: [group("adm"), group("new")], createMissingGroups: true })
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(host.commands().filter(([program]) => program !== "visudo"), [
        ["addgroup", "new"],
        ["adduser", "-D", "-h", "/home/alice", "-g", comment, "alice"],
        ["addgroup", "alice", "adm"],
        ["addgroup", "alice", "new"]
      ])
    }))
})

describe("UserProvisioner: test", () => {
  it.effect("fails as scripted, and records what was asked", () =>
    Effect.gen(function*() {
      const failure = new UserError({ user: "alice", operation: "create the account", detail: "scripted" })
      const fake = Test.make({ ensureError: failure, sudoError: failure })
      yield* UserProvisioner.use((users) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Effect.flip(users.ensure(plain)), failure)
          assert.strictEqual(yield* Effect.flip(users.grantSudo(alice)), failure)
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.requests, [plain])
      assert.deepStrictEqual([...fake.sudoers], [])
    }))
})
