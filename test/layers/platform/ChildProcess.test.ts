import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import * as Platform from "../../../src/layers/Platform.ts"
import { temporaryRoot, writeFiles } from "../../support/host.ts"
import { turnsUntil } from "../../support/turns.ts"

/** On Node under vitest, on the boot runtime under `npm run test:native`. */

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

type Options = ChildProcess.CommandOptions

const spawn = (command: string, args: ReadonlyArray<string | Redacted.Redacted<string>> = [], options: Options = {}) =>
  ChildProcessSpawner.use((spawner) =>
    spawner.spawn(ChildProcess.make(command, args, { env: { PATH }, stdin: "ignore", ...options }))
  )

/** All that a command prints, and its exit code. */
const run = (command: string, args: ReadonlyArray<string | Redacted.Redacted<string>> = [], options: Options = {}) =>
  Effect.scoped(Effect.flatMap(spawn(command, args, options), (handle) =>
    Effect.all({
      stdout: Stream.mkString(Stream.decodeText(handle.stdout)),
      stderr: Stream.mkString(Stream.decodeText(handle.stderr)),
      exitCode: handle.exitCode
    }, { concurrency: "unbounded" })))

const script = (text: string, options: Options = {}) => run("sh", ["-c", text], options)

const tagOf = (error: PlatformError): string => error.reason._tag

/** Whether a process runs; one that has ended and was not waited for does not. */
const alive = (pid: string): boolean =>
  existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))

describe("ChildProcessSpawner", () => {
  it.effect("gives standard output, standard error and the exit code", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* script("echo out; echo err >&2; exit 3"), {
        stdout: "out\n",
        stderr: "err\n",
        exitCode: 3
      })
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("passes arguments as they are, and the given environment and no other", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run("sh", [
        "-c",
        "printf '[%s]' \"$@\"; env | sort",
        "sh",
        "a b",
        "",
        Redacted.make("$HOME\n'")
      ], {
        env: { PATH, ONE: "1", TWO: undefined, THREE: Redacted.make("3") }
      })
      assert.strictEqual(
        stdout.replace(/^(PWD|OLDPWD|SHLVL|_)=.*\n/gm, ""),
        `[a b][][$HOME\n']ONE=1\nPATH=${PATH}\nTHREE=3\n`
      )
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("gives nothing on standard input, or a stream", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run("cat")).stdout, "")
      const large = "0123456789".repeat(50_000)
      const stdin = Stream.make(large.slice(0, 7), large.slice(7)).pipe(Stream.encodeText)
      assert.strictEqual((yield* run("cat", [], { stdin })).stdout, large)
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("does not mind a command that does not read what it is given", () =>
    Effect.gen(function*() {
      const stdin = Stream.make("x".repeat(1_000_000)).pipe(Stream.encodeText)
      assert.strictEqual((yield* run("true", [], { stdin })).exitCode, 0)
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("reads a large output whole", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run("head", ["-c", "3000000", "/dev/zero"])).stdout.length, 3_000_000)
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("looks a name up in the PATH of the given environment", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "first/tool": "#!/bin/sh\necho first", "second/tool": "#!/bin/sh\necho second" })
      mkdirSync(`${root}/third/tool`, { recursive: true })
      chmodSync(`${root}/second/tool`, 0o755)
      const env = { PATH: `${root}/third:${root}/first:${root}/second` }
      assert.strictEqual((yield* run("tool", [], { env })).stdout, "second\n")
      assert.strictEqual((yield* run(`${root}/second/tool`, [], { env: {} })).stdout, "second\n")
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("tells a missing command from one that may not be started", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { tool: "#!/bin/sh" })
      assert.strictEqual(tagOf(yield* Effect.flip(run("no-such-command"))), "NotFound")
      assert.strictEqual(tagOf(yield* Effect.flip(run(`${root}/none`))), "NotFound")
      assert.strictEqual(tagOf(yield* Effect.flip(run(`${root}/tool`))), "PermissionDenied")
      assert.strictEqual(tagOf(yield* Effect.flip(run("tool", [], { env: { PATH: root } }))), "PermissionDenied")
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("refuses a NUL character, without the text", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(run("true", [Redacted.make("hunter2\0")]))
      assert.strictEqual(tagOf(error), "BadArgument")
      assert.notInclude(String(error), "hunter2")
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("names the signal that ended a command", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(script("kill -KILL $$"))
      assert.include("cause" in error.reason ? String(error.reason.cause) : "", "SIGKILL")
    }).pipe(Effect.provide(Platform.processes)))

  it.effect(
    "kills what a scope leaves behind, children too, with SIGKILL when SIGTERM does not do",
    () =>
      Effect.gen(function*() {
        const root = yield* temporaryRoot
        const text = `trap '' TERM; sleep 1000 & echo $! >${root}/pid.new; mv ${root}/pid.new ${root}/pid; wait`
        const pid = yield* Effect.scoped(Effect.gen(function*() {
          const handle = yield* spawn("sh", ["-c", text], { forceKillAfter: "300 millis" })
          yield* turnsUntil(() => existsSync(`${root}/pid`))
          assert.isTrue(yield* handle.isRunning)
          return readFileSync(`${root}/pid`, "utf8").trim()
        }))
        yield* turnsUntil(() => !alive(pid))
      }).pipe(Effect.provide(Platform.processes)),
    20_000
  )

  it.effect("kills on request, and can be asked for what came of it", () =>
    Effect.gen(function*() {
      const handle = yield* spawn("sleep", ["1000"])
      yield* handle.kill({ killSignal: "SIGTERM", forceKillAfter: "1 second" })
      assert.isFalse(yield* handle.isRunning)
      assert.strictEqual((yield* Effect.exit(handle.exitCode))._tag, "Failure")
    }).pipe(Effect.scoped, Effect.provide(Platform.processes)))

  it.effect("is done with a command's scope though a helper of it holds the pipes", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const text = `sleep 1000 & echo $! >${root}/pid; echo done`
      const exitCode = yield* Effect.scoped(Effect.flatMap(
        spawn("sh", ["-c", text], { forceKillAfter: "1 second" }),
        (handle) => handle.exitCode
      ))
      assert.strictEqual(exitCode, 0)
      yield* turnsUntil(() => !alive(readFileSync(`${root}/pid`, "utf8").trim()))
    }).pipe(Effect.provide(Platform.processes)), 20_000)

  it.effect("starts many at once", () =>
    Effect.gen(function*() {
      const codes = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index),
        (index) =>
          Effect.map(script(`echo ${index}; exit ${index}`), ({ exitCode, stdout }) => `${exitCode} ${stdout.trim()}`),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(codes, codes.map((_, index) => `${index} ${index}`))
    }).pipe(Effect.provide(Platform.processes)), 20_000)
})

/** What the boot runtime promises beyond Node. */
const ofTheRuntime = () => {
  it.effect("ends the output with the command, though a helper of it holds the pipes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* script("sleep 1000 & echo out; echo err >&2"), {
        stdout: "out\n",
        stderr: "err\n",
        exitCode: 0
      })
    }).pipe(Effect.provide(Platform.processes)), 20_000)

  it.effect("does not take a file that is no program for a shell script, as execvp(3) does", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { damaged: "\0\0\0" })
      chmodSync(`${root}/damaged`, 0o755)
      assert.include(String(yield* Effect.flip(run(`${root}/damaged`))), "ENOEXEC")
    }).pipe(Effect.provide(Platform.processes)))
}

// Registered there alone, so that no test is skipped on Node.
if ("natives" in globalThis) describe("ChildProcessSpawner of the boot runtime", ofTheRuntime)
