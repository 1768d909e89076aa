import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
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

  it("takes the usual names of levels", () => {
    for (const name of ["warn", "warning", "WARNING"]) assert.deepStrictEqual(levels(name), ["ERROR", "WARN"], name)
    for (const name of ["error", "err", "fatal", "crit", "critical", "alert", "emerg"]) {
      assert.deepStrictEqual(levels(name), ["ERROR"], name)
    }
    for (const name of ["info", "information", "informational", "notice"]) assert.lengthOf(levels(name), 3, name)
    assert.deepStrictEqual(levels("off,libazureinit::http=warning"), ["ERROR", "WARN"])
  })

  it("never silences ERROR unless off is said", () => {
    assert.deepStrictEqual(levels("hyper=debug"), ["ERROR"])
    assert.deepStrictEqual(levels("libazureinit::imds[query]=info"), ["ERROR"])
    assert.deepStrictEqual(levels("off,libazureinit::imds=info"), [])
    assert.deepStrictEqual(levels("libazureinit::http=off"), [])
    assert.deepStrictEqual(levels("libazureinit::http=off", "azure_init"), ["ERROR"])
  })

  it("knows which directives match no target of the agent", () => {
    const unmatched = (text: string) => LogFilter.unmatched(Result.getOrThrow(LogFilter.parse(text)))
    const isVain = (text: string) => LogFilter.isVain(Result.getOrThrow(LogFilter.parse(text)))
    assert.deepStrictEqual(unmatched("info,libazureinit::provision::user=debug,[request]=trace,azure"), [])
    assert.deepStrictEqual(unmatched("verbos"), ["verbos"])
    assert.deepStrictEqual(unmatched("warn,hyper=debug,hyper=info,libazureinit::http::received"), [
      "libazureinit::http::received",
      "hyper"
    ])
    assert.isTrue(isVain("verbos,hyper=warn"))
    assert.isFalse(isVain("verbos,off"))
  })

  it("names every target that a span of the agent has", () => {
    const src = new URL("../../src/", import.meta.url)
    const modules = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((name) => /^(layers|programs)\/.*\.ts$/.test(name))
      .flatMap((
        name
      ) => [...readFileSync(new URL(name, src), "utf8").matchAll(/"(?!node:)([a-z_]+(?:::[a-z_]+)*):[a-z_]+"/g)])
      .map((match) => match[1] ?? "")
    const used = modules.map((name) => /^(azure_init|libazureinit)$/.test(name) ? name : `libazureinit::${name}`)
    assert.isAbove(used.length, 30)
    assert.deepStrictEqual([...new Set(used)].sort(), LogFilter.targets.toSorted())
  })

  it("lets the most specific target decide, whatever the order, and of equal ones the last", () => {
    const text = "libazureinit=debug,libazureinit::http=error,warn"
    assert.deepStrictEqual(levels(text), ["ERROR"])
    assert.deepStrictEqual(levels(text, "libazureinit::imds"), ["ERROR", "WARN", "INFO", "DEBUG"])
    assert.deepStrictEqual(levels(text, "azure_init"), ["ERROR", "WARN"])
    assert.deepStrictEqual(levels("libazureinit=error,libazureinit=info"), ["ERROR", "WARN", "INFO"])
  })

  it("takes a bare target for all its levels and lets nothing else pass but ERROR", () => {
    assert.lengthOf(levels("libazureinit::http"), 5)
    assert.deepStrictEqual(levels("libazureinit::http", "azure_init"), ["ERROR"])
  })

  it("lets what happens inside a span pass, by its name, target and fields", () => {
    assert.lengthOf(levels("error,[request]=debug", "libazureinit", [request]), 4)
    assert.lengthOf(levels("error,[request]=debug", "libazureinit"), 1)
    assert.lengthOf(
      levels("libazureinit::http[request{attempt=2,url=\"http://host\"}]=info", "libazureinit", [request]),
      3
    )
    assert.lengthOf(levels("libazureinit::http[request{attempt=3}]=info", "libazureinit", [request]), 1)
    assert.lengthOf(levels("libazureinit::imds[request]=info", "libazureinit", [request]), 1)
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
