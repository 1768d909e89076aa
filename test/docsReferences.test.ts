/** What the documents name exists: files, tests by their names, links and anchors. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { documents, repository } from "./support/docs.ts"

/** A document's text without its code blocks, whose contents are not references. */
const proseOf = (text: string): string => text.replaceAll(/^( *)```[^]*?^\1```$/gm, "")

const inFolder = /`((?:test|src|bench|scripts|config|fabric|runtime|\.ci|\.github)\/[\w./-]+\.[a-z]+)`/g
const suite = /`([\w./-]+\.(?:test|e2e|vm)\.ts)`/g

/** Paths of files in backquotes, from the repository's directory; a test's has to have its folder. */
const filesOf = (prose: string): ReadonlyArray<string> => [
  ...new Set([inFolder, suite].flatMap((pattern) => [...prose.matchAll(pattern)].map(([, path = ""]) => path)))
]

interface TestReference {
  readonly file: string
  /** As the test's source has it: with `%s`, `$name` or `${name}` where it has them. */
  readonly name: string
}

/** Tests in the form `` `test/FILE.ts`: "a name", "another name" ``, possibly over several lines. */
const testsOf = (prose: string): ReadonlyArray<TestReference> =>
  [...prose.matchAll(/`(test\/[\w./-]+\.ts)`:((?:(?:,|,? and)?\s+"[^"]+")+)/g)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({
      file,
      // Markdown needs a backslash in front of some characters.
      name: name.replaceAll(/\s+/g, " ").replaceAll(/\\([*_[\]<>])/g, "$1")
    }))
  )

/** Whether the name is a whole string literal of the source. */
const isNamedIn = (source: string, name: string): boolean =>
  source.includes(JSON.stringify(name)) || source.includes(`\`${name}\``)

const read = (path: string): string => readFileSync(join(repository, path), "utf8")

/** GitHub's anchor of a heading. */
const slugOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-")

const idsOf = (text: string): ReadonlyArray<string> => [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)

const anchorsOf = (text: string): ReadonlyArray<string> => [
  ...[...proseOf(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slugOf(heading)),
  ...idsOf(text)
]

/** The targets of relative links, with their anchors. */
const linksOf = (prose: string): ReadonlyArray<string> =>
  [...prose.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, target = ""]) => target)

const leadsNowhere = (from: string, link: string): boolean => {
  const [target = "", anchor] = link.split("#")
  const path = target === "" ? from : normalize(join(dirname(from), target))
  if (!existsSync(join(repository, path))) return true
  return anchor !== undefined && !anchorsOf(read(path)).includes(anchor)
}

describe("references", () => {
  it("are read from prose, over line breaks, and not from code blocks", () => {
    const text =
      "Shown by `test/a.test.ts`: \"one\n  two\", \"a \\*.toml\" and \"x ${y}\";\n\n```sh\n`test/b.test.ts`\n```\n"
    assert.deepStrictEqual(testsOf(proseOf(text)), [
      { file: "test/a.test.ts", name: "one two" },
      { file: "test/a.test.ts", name: "a *.toml" },
      { file: "test/a.test.ts", name: "x ${y}" }
    ])
    assert.deepStrictEqual(filesOf(proseOf(text)), ["test/a.test.ts"])
  })

  it("match a whole name of a test, placeholders included, and no part of one", () => {
    const source = "it(\"fails on %s, and unmounts\", f)\nit(`refuses ${key}`, f)\nit.each(x)(\"$name: is run\", f)"
    for (const name of ["fails on %s, and unmounts", "refuses ${key}", "$name: is run"]) {
      assert.isTrue(isNamedIn(source, name), name)
    }
    for (const name of ["fails on %s", "refuses key", "is run"]) assert.isFalse(isNamedIn(source, name), name)
  })
})

describe("the documents", () => {
  it("name no file that does not exist", () => {
    const missing = documents.flatMap(({ path, text }) =>
      filesOf(proseOf(text)).filter((file) => !existsSync(join(repository, file))).map((file) => `${path}: ${file}`)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("name no test that does not exist", () => {
    const references = documents.flatMap(({ path, text }) =>
      testsOf(proseOf(text)).map((reference) => ({ path, ...reference }))
    )
    assert.isAbove(references.length, 150)
    const missing = references.filter(({ file, name }) =>
      existsSync(join(repository, file)) && !isNamedIn(read(file), name)
    )
    assert.deepStrictEqual(missing, [])
  })

  it("have no link that leads nowhere, and no anchor twice", () => {
    const broken = documents.flatMap(({ path, text }) =>
      linksOf(proseOf(text)).filter((link) => leadsNowhere(path, link)).map((link) => `${path}: ${link}`)
    )
    assert.deepStrictEqual(broken, [])
    for (const { path, text } of documents) {
      const ids = idsOf(text)
      assert.deepStrictEqual(ids, [...new Set(ids)], path)
    }
  })

  it("give every difference from the original an anchor and a test", () => {
    const entries = read("docs/compatibility.md").split(/^- /m).slice(1)
    assert.isAbove(entries.length, 50)
    for (const entry of entries) {
      assert.match(entry, /^<a id="[a-z0-9-]+"><\/a>\*\*[^*]+\*\* [^]*Shown\s+by\s+[^]*`test\//, entry)
    }
  })

  it("have lines of at most 120 columns", () => {
    const long = documents.flatMap(({ path, text }) =>
      // The table of keys is generated from the settings.
      text.split("\n")
        .filter((line) => line.length > 120).map((line) => `${path}: ${line}`)
    )
    assert.deepStrictEqual(long, [])
  })

  it("list every decision in the index, in order, under its title", () => {
    const decisions = documents.filter(({ path }) => /^docs\/decisions\/\d{4}-/.test(path))
    const expected = decisions.map(({ path, text }, index) => {
      assert.match(path, new RegExp(`/${String(index + 1).padStart(4, "0")}-`))
      return `- [${/^# (.+)/.exec(text)?.[1]}](${path.slice("docs/decisions/".length)})`
    })
    assert.deepStrictEqual(read("docs/decisions/README.md").match(/^- .+$/gm), expected)
  })
})
