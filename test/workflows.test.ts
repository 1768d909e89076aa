/** What the workflows and the scripts of .ci are held to. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { repository } from "./support/docs.ts"

const read = (path: string): string => readFileSync(join(repository, path), "utf8")

const filesIn = (folder: string): ReadonlyArray<readonly [path: string, text: string]> =>
  readdirSync(join(repository, folder)).map((name) => [`${folder}/${name}`, read(`${folder}/${name}`)])

const workflows = filesIn(".github/workflows")

const scripts: ReadonlySet<string> = new Set(
  [...(/"scripts": \{([^}]*)\}/.exec(read("package.json"))?.[1] ?? "").matchAll(/^ *"([^"]+)":/gm)]
    .map(([, name = ""]) => name)
)

describe("workflows", () => {
  it.each(workflows)("%s names every action by a commit, with its release behind it", (_, text) => {
    const uses = text.match(/uses: .*/g) ?? []
    assert.isNotEmpty(uses)
    for (const line of uses) assert.match(line, /^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it.each(workflows)("%s has no permission at the top, and a deadline and read access in each job", (_, text) => {
    assert.match(text, /^permissions: \{\}$/m)
    assert.match(text, /^concurrency:$/m)
    const jobs = text.slice(text.indexOf("\njobs:\n")).split(/^ {2}[\w-]+:$/m).slice(1)
    assert.isNotEmpty(jobs)
    for (const job of jobs) {
      assert.match(job, /^ {4}timeout-minutes: \d+$/m)
      assert.match(job, /^ {4}permissions:\n {6}contents: read\n/m)
      assert.notMatch(job, /: write$/m)
    }
  })

  it.each([...workflows, ...filesIn(".ci")])("%s calls npm scripts that exist", (_, text) => {
    for (const [, name = ""] of text.matchAll(/npm run (?:--silent )?([\w:]+)/g)) assert.isTrue(scripts.has(name), name)
  })

  it("run every script of a complete check, as .ci/run does", () => {
    const called = (text: string) =>
      new Set([...text.matchAll(/npm (?:run (?:--silent )?)?(test[\w:]*|check[\w:]*)/g)].map(([, name]) => name))
    const ofJobs = called(read(".github/workflows/check.yml"))
    for (const name of called(read(".ci/run"))) assert.isTrue(ofJobs.has(name), name)
  })
})
