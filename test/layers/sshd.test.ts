import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import { type Configuration, Sshd } from "../../src/layers/live/sshd.ts"
import * as Ssh from "../../src/layers/live/SshProvisioner.ts"
import * as TestSubprocess from "../../src/layers/test/Subprocess.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { Subprocess } from "../../src/services/Subprocess.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"
import { turnsUntil } from "../support/turns.ts"

const debian = readFileSync(new URL("../fixtures/ssh/sshd_config-debian", import.meta.url), "utf8")
const main = "etc/ssh/sshd_config"
const directory = "etc/ssh/sshd_config.d"

/** What sshd prints in general, and what it prints for a user. */
const general = "usepam yes\nauthorizedkeysfile .ssh/general\npasswordauthentication no\n"
const forUser = general.replace("general", "own")

/** A host with these files, whose sshd answers by `answer`; `asked` tells for whom it was asked, in order. */
const host = (
  files: Readonly<Record<string, string>>,
  answer: (args: ReadonlyArray<string>) => TestSubprocess.Answer = (args) => ({
    stdout: args.includes("-C") ? forUser : general
  })
) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, files)
    const subprocess = TestSubprocess.make(({ args, command }) => command === "sshd" ? answer(args) : {})
    const asked = () =>
      subprocess.calls.filter(({ command }) => command === "sshd")
        .map(({ args }) => `${args[0] ?? ""} ${args.includes("-C") ? "user" : "general"}`)
    return { root, asked, subprocess, given: Layer.merge(subprocess.layer, pathsBelow(root)) }
  })

type Host = Effect.Success<ReturnType<typeof host>>

