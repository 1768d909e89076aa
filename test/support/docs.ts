/** The documents, their code blocks, and which test executes each. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The repository's directory. */
export const repository = join(import.meta.dirname, "../..")

/** A fenced block of a document. */
export interface Block {
  /** The document and the block's first line: its name in the tests. */
  readonly name: string
  /** The word behind the fence, empty when there is none. */
  readonly language: string
  /** Without the fences, and without the indentation of a list. */
  readonly text: string
}

const fenced = /^( *)```(\w*)\n([^]*?)^\1```$/gm

/** Every fenced block of a document's text. */
export const blocksOf = (document: string, text: string): ReadonlyArray<Block> =>
  [...text.matchAll(fenced)].map(([, indentation = "", language = "", indented = ""]) => {
    const lines = indented.split("\n").map((line) => line.slice(indentation.length))
    return { name: `${document}: ${lines[0]?.trim()}`, language, text: lines.join("\n") }
  })

/** Where documents are: the folder, and whether those below it count. */
const folders = [[".", false], ["docs", true], [".github", true], ["runtime", false], ["fabric", false]] as const

/** Every document of the repository, in the order of the folders: its path and its text. */
export const documents: ReadonlyArray<{ readonly path: string; readonly text: string }> = folders
  .flatMap(([folder, recursive]) =>
    readdirSync(join(repository, folder), { recursive, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .toSorted()
      .map((name) => join(folder, name))
  )
  .map((path) => ({ path, text: readFileSync(join(repository, path), "utf8") }))

/** Every fenced block of every document. */
export const blocks: ReadonlyArray<Block> = documents.flatMap(({ path, text }) => blocksOf(path, text))

/** Blocks of sh that no test can run, each with the reason; `sh -n` reads them. */
export const notRun: Readonly<Record<string, string>> = {
  "docs/performance.md: npm run bench -- --runs 15 --agent \"azure-init (Rust)=/path/to/azure-init\" --no-peers --only boots,small,counts":
    "it takes six minutes, needs the original's executable, and no test depends on time",
  "README.md: npm test": "it is the suite that would have to run itself",
  "docs/testing.md: npx azure-fabric run --on-this-machine --playbook playbook.toml -- qemu-system-x86_64 -m 2048 -nographic \\":
    "it boots an image of the reader's in QEMU, which ends when it is told to; test/vm boots one"
}

/** Blocks that need root, for docs.e2e.ts. */
export const needRoot: ReadonlyArray<string> = [
  "README.md: npm run demo",
  "README.md: npm ci && npm run build",
  "docs/getting-started.md: npm ci",
  "docs/getting-started.md: install -D -m 0755 dist/azure-init /usr/bin/azure-init",
  "docs/getting-started.md: azure-init clean --logs",
  "docs/testing.md: npm ci && npm run build",
  "docs/testing.md: npm run demo -- --root /path/to/root",
  "docs/testing.md: npx azure-fabric check playbook.toml",
  "docs/testing.md: npx azure-fabric run --machine -- curl -s -H Metadata:true \\",
  "docs/testing.md: npx azure-fabric disc --playbook playbook.toml --output disc.iso",
  "docs/testing.md: import assert from \"node:assert\""
]

/** The block of this name; throws when there is none. */
export const block = (name: string): Block => {
  const found = blocks.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no such block: ${name}`)
  return found
}
