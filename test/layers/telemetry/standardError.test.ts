import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { isJournal } from "../../../src/layers/telemetry/standardError.ts"
import { temporaryRoot } from "../../support/host.ts"
import { levels, observe, seen } from "../../support/telemetry.ts"
import { turnsUntil } from "../../support/turns.ts"

describe("Telemetry: a person", () => {
  const work = Effect.gen(function*() {
    yield* Effect.logInfo("Creating the user azureuser")
    yield* TestClock.adjust("281 millis")
    yield* Effect.logInfo("Set", { path: "/etc/ssh/sshd_config.d/00-azure-init.conf", text: "x".repeat(200) })
    yield* Effect.logWarning("Fell\nback", { error: "y".repeat(200) })
    yield* Effect.logDebug("hidden")
    yield* Effect.logError("Failed")
  }).pipe(Effect.withSpan("provision:create_user"))

  it.effect("sees one short line for each event, INFO and graver, without spans", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(work, { person: "plain" })
      assert.deepStrictEqual(stderr.split("\n"), [
        "   0.000 Creating the user azureuser",
        `   0.281 Set path="/etc/ssh/sshd_config.d/00-azure-init.conf" text="${"x".repeat(45)}…`,
        `   0.281 WARN Fell\\nback error="${"y".repeat(200)}"`,
        "   0.281 ERROR Failed",
        ""
      ])
      assert.include(log, " INFO create_user: libazureinit::provision: Creating the user azureuser\n")
      assert.include(log, "x".repeat(200))
    }))

  it.effect("sees colours only where asked for", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(work, { person: "colours" })
      assert.include(stderr, "\u001b[2m   0.000\u001b[0m Creating")
      assert.include(stderr, "\u001b[33mWARN\u001b[0m Fell")
      assert.include(stderr, "\u001b[1;31mERROR\u001b[0m Failed")
      assert.notInclude(log, "\u001b")
      assert.notInclude((yield* observe(work, { person: "plain" })).stderr, "\u001b")
    }))

  it.effect("sees what AZURE_INIT_LOG asks for", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(seen((yield* observe(levels, { person: "plain", logFilter: "warn" })).stderr), [
        "WARN",
        "ERROR"
      ])
      assert.lengthOf(seen((yield* observe(levels, { person: "plain", logFilter: "trace" })).stderr), 5)
      assert.strictEqual((yield* observe(levels, { person: "plain", logFilter: "off" })).stderr, "")
    }))
})

describe("Telemetry: nobody reads standard error", () => {
  const many = Effect.forEach(
    Array.from({ length: 2000 }, (_, index) => index),
    (index) => Effect.logError(`line ${index}`, { filler: "x".repeat(100) })
  )

  it.effect("does not hold up the work, and tells the number of the lost lines when it is read again", () =>
    Effect.gen(function*() {
      let full = true
      const { log, stderr } = yield* observe(
        Effect.gen(function*() {
          yield* many
          full = false
          yield* TestClock.adjust("1 second")
          yield* Effect.logError("read again")
        }),
        { full: () => full }
      )
      const lines = stderr.trimEnd().split("\n")
      const gap = lines.findIndex((line) => line.includes("lines are missing here"))
      assert.strictEqual(lines.length, gap + 2)
      assert.match(
        lines[gap] ?? "",
        new RegExp(` WARN azure_init: ${2000 - gap} lines are missing here: nobody was reading`)
      )
      assert.isAtMost(stderr.length, 66_000)
      assert.match(lines[gap + 1] ?? "", / ERROR azure_init: read again$/)
      assert.lengthOf(log.match(/line \d+/g) ?? [], 2000)
      assert.match(log, new RegExp(` WARN azure_init: Lines did not reach standard error.* lines=${2000 - gap}\n$`))
    }))

  it.effect("does not hold up the end for more than a second, and the log file has the number", () =>
    Effect.gen(function*() {
      const running = yield* Effect.forkChild(observe(many, { full: () => true }))
      yield* turnsUntil(() => running.pollUnsafe() !== undefined, TestClock.adjust("20 millis"))
      assert.isAtMost(yield* Clock.currentTimeMillis, 1795407247209 + 1500)
      const { log, stderr } = yield* Fiber.join(running)
      assert.strictEqual(stderr, "")
      assert.match(log, / WARN azure_init: Lines did not reach standard error.* lines=2000\n$/)
    }))
})

describe("standard error of a process", () => {
  const script = fileURLToPath(new URL("../../support/unreadError.ts", import.meta.url))

  /** Runs `unreadError.ts` in a shell that says where standard error goes, and gives its status and log. */
  const run = Effect.fnUntraced(function*(command: string, input: ReadonlyArray<string> = []) {
    const root = yield* temporaryRoot
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn("sh", ["-c", command, process.execPath, script, root, ...input], {
          stdio: ["ignore", "ignore", "pipe"],
          detached: true
        })
      ),
      // With all that it has started, where it hangs.
      ({ exitCode, pid, signalCode }) =>
        Effect.sync(() =>
          exitCode === null && signalCode === null && pid !== undefined && process.kill(-pid, "SIGKILL")
        )
    )
    // Nobody reads it: a socket, as the journal's stream is one.
    child.stderr.pause()
    const [status] = yield* Effect.promise(() => once(child, "exit"))
    return { status, log: readFileSync(`${root}/var/log/azure-init.log`, "utf8"), root }
  })

  it.effect.each(
    [
      { is: "a full pipe", command: "mkfifo \"$2/pipe\"; exec 3<>\"$2/pipe\"; \"$0\" \"$@\" 2>&3" },
      { is: "a full socket", command: "exec \"$0\" \"$@\"" }
    ]
  )("holds up nothing when it is $is", ({ command }) =>
    Effect.gen(function*() {
      const { log, status } = yield* run(command)
      assert.strictEqual(status, 0)
      assert.lengthOf(log.match(/ line \d+/g) ?? [], 2000)
      assert.match(log, /Lines did not reach standard error: nobody was reading lines=\d+\n$/)
    }), 20_000)

  it.effect("lets SIGTERM end the process when it is a full pipe", () =>
    Effect.gen(function*() {
      const { log, status } = yield* run(
        "mkfifo \"$2/pipe\"; exec 3<>\"$2/pipe\"; \"$0\" \"$@\" 2>&3 & "
          + "until grep -q 'line 1999' \"$2/var/log/azure-init.log\" 2>/dev/null; do sleep 0.05; done; kill $!; wait $!",
        ["and wait"]
      )
      assert.strictEqual(status, 130)
      assert.match(log, /Lines did not reach standard error/)
    }), 20_000)

  it("knows a journal by the device and inode in JOURNAL_STREAM", () => {
    const status = { device: 8, inode: 4711 }
    assert.isTrue(isJournal(Option.some("8:4711"), status))
    assert.isFalse(isJournal(Option.some("8:4712"), status))
    assert.isFalse(isJournal(Option.some("9:4711"), status))
    assert.isFalse(isJournal(Option.some(""), status))
    assert.isFalse(isJournal(Option.none(), status))
    assert.isFalse(isJournal(Option.some("8:4711"), undefined))
  })
})
