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
      assert.deepStrictEqual(levels(`debug,libazureinit::http=${name.toUpperCase()}`), ["ERROR"], name)
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

  it("says what is wrong with a directive and what one looks like", () => {
    assert.deepStrictEqual(
      LogFilter.parse("a=b=c"),
      Result.fail("'a=b=c' is not level, target, target=level or target[span{field=value}]=level")
    )
    assert.deepStrictEqual(LogFilter.parse(" , "), Result.fail("it has no directive"))
    assert.deepStrictEqual(LogFilter.parse(""), Result.fail("it has no directive"))
  })

  it("takes fields of a span with blanks around them, with or without a value, and a comma between brackets", () => {
    const inside = (text: string) => levels(text, "libazureinit", [request]).length
    for (const text of ["[request{ attempt = 2 , url }]", "[request{attempt=\"2\",,}]", "[request{}]", "[]"]) {
      assert.strictEqual(inside(`off,${text}=info`), 3, text)
    }
    for (const text of ["[request{attempt=2,host}]", "[request{attempt=}]", "[reques]", "[requests]"]) {
      assert.strictEqual(inside(`off,${text}=info`), 0, text)
    }
    assert.strictEqual(inside("off, [request]=info ,azure_init=debug"), 3)
    const quoted = { ...request, fields: new Map([["word", "a\"b"]]) }
    assert.lengthOf(levels("off,[request{word=\"a\"b\"}]=info", "libazureinit", [quoted]), 3)
    assert.lengthOf(levels("off,libazureinit[request]=info", "azure_init", [request]), 3)
    assert.lengthOf(levels("off,http[request]=info", "azure_init", [request]), 0)
    assert.lengthOf(levels("off,[request{=2}]=info", "libazureinit", [request]), 0)
  })

  it("lets all below a level's number pass, from 0 to 5", () => {
    assert.deepStrictEqual(["0", "1", "2", "3", "4", "5"].map((text) => levels(text).length), [0, 1, 2, 3, 4, 5])
    assert.isTrue(Result.isFailure(LogFilter.parse("libazureinit=6")))
    assert.deepStrictEqual(levels("6"), ["ERROR"])
  })

  it("lets everything of a level and graver pass", () => {
    for (const [level, passed] of [["ERROR", 1], ["WARN", 2], ["INFO", 3], ["DEBUG", 4], ["TRACE", 5]] as const) {
      assert.lengthOf(passing(LogFilter.atLevel(level), outside("any")), passed)
      assert.strictEqual(LogFilter.leastGrave([LogFilter.atLevel(level)]), level)
    }
    assert.strictEqual(LogFilter.leastGrave([]), "ERROR")
  })

  it("shows the spans that pass themselves, each with those around it", () => {
    const outer = { target: "azure_init", name: "provision", fields: new Map<string, unknown>() }
    const shown = (text: string) =>
      LogFilter.visibleSpans(Result.getOrThrow(LogFilter.parse(text)), [outer, request]).map(({ name }) => name)
    assert.deepStrictEqual(shown("info"), ["provision", "request"])
    assert.deepStrictEqual(shown("warn"), [])
    assert.deepStrictEqual(shown("warn,azure_init=info"), ["provision"])
    assert.deepStrictEqual(shown("warn,[request]=info"), ["request"])
    assert.deepStrictEqual(shown("warn,[provision]=info"), ["provision", "request"])
  })

  it("sends nothing but ERROR of others to KVP by default", () => {
    assert.deepStrictEqual(passing(LogFilter.kvpDefault, outside("hyper")), ["ERROR"])
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
