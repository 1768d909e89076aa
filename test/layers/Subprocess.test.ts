import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { systemError } from "effect/PlatformError"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { existsSync, readFileSync } from "node:fs"
import { inspect } from "node:util"
import * as Live from "../../src/layers/live/Subprocess.ts"
import * as Platform from "../../src/layers/Platform.ts"
import * as Test from "../../src/layers/test/Subprocess.ts"
import { make as makeSecrets, Secrets } from "../../src/services/Secrets.ts"
import { saidBy, Subprocess, type SubprocessRequest } from "../../src/services/Subprocess.ts"
import { temporaryRoot, writeFiles } from "../support/host.ts"
import { turnsUntil } from "../support/turns.ts"

const live = Live.layer.pipe(Layer.provide(Platform.processes))

/** A fake that answers these commands as Debian's own do. */
const fake = () =>
  Test.make(({ args, command, stdin }) => {
    switch (`${command} ${args.join(" ")}`) {
      case "true ":
        return {}
      case "false ":
        return { exitCode: 1 }
      case "sh -c echo out; echo err >&2; exit 3":
        return { exitCode: 3, stdout: "out\n", stderr: "err\n" }
      case "cat ":
        return { stdout: stdin === undefined ? "" : Redacted.value(stdin) }
      default:
        return "not found"
    }
  }).layer

const run = (request: SubprocessRequest) => Subprocess.use((subprocess) => subprocess.run(request))

for (const [name, layer] of [["live", () => live], ["test", fake]] as const) {
  describe(`Subprocess: ${name}`, () => {
    it.effect("runs a command", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* run({ command: "true", args: [] }), { exitCode: 0, stdout: "", stderr: "" })
      }).pipe(Effect.provide(layer())))

    it.effect("fails with the status and the standard error of a command that fails", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(run({ command: "sh", args: ["-c", "echo out; echo err >&2; exit 3"] }))
        assert.strictEqual(error.status, "exit status: 3")
        assert.strictEqual(error.exitCode, 3)
        assert.strictEqual(error.stderr.trim(), "err")
        assert.deepStrictEqual(error.supporting, [
          ["command", "\"sh\" \"-c\" \"echo out; echo err >&2; exit 3\""],
          ["exit_status", "exit status: 3"]
        ])
      }).pipe(Effect.provide(layer())))

    it.effect("takes an exit status that is allowed for an answer", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* run({ command: "false", args: [], allow: [0, 1] })).exitCode, 1)
      }).pipe(Effect.provide(layer())))

    it.effect("gives standard input, and an empty one when there is none", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* run({ command: "cat", args: [], stdin: Redacted.make("secret") })).stdout, "secret")
        assert.strictEqual((yield* run({ command: "cat", args: [] })).stdout, "")
      }).pipe(Effect.provide(layer())))

    it.effect("says when a command is missing", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(run({ command: "no-such-command", args: ["x"] }))
        assert.strictEqual(error.status, "not found")
        assert.strictEqual(error.message, "executing \"no-such-command\" \"x\" failed: not found")
      }).pipe(Effect.provide(layer())))
  })
}