const withSshd = <A, E>({ given }: Pick<Host, "given">, work: (sshd: Sshd["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Sshd, work).pipe(Effect.provide(Sshd.layer.pipe(Layer.provide(given))))

const keysOf = (answer: Configuration) =>
  answer._tag === "InForce" ? answer.values.get("authorizedkeysfile") : answer._tag

describe("sshd: the question for a user", () => {
  const askedWith = (files: Readonly<Record<string, string>>, arrange: (root: string) => void = () => undefined) =>
    Effect.gen(function*() {
      const on = yield* host(files)
      arrange(on.root)
      const answer = yield* withSshd(on, (sshd) => Effect.andThen(sshd.begin, sshd.configuration("alice")))
      assert.deepStrictEqual(on.asked().slice(0, 1), ["-G general"])
      assert.strictEqual(keysOf(answer), on.asked().length === 1 ? ".ssh/general" : ".ssh/own")
      return on.asked().length > 1
    })

  for (
    const [what, files] of [
      ["Debian's configuration", { [main]: debian }],
      ["drop-ins without a Match", {
        [main]: debian,
        [`${directory}/50-cloud-init.conf`]: "PasswordAuthentication no"
      }],
      ["a Match in a comment, or in a value", { [main]: "#Match User alice\nBanner Match\n" }],
      ["a Match in a file that is no drop-in", { [main]: debian, [`${directory}/50-old.conf.bak`]: "Match all" }],
      ["a Match in a hidden file", { [main]: debian, [`${directory}/.50-old.conf`]: "Match all" }],
      ["an Include of a file below /etc/ssh", { [main]: "Include more.conf", "etc/ssh/more.conf": "UsePAM no" }],
      ["an Include of a file that is missing", { [main]: "Include /etc/more.conf missing/*.conf" }],
      ["files that include each other", { [main]: "Include more.conf", "etc/ssh/more.conf": "Include *.conf" }]
    ] as const
  ) {
    it.effect(`is not put with ${what}`, () =>
      Effect.gen(function*() {
        assert.isFalse(yield* askedWith(files))
      }))
  }

  for (
    const line of [
      "Match User alice",
      "  match all",
      "\tMATCH\tGroup sudo",
      "Match=User alice",
      " = Match User alice",
      "\"Match\" User alice",
      "Ma\"tch\" User alice",
      "Match User bob\r"
    ]
  ) {
    it.effect(`is put where a line is ${JSON.stringify(line)}`, () =>
      Effect.gen(function*() {
        assert.isTrue(yield* askedWith({ [main]: `UsePAM yes\n${line}\n` }))
      }))
  }

  for (
    const include of [
      "Include /etc/more.conf",
      "include=/etc/more.conf",
      "INCLUDE = more/../../more.conf",
      "Include \"/etc/more.conf\"",
      "  Include /etc/none.conf\t/etc/mo?e.conf  ",
      "Include /etc/*.conf\r"
    ]
  ) {
    it.effect(`is put for a Match behind ${JSON.stringify(include)}`, () =>
      Effect.gen(function*() {
        const files = { [main]: `${include}\n`, "etc/ssh/more/x": "" }
        assert.isTrue(yield* askedWith({ ...files, "etc/more.conf": "Match User alice\n" }))
        assert.isFalse(yield* askedWith({ ...files, "etc/more.conf": "UsePAM yes\n" }))
      }))
  }

  for (
    const include of [
      "Include /etc/[a-z]*.conf",
      "Include /etc/*/more.conf",
      "Include ~/more.conf",
      "Include /etc/more.conf # and why",
      "Include '/etc/more.conf'",
      "Include \"/etc/a b.conf\"",
      "Include /etc/a\\ b.conf",
      "Inc\"lude\" /etc/more.conf",
      "Include",
      "Include \u00e9.conf",
      "UsePAM yes\0"
    ]
  ) {
    it.effect(`is put where it is not sure what sshd makes of ${JSON.stringify(include)}`, () =>
      Effect.gen(function*() {
        assert.isTrue(yield* askedWith({ [main]: `${include}\n` }))
      }))
  }

  it.effect("is put for a Match of a drop-in, of a file that it includes, and in a file's last line", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* askedWith({ [main]: debian, [`${directory}/a.conf`]: "UsePAM yes\nMatch all" }))
      assert.isTrue(
        yield* askedWith({ [main]: debian, [`${directory}/a.conf`]: "Include b", "etc/ssh/b": "Match all" })
      )
    }))

  it.effect("is put where the configuration cannot be read, or lies elsewhere", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* askedWith({ "etc/x": "" }))
      assert.isTrue(yield* askedWith({ [`${main}/x`]: "" }))
      assert.isTrue(yield* askedWith({ [main]: debian, [`${directory}/a.conf/x`]: "" }))
      assert.isTrue(yield* askedWith({ [main]: debian, "etc/ssh/sshd_config.d": "" }))
      assert.isTrue(yield* askedWith({ [main]: debian, "usr/local/sbin/sshd": "" }))
      assert.isTrue(yield* askedWith({ [main]: debian, "usr/local/bin/sshd": "" }))
      assert.isTrue(
        yield* askedWith({ [main]: debian }, (root) => {
          mkdirSync(`${root}/${directory}`)
          symlinkSync("loop.conf", `${root}/${directory}/loop.conf`)
        })
      )
    }))

  it.effect("is put once, and after the general one has found out how to ask an sshd before 9.3", () =>
    Effect.gen(function*() {
      const on = yield* host(
        { [main]: "Match all\n" },
        (args) => args[0] === "-G" ? { exitCode: 1, stderr: "unknown option -- G" } : { stdout: forUser }
      )
      yield* withSshd(on, (sshd) =>
        Effect.andThen(
          sshd.begin,
          Effect.all([sshd.configuration("alice"), sshd.configuration("alice")], { concurrency: "unbounded" })
        ))
      assert.deepStrictEqual(on.asked(), ["-G general", "-T general", "-T user"])
    }))

  it.effect("is put where the general answer is a refusal or none", () =>
    Effect.gen(function*() {
      for (const failure of [{ exitCode: 255, stderr: "bad" }, "not found"] as const) {
        const on = yield* host({ [main]: debian }, (args) => args.includes("-C") ? { stdout: forUser } : failure)
        const answer = yield* withSshd(on, (sshd) => Effect.andThen(sshd.begin, sshd.configuration("alice")))
        assert.strictEqual(keysOf(answer), ".ssh/own")
      }
    }))

  it.effect("is put where a file has changed since the general answer, but for whether passwords are taken", () =>
    Effect.gen(function*() {
      for (
        const [change, asked] of [
          [{ [`${directory}/00-azure-init.conf`]: "PasswordAuthentication no\n" }, 1],
          [{ [main]: `PasswordAuthentication yes\n${debian}` }, 1],
          [{ [main]: `${debian}AuthorizedKeysFile .ssh/new\n` }, 2],
          [{ [`${directory}/60-new.conf`]: "AuthorizedKeysFile .ssh/new\n" }, 2]
        ] as const
      ) {
        const on = yield* host({ [main]: debian })
        yield* withSshd(on, (sshd) =>
          sshd.begin.pipe(
            Effect.andThen(turnsUntil(() => on.asked().length === 1)),
            Effect.andThen(writeFiles(on.root, change)),
            Effect.andThen(sshd.configuration("alice"))
          ))
        assert.lengthOf(on.asked(), asked, JSON.stringify(change))
      }
    }))
})

