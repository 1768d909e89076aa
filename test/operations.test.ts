/** docs/operations.md has a paragraph for every reason that the code can report. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { repository } from "./support/docs.ts"

const read = (path: string): string => readFileSync(join(repository, path), "utf8")

const literals = (source: string): ReadonlyArray<string> =>
  [...source.matchAll(/"([^"\n]+)"|`([^`\n]+)`/g)].map((match) => match[1] ?? match[2] ?? "")

/** The texts that the getters `reason` of a module return, with `${…}` where a value stands. */
const reasonsOf = (source: string): ReadonlyArray<string> =>
  [...source.matchAll(/ get reason\(\): string \{\n([^]*?)\n {2}\}\n/g)].flatMap(([, body = ""]) => {
    const texts = literals(body.replaceAll(/case "[^"]*":/g, ""))
    if (texts.length > 0) return texts
    // The record of the reasons, by their kind.
    return literals((/const reasons[^]*?\n\}/.exec(source)?.[0] ?? "").replaceAll(/^ *"[^"]*": /gm, ""))
  })

const modules = readdirSync(join(repository, "src/errors")).map((name) => read(`src/errors/${name}`))

/** What a `MediaError` of the kind `accept` has for its reason. */
const ofTheDisc = literals(read("src/domain/OvfEnvironment.ts")).filter((text) => text.startsWith("unsupported "))

const reasons = [...new Set([...modules.flatMap(reasonsOf), ...ofTheDisc])].toSorted()

const page = read("docs/operations.md").replaceAll(/\s+/g, " ")

/** Matches the paragraph of a reason, where words in capitals stand for its values. */
const paragraphOf = (reason: string): RegExp =>
  new RegExp(
    `[-,] \`${
      reason.split(/\$\{.*?\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[A-Z]+")
    }\`[:,]`
  )

describe("docs/operations.md", () => {
  it("is compared with a list that has every module with a reason", () => {
    for (const source of modules.filter((text) => text.includes("get reason()"))) assert.isNotEmpty(reasonsOf(source))
    assert.isAbove(reasons.length, 30)
    assert.includeMembers(reasons, [
      "http error ${this.status ?? 0} querying IMDS",
      "operation timed out",
      "http status error",
      "logins are disabled by /etc/nologin"
    ])
    assert.isNotEmpty(ofTheDisc)
  })

  it.each(reasons)("says what to do about %s", (reason) => {
    assert.match(page, paragraphOf(reason))
  })
})
