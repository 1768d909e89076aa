import { assert, describe, it } from "@effect/vitest"
import { suggest } from "../../src/domain/Suggestion.ts"

describe("Suggestion", () => {
  const rows: ReadonlyArray<readonly [name: string, known: ReadonlyArray<string>, suggestion: string]> = [
    ["alow", ["backends", "allow"], "allow, perhaps"],
    ["alo", ["backends", "allow"], "allow, perhaps"],
    ["al", ["backends", "allow"], "one of backends, allow"],
    ["Retry-Time", ["retry_interval", "total_timeout"], "retry_interval, perhaps"],
    ["enabled", ["enable", "enabler"], "enable, perhaps"],
    ["x", [], "one of "]
  ]
  it.each(rows)("takes %j of %j for %j", (name, known, suggestion) => {
    assert.strictEqual(suggest(name, known), suggestion)
  })
})
