import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Filtered, Level } from "../../src/domain/LogFilter.ts"
import * as LogFilter from "../../src/domain/LogFilter.ts"

const passing = (filter: LogFilter.LogFilter, record: Omit<Filtered, "level">): ReadonlyArray<Level> =>
  (["ERROR", "WARN", "INFO", "DEBUG", "TRACE"] as const).filter((level) =>
    LogFilter.passes(filter, { ...record, level })
  )

const levels = (text: string, target = "libazureinit::http", spans: Filtered["spans"] = []) =>
  passing(Result.getOrThrow(LogFilter.parse(text)), { target, spans })

const request = {
  target: "libazureinit::http",
  name: "request",
  fields: new Map<string, unknown>([["attempt", 2], ["url", "http://host"]])
}

describe("LogFilter", () => {
  it("takes a level for everything, by name in any case or by number", () => {
    assert.deepStrictEqual(levels("warn"), ["ERROR", "WARN"])
    assert.deepStrictEqual(levels("Info"), ["ERROR", "WARN", "INFO"])
    assert.deepStrictEqual(levels("1"), ["ERROR"])
    assert.deepStrictEqual(levels("off"), [])
    assert.lengthOf(levels("5"), 5)
  })

  it("lets the most specific target decide, whatever the order, and of equal ones the last", () => {
    const text = "libazureinit=debug,libazureinit::http=error,warn"
    assert.deepStrictEqual(levels(text), ["ERROR"])
    assert.deepStrictEqual(levels(text, "libazureinit::imds"), ["ERROR", "WARN", "INFO", "DEBUG"])
    assert.deepStrictEqual(levels(text, "azure_init"), ["ERROR", "WARN"])
    assert.deepStrictEqual(levels("libazureinit=error,libazureinit=info"), ["ERROR", "WARN", "INFO"])
  })

  it("takes a bare target for all its levels and lets nothing else pass", () => {
    assert.lengthOf(levels("libazureinit::http"), 5)
    assert.deepStrictEqual(levels("libazureinit::http", "azure_init"), [])
  })

  it("lets what happens inside a span pass, by its name, target and fields", () => {
    assert.lengthOf(levels("error,[request]=debug", "libazureinit", [request]), 4)
    assert.lengthOf(levels("error,[request]=debug", "libazureinit"), 1)
    assert.lengthOf(
      levels("libazureinit::http[request{attempt=2,url=\"http://host\"}]=info", "libazureinit", [request]),
      3
    )
    assert.lengthOf(levels("libazureinit::http[request{attempt=3}]=info", "libazureinit", [request]), 0)
    assert.lengthOf(levels("libazureinit::imds[request]=info", "libazureinit", [request]), 0)
    assert.lengthOf(levels("[{attempt}]", "libazureinit", [request]), 5)
  })

  it("names the directive that is wrong", () => {
    for (const wrong of ["invalid[", "a=b=c", "libazureinit=loud", "two words"]) {
      const parsed = LogFilter.parse(`info,${wrong}`)
      assert.isTrue(Result.isFailure(parsed) && parsed.failure.includes(wrong), wrong)
    }
    assert.isTrue(Result.isFailure(LogFilter.parse(" , ")))
  })

  it("sends INFO of the agent to KVP by default", () => {
    assert.deepStrictEqual(passing(LogFilter.kvpDefault, outside("azure_init")), ["ERROR", "WARN", "INFO"])
    assert.deepStrictEqual(passing(LogFilter.kvpDefault, outside("libazureinit::http")), ["ERROR", "WARN", "INFO"])
  })

  it("knows the least grave level of several filters", () => {
    const parse = (text: string) => Result.getOrThrow(LogFilter.parse(text))
    assert.strictEqual(LogFilter.leastGrave([parse("error"), parse("off,azure_init=debug")]), "DEBUG")
    assert.strictEqual(LogFilter.leastGrave([parse("off")]), "ERROR")
  })

  it.prop("answers any text with a filter or a sentence, without throwing", [Schema.String], ([text]) => {
    const parsed = LogFilter.parse(text)
    assert.isTrue(Result.isFailure(parsed) ? parsed.failure !== "" : parsed.success.directives.length > 0)
  })
})

const outside = (target: string): Omit<Filtered, "level"> => ({ target, spans: [] })
