import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import { type Configuration, parse, parseLists } from "../../src/layers/live/sshd.ts"
import { makeReload } from "../../src/layers/live/sshdReload.ts"
import * as TestSubprocess from "../../src/layers/test/Subprocess.ts"
import { Linux } from "../../src/services/Linux.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"
import { type Entry, logging } from "../support/logged.ts"

const printed = "pidfile /run/sshd.pid\nhostkey /etc/ssh/rsa_key\nhostkey /etc/ssh/ed25519_key\n"
const inForce = (text = printed): Configuration => ({ _tag: "InForce", values: parse(text), lists: parseLists(text) })

const systemd = { "run/systemd/system/x": "", "sys/fs/cgroup/system.slice/cron.service/x": "" }
const running = {
  ...systemd,
  "etc/ssh/ed25519_key": "key",
  "run/sshd.pid": "4242\n",
  "proc/4242/comm": "sshd\n",
  "proc/4242/cgroup": "0::/system.slice/ssh.service\n",
  "sys/fs/cgroup/system.slice/ssh.service/cgroup.procs": "4242\n"
}

/** What the reload does on a host with these files: commands and signals, and the messages. */
const reloaded = (
  files: Readonly<Record<string, string>>,
  answer: Configuration = inForce(),
  { exitCode = 0, signalCode = "" } = {}
) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, files)
    const subprocess = TestSubprocess.make(() => ({ exitCode, stderr: "no bus" }))
    const signals: Array<string> = []
    const signalled = Layer.effect(
      Linux,
      Linux.useSync((linux) =>
        Linux.of({
          ...linux,
          signal: (pid, signal) =>
            Effect.suspend(() => {
              signals.push(`${signal} ${pid}`)
              return signalCode === ""
                ? Effect.void
                : Effect.fail(new LinuxError({ operation: "kill", path: "4242", code: signalCode, detail: "failed" }))
            })
        })
      )
    ).pipe(Layer.provideMerge(pathsBelow(root)))
    const log: Array<Entry> = []
    yield* logging(log, Effect.flatMap(makeReload, (reload) => reload(answer))).pipe(
      Effect.provide(Layer.merge(signalled, subprocess.layer))
    )
    const commands = subprocess.calls.map(({ args, command }) => [command, ...args].join(" "))
    return { did: [...signals, ...commands], messages: log.map(([level, message]) => `${level} ${String(message)}`) }
  })

const systemctl = (units: string) => `systemctl --no-block try-reload-or-restart ${units}`
const warning = "Warn A running sshd is not reloaded; its setting for passwords applies after its next start"

const without = (...paths: ReadonlyArray<keyof typeof running>) =>
  Object.fromEntries(Object.entries(running).filter(([path]) => !paths.some((one) => one === path)))

