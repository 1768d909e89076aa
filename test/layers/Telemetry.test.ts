import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { spawnSync } from "node:child_process"
import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Telemetry from "../../src/layers/Telemetry.ts"
import * as TestKvp from "../../src/layers/test/Kvp.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Kvp } from "../../src/services/Kvp.ts"
import { pathsBelow, temporaryRoot } from "../support/host.ts"
import { platformSettings } from "../support/platformSettings.ts"
import { eventsOf, levels, observe, seen, unread, vmId } from "../support/telemetry.ts"

const fullDisk = fileURLToPath(new URL("../support/fullDisk.ts", import.meta.url))

describe("Telemetry: lines", () => {
  it.effect("writes spans and events to the log file in azure-init's format", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(
        Effect.gen(function*() {
          yield* Effect.logInfo("Before")
          yield* Effect.gen(function*() {
            yield* TestClock.adjust("3 millis")
            yield* Effect.annotateCurrentSpan("http_status", 200)
            yield* Effect.logInfo("Received", { url: "http://host" })
          }).pipe(
            Effect.withSpan("http:request", { attributes: { attempt: 0 } }),
            Effect.withSpan("imds:query"),
            Effect.withSpan("azure_init:provision")
          )
          yield* Effect.logWarning("Failed").pipe(
            Effect.withSpan("libazureinit:subprocess", { attributes: { program: "useradd" } })
          )
        })
      )
      assert.deepStrictEqual(log.split("\n"), [
        "2026-11-23T04:14:07.209000Z  INFO azure_init: Before",
        "2026-11-23T04:14:07.209000Z  INFO provision: azure_init: new",
        "2026-11-23T04:14:07.209000Z  INFO provision:query: libazureinit::imds: new",
        "2026-11-23T04:14:07.209000Z  INFO provision:query:request{attempt=0}: libazureinit::http: new",
        "2026-11-23T04:14:07.212000Z  INFO provision:query:request{attempt=0 http_status=200}: libazureinit::http: Received url=\"http://host\"",
        "2026-11-23T04:14:07.212000Z  INFO provision:query:request{attempt=0 http_status=200}: libazureinit::http: close time.elapsed=3.00ms",
        "2026-11-23T04:14:07.212000Z  INFO provision:query: libazureinit::imds: close time.elapsed=3.00ms",
        "2026-11-23T04:14:07.212000Z  INFO provision: azure_init: close time.elapsed=3.00ms",
        "2026-11-23T04:14:07.212000Z  INFO subprocess{program=useradd}: libazureinit: new",
        "2026-11-23T04:14:07.212000Z  WARN subprocess{program=useradd}: libazureinit: Failed",
        "2026-11-23T04:14:07.212000Z  INFO subprocess{program=useradd}: libazureinit: close time.elapsed=0.00ns",
        ""
      ])
      assert.strictEqual(stderr, "")
    }))

  it.effect("has INFO and graver in the file and ERROR on stderr by default", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(levels)
      assert.deepStrictEqual(seen(log), ["INFO", "WARN", "ERROR"])
      // As in azure-init's recording: a filter that drops the spans drops their names.
      assert.strictEqual(stderr, "2026-11-23T04:14:07.209000Z ERROR libazureinit::http: at ERROR\n")
    }))

  it.effect("follows AZURE_INIT_LOG in both", () =>
    Effect.gen(function*() {
      const debug = yield* observe(levels, { logFilter: "libazureinit::http=debug" })
      assert.deepStrictEqual(seen(debug.log), ["DEBUG", "INFO", "WARN", "ERROR"])
      assert.deepStrictEqual(seen(debug.stderr), ["DEBUG", "INFO", "WARN", "ERROR"])
      const trace = yield* observe(levels, { logFilter: "trace" })
      assert.lengthOf(seen(trace.log), 5)
      const warn = yield* observe(levels, { logFilter: "warn" })
      assert.strictEqual(warn.log.split("\n").length, 3)
    }))

  it.effect("goes back to the defaults for a wrong AZURE_INIT_LOG, and says so", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(levels, { logFilter: "invalid[" })
      assert.deepStrictEqual(seen(log), ["INFO", "WARN", "ERROR"])
      assert.deepStrictEqual(seen(stderr), ["ERROR"])
      assert.match(
        log,
        / WARN azure_init: A filter, or a part of it, is wrong and has no effect source="AZURE_INIT_LOG" filter="invalid\["/
      )
    }))

  it.effect("takes AZURE_INIT_LOG=warning for the level", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(levels, { logFilter: "warning" })
      assert.deepStrictEqual([seen(log), seen(stderr)], [["WARN", "ERROR"], ["WARN", "ERROR"]])
    }))

  it.effect("keeps the defaults when AZURE_INIT_LOG matches no target of the agent, and says so", () =>
    Effect.gen(function*() {
      const { log, stderr } = yield* observe(levels, { logFilter: "verbos" })
      assert.deepStrictEqual([seen(log), seen(stderr)], [["INFO", "WARN", "ERROR"], ["ERROR"]])
      assert.match(log, / WARN azure_init: .* source="AZURE_INIT_LOG" filter="verbos" error="'verbos' is no level/)
    }))

  it.effect("obeys the rest of a filter one of whose directives matches no target, and says so", () =>
    Effect.gen(function*() {
      const { log } = yield* observe(levels, { logFilter: "warn,hyper=debug" })
      assert.deepStrictEqual(seen(log), ["WARN", "ERROR"])
      assert.include(log, "error=\"'hyper' is no level")
    }))

  it.effect("shows a span in which nothing more happens", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const kvp = TestKvp.make()
      const fiber = yield* Effect.forkChild(Effect.never.pipe(
        Effect.withSpan("media:mount"),
        Effect.provide(
          Telemetry.layer({ logFilter: Option.none(), kvpFilter: Option.none(), vmId, standardError: unread }).pipe(
            Layer.provide([kvp.layer, pathsBelow(root), Layer.succeed(CurrentSettings, platformSettings())])
          )
        )
      ))
      yield* TestClock.adjust("1 second")
      assert.match(readFileSync(`${root}/var/log/azure-init.log`, "utf8"), / mount: libazureinit::media: new\n$/)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("leaves out spans that are not azure-init's, with all that they know, but not what happens in them", () =>
    Effect.gen(function*() {
      const { log, offered } = yield* observe(
        Effect.logInfo("inside").pipe(
          Effect.withSpan("http.client GET", { attributes: { "http.request.header.authorization": "secret" } }),
          Effect.withSpan("http:get")
        )
      )
      assert.notInclude(log, "client")
      assert.notInclude(log, "secret")
      assert.include(log, " get: libazureinit::http: inside\n")
      assert.lengthOf(offered, 2)
    }))

  it.effect("prints no secret and forges no line", () =>
    Effect.gen(function*() {
      const { log, offered } = yield* observe(
        Effect.logInfo("two\nlines", {
          password: Redacted.make("hunter2"),
          nested: { password: Redacted.make("hunter2") }
        }).pipe(
          Effect.withSpan("provision:create_user", { attributes: { password: Redacted.make("hunter2") } })
        )
      )
      assert.notInclude(log + JSON.stringify(offered), "hunter2")
      assert.include(log, "two\\nlines password=<redacted>")
      for (const line of log.trimEnd().split("\n")) assert.match(line, /^2026-/)
    }))

  it.effect("logs errors, causes and annotations as fields", () =>
    Effect.gen(function*() {
      const { log } = yield* observe(
        Effect.fail("why").pipe(
          Effect.catchCause((cause) => Effect.logError("Failed", cause, new Error("broken"))),
          Effect.annotateLogs("stage", "user")
        )
      )
      assert.match(log, /ERROR azure_init: Failed error="broken" stage="user" cause=".*why/)
    }))
})

describe("Telemetry: the log file", () => {
  it.effect("is made with mode 0600, its directory too", () =>
    Effect.gen(function*() {
      const { file } = yield* observe(levels, { logPath: "/var/log/azure/deep/agent.log" })
      assert.strictEqual(lstatSync(file).mode & 0o7777, 0o600)
    }))

  it.effect("is appended to, and closed to others where azure-init left it open", () =>
    Effect.gen(function*() {
      const { file, log } = yield* observe(levels, {
        prepare: (root) => {
          mkdirSync(`${root}/var/log`, { recursive: true })
          writeFileSync(`${root}/var/log/azure-init.log`, "earlier\n")
          chmodSync(`${root}/var/log/azure-init.log`, 0o644)
        }
      })
      assert.match(log, /^earlier\n2026-/)
      assert.strictEqual(lstatSync(file).mode & 0o7777, 0o600)
    }))

  it.effect("is no link; stderr says so and the work goes on", () =>
    Effect.gen(function*() {
      const { offered, root, stderr } = yield* observe(levels, {
        prepare: (root) => {
          mkdirSync(`${root}/var/log`, { recursive: true })
          writeFileSync(`${root}/victim`, "kept")
          symlinkSync(`${root}/victim`, `${root}/var/log/azure-init.log`)
        }
      })
      assert.strictEqual(readFileSync(`${root}/victim`, "utf8"), "kept")
      assert.match(stderr, /^2026-\S+ ERROR azure_init: Cannot open the log file, going on without path=/)
      assert.deepStrictEqual(seen(stderr), ["ERROR"])
      assert.deepStrictEqual(eventsOf(offered), ["INFO", "WARN", "ERROR"])
    }))

  it.effect("is no directory; stderr says so", () =>
    Effect.gen(function*() {
      const { stderr } = yield* observe(levels, {
        logPath: "/var/log",
        prepare: (root) => mkdirSync(`${root}/var/log`, { recursive: true })
      })
      assert.include(stderr, "Cannot open the log file")
    }))
})

describe("Telemetry: a full disk", () => {
  it.effect(
    "ends neither the work nor the pool's order, and stderr says so once; stdout is not ours",
    () =>
      Effect.gen(function*() {
        const root = yield* temporaryRoot
        mkdirSync(`${root}/var/lib/hyperv`, { recursive: true })
        // 4096 bytes: one record of the pool and a part of the next.
        const ran = yield* Effect.sync(() =>
          spawnSync("sh", ["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", process.execPath, fullDisk, root], {
            encoding: "utf8"
          })
        )
        assert.strictEqual(ran.status, 0, ran.stderr)
        assert.strictEqual(
          ran.stdout,
          `cannot write the KVP pool ${root}/var/lib/hyperv/.kvp_pool_1: EFBIG: file too large\n`
        )
        assert.strictEqual(lstatSync(`${root}/var/lib/hyperv/.kvp_pool_1`).size, 0)
        assert.strictEqual(lstatSync(`${root}/var/log/azure-init.log`).size, 4096)
        assert.match(ran.stderr, /^\S+ ERROR azure_init: Cannot write the log file path="[^"]+" error="EFBIG[^"]+"\n$/)
      }),
    20_000
  )
})

describe("Telemetry: KVP", () => {
  it.effect("sends events inside spans and ends of spans, with azure-init's keys and values", () =>
    Effect.gen(function*() {
      const { flushed } = yield* observe(
        Effect.gen(function*() {
          yield* Effect.logInfo("outside")
          yield* Effect.gen(function*() {
            yield* Effect.logWarning("Locked", { username: "azureuser", attempt: 2 })
            yield* TestClock.adjust(Duration.millis(5))
          }).pipe(Effect.withSpan("provision::password:lock_user"))
        })
      )
      const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
      const key = (level: string) =>
        new RegExp(`^azure-init-0\\.1\\.1\\|${vmId}\\|${level}\\|provision::password:lock_user\\|${uuid}$`)
      assert.deepStrictEqual(flushed.map(({ value }) => value), [
        "Time: 2026-11-23T04:14:07.209Z | Event: message=Locked, username=azureuser, attempt=2",
        "Start: 2026-11-23T04:14:07.209Z | End: 2026-11-23T04:14:07.214Z"
      ])
      assert.match(flushed[0]?.key ?? "", key("WARN"))
      assert.match(flushed[1]?.key ?? "", key("INFO"))
      assert.notStrictEqual(flushed[0]?.key.slice(-36), flushed[1]?.key.slice(-36))
    }))

  it.effect("sends INFO and graver by default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(eventsOf((yield* observe(levels)).flushed), ["INFO", "WARN", "ERROR"])
    }))

  it.effect("follows AZURE_INIT_KVP_FILTER before the settings, and these before the default", () =>
    Effect.gen(function*() {
      const environment = yield* observe(levels, { kvpFilter: "debug" })
      assert.deepStrictEqual(eventsOf(environment.flushed), ["DEBUG", "INFO", "WARN", "ERROR"])
      const configured = yield* observe(levels, { configuredFilter: "debug" })
      assert.deepStrictEqual(eventsOf(configured.flushed), ["DEBUG", "INFO", "WARN", "ERROR"])
      const both = yield* observe(levels, { kvpFilter: "warn", configuredFilter: "debug" })
      assert.deepStrictEqual(eventsOf(both.flushed), ["WARN", "ERROR"])
      const blank = yield* observe(levels, { kvpFilter: "", configuredFilter: " " })
      assert.deepStrictEqual(eventsOf(blank.flushed), ["INFO", "WARN", "ERROR"])
    }))

  it.effect("takes the next source for a wrong filter, and says so", () =>
    Effect.gen(function*() {
      const next = yield* observe(levels, { kvpFilter: "invalid[", configuredFilter: "error" })
      assert.deepStrictEqual(eventsOf(next.flushed), ["ERROR"])
      const none = yield* observe(levels, { kvpFilter: "invalid[" })
      assert.deepStrictEqual(eventsOf(none.flushed), ["INFO", "WARN", "ERROR"])
      assert.include(none.log, "source=\"AZURE_INIT_KVP_FILTER\"")
    }))

  it.effect("takes the next source for a filter that matches no target of the agent, and says so", () =>
    Effect.gen(function*() {
      const next = yield* observe(levels, { kvpFilter: "verbos", configuredFilter: "err" })
      assert.deepStrictEqual(eventsOf(next.flushed), ["ERROR"])
      assert.include(next.log, "source=\"AZURE_INIT_KVP_FILTER\" filter=\"verbos\"")
      const none = yield* observe(levels, { configuredFilter: "hyper=warn" })
      assert.deepStrictEqual(eventsOf(none.flushed), ["INFO", "WARN", "ERROR"])
      assert.include(none.log, "source=\"telemetry.kvp_filter\" filter=\"hyper=warn\"")
    }))

  it.effect("loses neither errors nor the report to a filter above INFO", () =>
    Effect.gen(function*() {
      const { flushed } = yield* observe(
        Effect.andThen(
          levels,
          Kvp.use((kvp) => Effect.sync(() => kvp.offer({ key: "PROVISIONING_REPORT", value: "result=error" })))
        ),
        { kvpFilter: "error" }
      )
      assert.deepStrictEqual(flushed.map(({ value }) => value), [
        "Time: 2026-11-23T04:14:07.209Z | Event: message=at ERROR",
        "result=error"
      ])
      assert.match(flushed[0]?.key ?? "", /\|ERROR\|http:request\|/)
    }))

  it.effect("flushes every second while the work hangs, and the rest at the end", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const kvp = TestKvp.make()
      const fiber = yield* Effect.forkChild(
        Effect.andThen(Effect.logInfo("begun"), Effect.never).pipe(
          Effect.withSpan("imds:query"),
          Effect.provide(
            Telemetry.layer({ logFilter: Option.none(), kvpFilter: Option.none(), vmId, standardError: unread }).pipe(
              Layer.provide([kvp.layer, pathsBelow(root), Layer.succeed(CurrentSettings, platformSettings())])
            )
          )
        )
      )
      yield* TestClock.adjust("1 second")
      assert.lengthOf(kvp.calls.flushed.flat(), 1)
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(kvp.calls.flushed.flat(), 2)
    }))

  it.effect("logs a failure of KVP once, and sends what waited when it is over", () =>
    Effect.gen(function*() {
      const { flushed, log } = yield* observe(
        Effect.andThen(Effect.logInfo("waits").pipe(Effect.withSpan("imds:query")), TestClock.adjust("3 seconds")),
        { flushes: [{ failure: "EIO" }, { failure: "EIO" }, "stored"] }
      )
      assert.lengthOf(log.match(/ WARN azure_init: The host does not get telemetry.*EIO/g) ?? [], 1)
      assert.lengthOf(flushed, 2)
    }))
})