describe("sshd: the question of the beginning", () => {
  /** A host whose sshd answers the first question when it is told to; the later ones at once. */
  const slowHost = Effect.gen(function*() {
    const on = yield* host({ [main]: debian })
    const answered = yield* Deferred.make<void>()
    let questions = 0
    const slow = Layer.effect(
      Subprocess,
      Subprocess.useSync(({ run }) =>
        Subprocess.of({
          run: (request) =>
            Effect.suspend(() =>
              questions++ === 0 ? Effect.andThen(Deferred.await(answered), run(request)) : run(request)
            )
        })
      )
    ).pipe(Layer.provide(on.subprocess.layer))
    return { ...on, given: Layer.merge(slow, pathsBelow(on.root)), answered, questions: () => questions }
  })

  it.effect("goes on in the background, is asked once, and answers everybody who waits for it", () =>
    Effect.gen(function*() {
      const on = yield* slowHost
      yield* withSshd(on, (sshd) =>
        Effect.gen(function*() {
          yield* sshd.begin
          yield* sshd.begin
          yield* turnsUntil(() => on.questions() === 1)
          const waiting = yield* Effect.forkChild(
            Effect.all([sshd.configuration("alice"), sshd.configuration("bob")], { concurrency: "unbounded" })
          )
          yield* Deferred.succeed(on.answered, undefined)
          assert.deepStrictEqual((yield* Fiber.join(waiting)).map(keysOf), [".ssh/general", ".ssh/general"])
        }))
      assert.deepStrictEqual(on.asked(), ["-G general"])
    }))

  it.effect("never answers the question that follows a change, whose answer is the one that is known", () =>
    Effect.gen(function*() {
      const on = yield* slowHost
      yield* withSshd(on, (sshd) =>
        Effect.gen(function*() {
          yield* sshd.begin
          yield* turnsUntil(() => on.questions() === 1)
          const later = yield* Effect.forkChild(sshd.configuration())
          let turns = 0
          yield* turnsUntil(() => ++turns > 3)
          assert.strictEqual(on.questions(), 1)
          yield* Deferred.succeed(on.answered, undefined)
          const answer = yield* Fiber.join(later)
          assert.notStrictEqual(yield* sshd.configuration("alice"), answer)
          assert.strictEqual(sshd.known("alice"), answer)
        }))
      assert.deepStrictEqual(on.asked(), ["-G general", "-G general"])
    }))

  it.effect("ends with the agent", () =>
    Effect.gen(function*() {
      const on = yield* slowHost
      yield* withSshd(on, (sshd) => Effect.andThen(sshd.begin, turnsUntil(() => on.questions() === 1)))
      assert.deepStrictEqual(on.asked(), [])
    }))
})

describe("SshProvisioner: sshd's answers", () => {
  const account: UserAccount = {
    name: Username.make("alice"),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    home: "/home/alice"
  }

  it.effect("are two for a whole provisioning: one before, one after the drop-in was written", () =>
    Effect.gen(function*() {
      const on = yield* host({ [main]: debian, [`${directory}/x`]: "", "home/alice/x": "", "bin/sh": "" })
      chmodSync(`${on.root}/home/alice`, 0o755)
      chmodSync(`${on.root}/bin/sh`, 0o755)
      yield* writeFiles(on.root, { "etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\n" })
      const layer = Ssh.layer.pipe(Layer.provide(Layer.merge(on.given, settingsWith())))
      yield* SshProvisioner.use((ssh) =>
        Effect.gen(function*() {
          yield* ssh.prepare
          const key = { options: "", type: "ssh-ed25519" as const, blob: "AAAA", comment: "", fingerprint: "SHA256:x" }
          const [path] = yield* Effect.all([ssh.installKeys(account, [key]), ssh.allowPasswords(false)], {
            concurrency: "unbounded"
          })
          assert.strictEqual(path, "/home/alice/.ssh/general")
          assert.deepStrictEqual(yield* ssh.loginRefusals(account, { key: true, password: false }), [])
        })
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(on.asked(), ["-G general", "-G general"])
    }))
})
