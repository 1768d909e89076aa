import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Report from "../../src/domain/ProvisioningReport.ts"
import type { Reportable } from "../../src/domain/Reportable.ts"
import { unknownVmId } from "../../src/domain/VmId.ts"

const context: Report.ReportContext = { vmId: unknownVmId, at: "2026-11-23T03:27:46.586Z" }

const problem = (
  reason: string,
  message: string,
  supporting: ReadonlyArray<readonly [string, string]> = [["error", message]]
): Reportable => ({ _tag: "Problem", reason, message, supporting })

const bytes = (text: string): number => new TextEncoder().encode(text).length

/** The record's fields again, by the rules of azure-init's CSV. */
const fieldsOf = (record: string): ReadonlyArray<string> => {
  const fields: Array<string> = []
  let rest = record
  while (rest !== "") {
    const quoted = /^"((?:[^"]|"")*)"(?:\||$)/.exec(rest)
    if (quoted !== null) {
      fields.push((quoted[1] ?? "").replaceAll("\"\"", "\""))
      rest = rest.slice(quoted[0].length)
      continue
    }
    const plain = /^([^|"]*)(?:\||$)/.exec(rest)
    if (plain === null) throw new Error(`malformed record at ${rest}`)
    fields.push(plain[1] ?? "")
    rest = rest.slice(plain[0].length)
  }
  return fields
}

describe("ProvisioningReport", () => {
  it("says success in azure-init's words and order", () => {
    assert.strictEqual(
      Report.success(context),
      "result=success|agent=Azure-Init/0.1.1|pps_type=None|vm_id=00000000-0000-0000-0000-000000000000|timestamp=2026-11-23T03:27:46.586+00:00"
    )
  })

  it("puts the VM id and the time before the free text of a failure", () => {
    assert.strictEqual(
      Report.failure(context, [problem("failed to provision user", "cannot create the account")], 1022),
      "result=error|reason=failed to provision user|agent=Azure-Init/0.1.1|pps_type=None"
        + "|vm_id=00000000-0000-0000-0000-000000000000|timestamp=2026-11-23T03:27:46.586+00:00"
        + "|documentation_url=https://aka.ms/linuxprovisioningerror|error=cannot create the account"
    )
  })

  it("names every failure", () => {
    const record = Report.failure(context, [problem("one", "a"), problem("two", "b"), problem("three", "c")], 1022)
    assert.deepStrictEqual(fieldsOf(record).slice(-5), [
      "error=a",
      "reason_2=two",
      "error_2=b",
      "reason_3=three",
      "error_3=c"
    ])
  })

  it("quotes what the delimiter, a quote or a line break would spoil, and nothing else", () => {
    const record = Report.failure(context, [
      problem("x", "m", [["k", "v|2"], ["command", "\"a\" \"b c\""], ["k3", "a, b 'c'"], ["k4", "two\nlines"]])
    ], 4096)
    assert.isTrue(record.endsWith("|\"k=v|2\"|\"command=\"\"a\"\" \"\"b c\"\"\"|k3=a, b 'c'|\"k4=two\nlines\""))
  })

  it.prop(
    "never exceeds its bytes, stays well-formed, keeps the VM id and the time",
    { texts: Schema.Array(Schema.String), maximum: Schema.Literals([300, 511, 1022, 4096]) },
    ({ maximum, texts }) => {
      const record = Report.failure(
        context,
        [problem("reason", texts.join(" "), texts.map((text, index) => [`k${index}`, text.repeat(40)]))],
        maximum
      )
      assert.isAtMost(bytes(record), maximum)
      assert.isTrue(record.isWellFormed() || !texts.every((text) => text.isWellFormed()))
      const fields = fieldsOf(record)
      assert.include(fields, `vm_id=${unknownVmId}`)
      assert.include(fields, "timestamp=2026-11-23T03:27:46.586+00:00")
    },
    // Long texts are cut by bisection, which takes seconds on a busy machine.
    30_000
  )

  it("fills its bytes to the last one, and leaves out a field of which no character fits", () => {
    const failures = [problem("r", "what happened", [["error", "what happened"], ["more", "detail"]])] as const
    const whole = Report.failure(context, failures, 4096)
    for (let maximum = whole.length + 1; maximum > whole.length - 40; maximum--) {
      assert.strictEqual(
        Report.failure(context, failures, maximum),
        whole.slice(0, maximum).replace(/\|[a-z]*=?$/, ""),
        String(maximum)
      )
    }
  })

  it("cuts a long text at a character", () => {
    const record = Report.failure(context, [problem("x", "é😀".repeat(2000))], 1022)
    assert.isAtMost(bytes(record), 1022)
    assert.isAtLeast(bytes(record), 1018)
    assert.isTrue(record.isWellFormed())
  })
})