describe("sshd's reload: under systemd", () => {
  it.effect("is a signal to the process of the unit, without another process", () =>
    Effect.gen(function*() {
      const { did, messages } = yield* reloaded(running)
      assert.deepStrictEqual(did, ["SIGHUP 4242"])
      assert.deepStrictEqual(messages, ["Info Reloaded sshd"])
      const own = { ...running, "proc/4242/cgroup": "12:pids:/x\n1:name=systemd:/login.slice/sshd.service\n" }
      assert.deepStrictEqual((yield* reloaded(own)).did, ["SIGHUP 4242"])
    }))

  for (
    const [what, files, answer] of [
      ["has written no pid file yet", without("run/sshd.pid"), inForce()],
      ["has a pid file that is none", { ...running, "run/sshd.pid": "0\n" }, inForce()],
      ["writes no pid file", running, inForce(printed.replace("/run/sshd.pid", "none"))],
      ["writes its pid file elsewhere", running, inForce(printed.replace("/run/sshd", "/run/other"))],
      ["has ended, and its number is another's", { ...running, "proc/4242/comm": "postgres\n" }, inForce()],
      ["is not that of the unit", { ...running, "proc/4242/cgroup": "0::/user.slice/ssh.scope\n" }, inForce()],
      ["is of a unit that cannot be found out", without("proc/4242/cgroup"), inForce()],
      ["would find no host key", without("etc/ssh/ed25519_key"), inForce()],
      ["would find an empty host key only", { ...running, "etc/ssh/ed25519_key": "" }, inForce()],
      [
        "has been given a host key for the question only",
        { ...running, "run/azure-init/sshd-1/key": "key" },
        inForce("pidfile /run/sshd.pid\nhostkey /run/azure-init/sshd-1/key\n")
      ],
      ["does not say which host keys it has", running, inForce("pidfile /run/sshd.pid\n")],
      ["has not checked its configuration", running, { _tag: "Unanswered", why: "timed out" }]
    ] satisfies ReadonlyArray<readonly [string, Readonly<Record<string, string>>, Configuration]>
  ) {
    it.effect(`is one systemctl where the process ${what}`, () =>
      Effect.gen(function*() {
        const { did, messages } = yield* reloaded(files, answer)
        assert.deepStrictEqual(did, [systemctl("ssh.service")])
        assert.deepStrictEqual(messages, ["Info Reloaded sshd"])
      }))
  }

  it.effect("is one systemctl where the process has just ended", () =>
    Effect.gen(function*() {
      const { did } = yield* reloaded(running, inForce(), { signalCode: "ESRCH" })
      assert.deepStrictEqual(did, ["SIGHUP 4242", systemctl("ssh.service")])
    }))

  for (
    const trace of [
      "sys/fs/cgroup/system.slice/sshd.service/x",
      "sys/fs/cgroup/systemd/system.slice/sshd.service/x",
      "sys/fs/cgroup/unified/system.slice/sshd.service/x",
      "run/systemd/units/invocation:sshd.service"
    ]
  ) {
    it.effect(`is one systemctl for a unit that is just starting, which /${trace} shows`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* reloaded({ ...systemd, [trace]: "" })).did, [systemctl("sshd.service")])
      }))
  }

  it.effect("is nothing where no unit has processes, whatever its pid file says", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reloaded(systemd), { did: [], messages: [] })
      assert.deepStrictEqual((yield* reloaded({ ...systemd, "run/sshd.pid": "4242\n" })).did, [])
      const hybrid = { "run/systemd/system/x": "", "sys/fs/cgroup/systemd/system.slice/cron.service/x": "" }
      assert.deepStrictEqual((yield* reloaded(hybrid)).did, [])
    }))

  it.effect("is one systemctl for both units where control groups are not to be seen, installed or not", () =>
    Effect.gen(function*() {
      const blind = { "run/systemd/system/x": "" }
      assert.deepStrictEqual((yield* reloaded(blind)).did, [systemctl("ssh.service sshd.service")])
      assert.deepStrictEqual((yield* reloaded(blind, inForce(), { exitCode: 5 })).messages, ["Info Reloaded sshd"])
    }))

  it.effect("costs a warning when it fails", () =>
    Effect.gen(function*() {
      const files = without("run/sshd.pid")
      assert.deepStrictEqual((yield* reloaded(files, inForce(), { exitCode: 1 })).messages, [warning])
      assert.deepStrictEqual((yield* reloaded(files, inForce(), { exitCode: 5 })).messages, [warning])
    }))
})

describe("sshd's reload: without systemd", () => {
  const plain = { "run/sshd.pid": "4242\n", "proc/4242/comm": "sshd\n" }

  it.effect("is a signal to the process of the pid file, if that is an sshd", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* reloaded(plain)).did, ["SIGHUP 4242"])
      for (
        const other of [
          { ...plain, "proc/4242/comm": "postgres\n" },
          { "proc/4242/comm": "sshd\n" },
          { "run/sshd.pid": "4242\n" },
          { ...plain, "run/sshd.pid": "-1\n", "proc/-1/comm": "sshd\n" }
        ]
      ) {
        assert.deepStrictEqual(yield* reloaded(other), { did: [], messages: [] })
      }
    }))

  it.effect("costs a warning when it fails", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* reloaded(plain, inForce(), { signalCode: "EPERM" })).messages, [warning])
    }))
})
