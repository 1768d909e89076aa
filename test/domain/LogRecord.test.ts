import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"
import type { LogRecord } from "../../src/domain/LogRecord.ts"
import * as Format from "../../src/domain/LogRecord.ts"

const golden = (name: string) => readFileSync(new URL(`../fixtures/golden/first-boot/${name}`, import.meta.url))

/** azure-init's log without its colour codes. */
const goldenLines = golden("log.txt").toString().replaceAll(/\p{Cc}\[\d+m/gu, "").split("\n")

/** 2026-11-23T04:14:07.209939Z, an instant of the recording. */
const at = 1795407247209939000n

const span = (target: string, name: string, fields: Readonly<Record<string, unknown>> = {}) => ({
  target,
  name,
  fields: new Map(Object.entries(fields))
})

const record = (changes: Partial<LogRecord> = {}): LogRecord => ({
  at,
  level: "INFO",
  target: "azure_init",
  spans: [],
  message: "message",
  fields: [],
  ...changes
})

describe("LogRecord: lines", () => {
  it("writes the same line as azure-init, with spans, their fields, and fields of the event", () => {
    const line = Format.formatLine(record({
      target: "libazureinit::http::received",
      spans: [
        span("azure_init", "provision"),
        span("libazureinit::imds", "query"),
        span("libazureinit::http", "get"),
        span("libazureinit::http", "request"),
        span("libazureinit::http", "request", { attempt: 0, http_status: 200 })
      ],
      message: "HTTP response received",
      fields: [["url", "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true"]]
    }))
    assert.include(goldenLines, line)
  })

  it("writes the same line as azure-init without spans, and with a grave level", () => {
    assert.include(
      goldenLines,
      Format.formatLine(record({ at: 1795407247326620000n, message: "Provisioning completed successfully" }))
    )
    assert.include(
      goldenLines,
      Format.formatLine(record({
        at: 1795407247210555000n,
        level: "WARN",
        spans: [span("azure_init", "provision"), span("azure_init", "get_environment")],
        message: "Failed to find valid OVF provisioning data on any block device. Falling back to IMDS."
      }))
    )
  })

  it("shows the fields bare that azure-init does, unless their text is more than a word", () => {
    const written = Format.formatLine(record({
      at: 1795407247326549000n,
      target: "libazureinit::health::status",
      spans: [span("libazureinit::health", "report_ready"), span("libazureinit::health", "_report")],
      message: "Wireserver response header",
      fields: [["header", "date"], ["value", "Mon, 23 Nov 2026 04:14:07 GMT"]]
    }))
    assert.include(goldenLines, written)
    assert.include(
      goldenLines,
      Format.formatLine(record({
        at: 1795407247315704000n,
        target: "libazureinit::password::status",
        spans: ["provision", "provision", "provision_core", "passwd", "lock_user"].map((name) =>
          span("azure_init", name)
        ),
        message: "Locked account via passwd -l",
        fields: [["username", "azureuser"]]
      }))
    )
    assert.include(Format.formatLine(record({ fields: [["username", "a b=c"]] })), " username=\"a b=c\"")
    assert.include(Format.formatLine(record({ fields: [["program", ""]] })), " program=\"\"")
  })

  it("writes an instant with nine decimals, as azure-init's reports have it", () => {
    assert.strictEqual(Format.formatInstant(1795407247324692185n), "2026-11-23T04:14:07.324692185Z")
    assert.strictEqual(Format.formatInstant(1795407247000000001n), "2026-11-23T04:14:07.000000001Z")
  })

  it("escapes what could forge a line or steer a terminal", () => {
    const line = Format.formatLine(record({
      message: "a\nb\u001b[31m\u2028\t",
      fields: [["text", "say \"c\\\"\r\n\u001b"], ["error", new Error("d\ne")]]
    }))
    assert.isTrue(
      line.endsWith(
        " azure_init: a\\nb\\u{1b}[31m\\u{2028}\\t text=\"say \\\"c\\\\\\\"\\r\\n\\u{1b}\" error=\"d\\ne\""
      ),
      line
    )
  })

  it.prop("has one line and no control character for any text", [Schema.String, Schema.String], ([message, value]) => {
    assert.notMatch(
      Format.formatLine(record({ message, fields: [[value, message], ["nested", { [message]: [value] }]] })),
      /[\p{Cc}\u2028\u2029]/u
    )
  })

  it("never shows a secret, however deep", () => {
    const secret = Redacted.make("hunter2")
    const { fields, message } = Format.fromMessage(["set", secret, { password: secret, nested: { list: [secret] } }])
    const line = Format.formatLine(record({ message, fields, spans: [span("azure_init", "provision", { secret })] }))
    assert.notInclude(line, "hunter2")
    assert.lengthOf(line.match(/<redacted>/g) ?? [], 4)
  })

  it("takes texts for the message, records for fields, an error for a field", () => {
    const error = new Error("broken")
    assert.deepStrictEqual(Format.fromMessage(["one", "two", { a: 1 }, error, 3]), {
      message: "one two 3",
      fields: [["a", 1], ["error", error]]
    })
    assert.include(Format.formatLine(record({ fields: [["cause", Cause.fail(error)]] })), " cause=\"Error: broken")
  })

  it("has six digits of a second, and no blank for a message that is empty", () => {
    assert.strictEqual(
      Format.formatLine(record({ at: at - 930_000n, message: "", fields: [["a", 1]] })),
      "2026-11-23T04:14:07.209009Z  INFO azure_init: a=1"
    )
  })

  it("prints durations with three digits and a unit at the limits of each", () => {
    assert.deepStrictEqual(
      [999n, 1000n, 10_000n, 100_000n, 1_000_000n].map(Format.formatElapsed),
      ["999ns", "1.00µs", "10.0µs", "100µs", "1.00ms"]
    )
  })

  it("prints durations with three digits and a unit", () => {
    assert.deepStrictEqual(
      [7n, 8340n, 20_700n, 456_000n, 1_540_000n, 13_400_000n, 116_000_000n, 25_000_000_000n, 125_000_000_000n]
        .map(Format.formatElapsed),
      ["7.00ns", "8.34µs", "20.7µs", "456µs", "1.54ms", "13.4ms", "116ms", "25.0s", "125s"]
    )
  })
})

describe("LogRecord: KVP", () => {
  const { entries } = KvpRecord.decodePool(golden("kvp_pool_1.bin"))
  const origin = { vmId: "00000000-0000-0000-0000-000000000000", name: "http:request" }

  it("writes the same event as azure-init", () => {
    const written = Format.kvpEvent(
      { ...origin, id: "63bce7ff-5ad6-450e-9d77-c39b6e812a84" },
      record({
        message: "HTTP response received",
        fields: [["url", "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true"]]
      })
    )
    assert.deepInclude(entries, written)
  })

  it("writes the same end of a span as azure-init", () => {
    const end = at + 1_000_000n
    const written = Format.kvpSpan(
      { ...origin, id: "178e1067-1a64-41ec-afc1-b5bd2ba3d16f" },
      "INFO",
      at - 2_000_000n,
      end
    )
    assert.deepInclude(entries, written)
  })
})