describe("Subprocess: live", () => {
  it.effect("passes a fixed environment and no other", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run({ command: "env", args: [] })
      assert.deepStrictEqual(stdout.trim().split("\n").sort(), [
        "LC_ALL=C",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      ])
    }).pipe(Effect.provide(live)))

  it.effect("fails, as for a missing command, when the spawn itself throws, as Bun's does for a file that is no program", () =>
    Effect.gen(function*() {
      const throws = ChildProcessSpawner.make(() => Effect.die(new Error("ENOEXEC: posix_spawn")))
      const error = yield* Effect.flip(run({ command: "damaged", args: [] })).pipe(
        Effect.provide(Live.layer.pipe(Layer.provide(Layer.succeed(ChildProcessSpawner.ChildProcessSpawner, throws))))
      )
      assert.match(error.status, /^not started: .*ENOEXEC/)
    }))

  it.effect("names the signal that ended a command", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(run({ command: "sh", args: ["-c", "kill -KILL $$"] }))
      assert.strictEqual(error.status, "signal: SIGKILL")
    }).pipe(Effect.provide(live)))

  it.effect("keeps a secret out of the error", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        run({ command: "sh", args: ["-c", "cat >/dev/null; exit 1"], stdin: Redacted.make("hunter2-secret") })
      )
      assert.notInclude(JSON.stringify(error) + error.message, "hunter2")
    }).pipe(Effect.provide(live)))

  it.effect("keeps a secret that a helper repeats out of the error and of what is told of its success", () =>
    Effect.gen(function*() {
      const stdin = Redacted.make("azureuser:hunter2-secret\n")
      const repeat = { command: "sh", stdin }
      const error = yield* Effect.flip(run({ ...repeat, args: ["-c", "cat >&2; echo failed >&2; exit 1"] }))
      assert.strictEqual(error.stderr, "<redacted>\nfailed")
      assert.notInclude(JSON.stringify(error) + error.message + JSON.stringify(error.supporting), "hunter2")
      const { stderr } = yield* run({ ...repeat, args: ["-c", "cat >&2"] })
      assert.strictEqual(stderr, "<redacted>\n")
    }).pipe(Effect.provide(live), Effect.provideService(Secrets, makeSecrets())))

  it.effect("keeps a secret out of the error of another command than the one that was given it", () =>
    Effect.gen(function*() {
      const secrets = yield* Secrets
      secrets.add(Redacted.make("of-the-disc"))
      yield* run({ command: "cat", args: [], stdin: Redacted.make("azureuser:hunter2-secret\n") })
      const error = yield* Effect.flip(
        run({ command: "sh", args: ["-c", "x=hunter2; echo \"$x-secret of-the-\" >&2; echo disc >&2; exit 1"] })
      )
      assert.strictEqual(error.stderr, "<redacted> <redacted>")
    }).pipe(Effect.provide(live), Effect.provideService(Secrets, makeSecrets())))

  it.effect("keeps a secret out of what the system says of a start or an end that fails", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "hunter2-secret": "" })
      const secrets = yield* Secrets
      secrets.add(Redacted.make("hunter2-secret"))
      const started = yield* Effect.flip(run({ command: `${root}/hunter2-secret`, args: [] })).pipe(
        Effect.provide(live)
      )
      assert.match(started.status, /^not started: .*<redacted>/)
      assert.notInclude(started.status, "hunter2")
      const lost = Layer.effect(
        ChildProcessSpawner.ChildProcessSpawner,
        ChildProcessSpawner.ChildProcessSpawner.useSync((system) =>
          ChildProcessSpawner.make((command) =>
            Effect.map(system.spawn(command), (handle) =>
              ChildProcessSpawner.makeHandle({
                ...handle,
                exitCode: Effect.fail(systemError({
                  _tag: "Unknown",
                  module: "ChildProcess",
                  method: "exitCode",
                  description: "lost hunter2-secret"
                }))
              }))
          )
        )
      )
      const ended = yield* Effect.flip(run({ command: "true", args: [] })).pipe(
        Effect.provide(Live.layer.pipe(Layer.provide(lost), Layer.provide(Platform.processes)))
      )
      assert.match(ended.status, /lost <redacted>/)
      assert.notInclude(ended.status, "hunter2")
    }).pipe(Effect.provideService(Secrets, makeSecrets())))

  it.effect("redacts before it cuts", () =>
    Effect.gen(function*() {
      const script =
        "s=$(cat); head -c 50 /dev/zero | tr '\\0' x >&2; echo \"$s\" >&2; head -c 1980 /dev/zero | tr '\\0' y >&2; exit 1"
      const error = yield* Effect.flip(
        run({ command: "sh", args: ["-c", script], stdin: Redacted.make("hunter2-of-the-owner") })
      )
      assert.match(error.stderr, /^x+<redacted>\ny{1980}$/)
    }).pipe(Effect.provide(live), Effect.provideService(Secrets, makeSecrets())))

  it.effect("does not let a secret change what programs compare", () =>
    Effect.gen(function*() {
      yield* run({ command: "cat", args: [], stdin: Redacted.make("not\nfound\nexit\n3\n") })
      assert.strictEqual((yield* Effect.flip(run({ command: "no-such-command", args: [] }))).status, "not found")
      const error = yield* Effect.flip(run({ command: "sh", args: ["-c", "exit 3"] }))
      assert.strictEqual(error.status, "exit status: 3")
    }).pipe(Effect.provide(live), Effect.provideService(Secrets, makeSecrets())))

  it.effect("lets programs compare what was said, and shows the secrets in it to nobody", () =>
    Effect.gen(function*() {
      const secrets = yield* Secrets
      secrets.add(Redacted.make("Icannotremember1!"))
      const locked = { command: "sh", args: ["-c", "x=not; echo \"useradd: can$x lock /etc/passwd\" >&2; exit 1"] }
      const error = yield* Effect.flip(run(locked))
      assert.strictEqual(error.stderr, "useradd: <redacted> lock /etc/passwd")
      assert.strictEqual(saidBy(error), "useradd: cannot lock /etc/passwd")
      assert.notInclude(JSON.stringify(error) + error.message + String(error) + inspect(error), "cannot lock")
      const result = yield* run({ ...locked, allow: [1] })
      assert.strictEqual(saidBy(result), "useradd: cannot lock /etc/passwd\n")
      assert.notInclude(JSON.stringify(result) + inspect(result), "cannot lock")
    }).pipe(Effect.provide(live), Effect.provideService(Secrets, makeSecrets())))

  it.effect("bounds what it keeps of the output", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run({ command: "head", args: ["-c", "3000000", "/dev/zero"] })
      assert.strictEqual(stdout.length, 1024 * 1024)
      const { stderr } = yield* run({ command: "sh", args: ["-c", "head -c 3000000 /dev/zero >&2"] })
      assert.strictEqual(stderr.length, 64 * 1024)
    }).pipe(Effect.provide(live)))

  it.effect("kills a command that does not end in time, its children too", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const script = `trap '' TERM; sleep 1000 & echo $! >${root}/pid.new; mv ${root}/pid.new ${root}/pid; wait`
      const running = yield* Effect.forkChild(
        Effect.flip(run({ command: "sh", args: ["-c", script], timeout: "5 seconds" }))
      )
      yield* turnsUntil(() => existsSync(`${root}/pid`))
      yield* turnsUntil(() => running.pollUnsafe() !== undefined, TestClock.adjust("1 second"))
      assert.strictEqual((yield* Fiber.join(running)).status, "timed out after 5 s")
      const pid = readFileSync(`${root}/pid`, "utf8").trim()
      yield* turnsUntil(() =>
        !existsSync(`/proc/${pid}`) || /^\d+ \(sleep\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
      )
    }).pipe(Effect.provide(live)))
})
