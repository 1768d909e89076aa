/** Every code block of every document is executed: here, where it needs no root, otherwise by e2e/docs.e2e.ts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { afterAll } from "vitest"
import { decodeFile } from "../fabric/playbook.ts"
import { formatProblem } from "../src/errors/SettingsError.ts"
import * as Live from "../src/layers/live/SettingsSource.ts"
import { SettingsSource } from "../src/services/SettingsSource.ts"
import { makeAgent, metadata } from "./support/agent.ts"
import { edgesOf, importsBetweenRooms, reachable } from "./support/diagram.ts"
import { type Block, block, blocks, blocksOf, needRoot, notRun, repository } from "./support/docs.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "./support/host.ts"

const execute = promisify(execFile)

// Node strips no types below node_modules, and imports of the repository have to be relative.
mkdirSync(join(repository, ".cache"), { recursive: true })
const directory = mkdtempSync(join(repository, ".cache/docs-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What the reader of a TypeScript block has in scope already, by the block's name. */
const preludes: Readonly<Record<string, string>> = {
  "docs/distributions.md: export const layer: Distribution = (settings) =>": `
    import * as Layer from "effect/Layer"
    import * as Base from "./src/layers/distros/Base.ts"
    import type { Distribution } from "./src/layers/distros/Base.ts"
    import * as Hostname from "./src/layers/live/HostnameProvisioner.ts"
    import { HostnameProvisioner } from "./src/services/HostnameProvisioner.ts"
    `,
  "docs/distributions.md: const imds = FakeImds.make([metadata])": `
    import { FakeImds, FakeWireServer } from "./src/index.ts"
    import { metadata } from "./test/support/agent.ts"
    import { WireServerError } from "./src/errors/WireServerError.ts"
    const notAccepted = new WireServerError({ endpoint: "http://168.63.129.16", state: "Ready", detail: "HTTP 503", attempts: 1 })
    `,
  "docs/testing.md: import assert from \"node:assert\"": ""
}

/** What makes a block a whole module, where it is not one. */
const endings: Readonly<Record<string, string>> = {
  "docs/distributions.md: const imds = FakeImds.make([metadata])": "export const fakes = { imds, wireServer }\n"
}

const modules = blocks.filter(({ language }) => language === "ts")

/** Writes each block of TypeScript as a module; its file. */
const moduleOf = ({ name, text }: Block, index: number): string => {
  const file = join(directory, `block-${index}.ts`)
  const whole = `${preludes[name] ?? ""}${text}${endings[name] ?? ""}`
  writeFileSync(file, whole.replaceAll("from \"./", "from \"../../"))
  return file
}

/** Every line begins with the path of something below a directory. */
const tree = (directory: string) => ({ text }: Block): Promise<void> => {
  for (const line of text.trimEnd().split("\n")) {
    const [path = ""] = line.split(" ")
    assert.isTrue(existsSync(join(repository, directory, path)), path)
  }
  return Promise.resolve()
}

/** Every arrow is an import between rooms, and every import between rooms follows arrows. */
const diagram = ({ text }: Block): Promise<void> => {
  const arrows = edgesOf(text)
  const imports = importsBetweenRooms(join(repository, "src"))
  assert.isNotEmpty(imports)
  assert.deepStrictEqual(arrows.filter((arrow) => !imports.includes(arrow)), [], "arrows that are no import")
  assert.deepStrictEqual(imports.filter((each) => !reachable(arrows).includes(each)), [], "imports without arrows")
  return Promise.resolve()
}

const others: Readonly<Record<string, (block: Block) => Promise<void>>> = {
  "docs/architecture.md: flowchart BT": diagram,
  "docs/configuration.md: /etc/azure-init.toml:3: imds.retry_interval_secs: found \"soon\", expected a number of seconds from 0.01 to 86400":
    ({ text }) =>
      Effect.gen(function*() {
        const root = yield* temporaryRoot
        yield* writeFiles(root, { "etc/azure-init.toml": "# settings\n[imds]\nretry_interval_secs = \"soon\"\n" })
        const source = yield* Effect.provide(SettingsSource, Live.layer.pipe(Layer.provide(pathsBelow(root))))
        const { errors } = yield* source.load(Option.none())
        assert.deepStrictEqual(errors.map((problem) => `${formatProblem(problem).slice(root.length)}\n`), [text])
      }).pipe(Effect.scoped, Effect.runPromise),
  "docs/configuration.md: azure-init [-g|--groups GROUPS]... [--config PATH]": async ({ text }) => {
    const help = async (...argv: ReadonlyArray<string>) =>
      (await execute(process.execPath, [join(repository, "src/main.ts"), ...argv])).stdout
    const said = await help("--help") + await help("clean", "--help")
    const words = text.match(/--?\w+|\bclean\b|\bhelp\b/g) ?? []
    assert.isNotEmpty(words)
    for (const word of words) assert.include(said, word)
    assert.strictEqual(await help("help"), await help("-h"))
  },
  "docs/configuration.md: IMDS key 0, line 3 (SHA256:TVq6tVPE/CBK8FuVwz21EhUKpKE+e1cYULufTBWAMfo): its option \"no-ptty\" is not one that sshd knows":
    ({ text }) =>
      Effect.gen(function*() {
        const key = readFileSync(join(repository, "test/fixtures/ssh/ed25519.pub"), "utf8")
        const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [`# laptop\n\nno-ptty ${key}`] }] })
        assert.strictEqual(yield* agent.boot, 1)
        // Quoted as in CSV.
        assert.include(agent.report().replaceAll("\"\"", "\""), text.trim())
      }).pipe(Effect.provide([TestClock.layer(), Logger.layer([])]), Effect.runPromise),
  "docs/development.md: src/main.ts     argv -> program -> layers -> run": tree("."),
  "runtime/README.md: src/main.rs          the executable: runs the program that build.rs has listed": tree("runtime")
}

describe("the documents", () => {
  it("have no block that no test executes, and no two of the same name", () => {
    const covered = [
      ...needRoot,
      ...Object.keys(notRun),
      ...Object.keys(others),
      ...Object.keys(preludes).filter((name) => !needRoot.includes(name)),
      ...blocks.filter(({ language }) => language === "toml").map(({ name }) => name)
    ]
    assert.deepStrictEqual(blocks.map(({ name }) => name).toSorted(), covered.toSorted())
  })

  it("are searched for blocks in lists, and without a language, too", () => {
    const text = "1. a\n\n   ```ts\n   one\n     two\n   ```\n\n```\nthree\n```\n"
    assert.deepStrictEqual(blocksOf("a.md", text), [
      { name: "a.md: one", language: "ts", text: "one\n  two\n" },
      { name: "a.md: three", language: "", text: "three\n" }
    ])
  })

  it.each(blocks.filter(({ language }) => language === "toml"))("$name: is a playbook", async ({ text }) => {
    const decoded = await decodeFile("example.toml", text)
    assert.isTrue(Result.isSuccess(decoded), Result.isFailure(decoded) ? decoded.failure : "")
  })

  it("TypeScript compiles with the settings of the repository", async () => {
    const files = modules.map(moduleOf)
    const project = join(directory, "tsconfig.json")
    writeFileSync(project, JSON.stringify({ extends: "../../tsconfig.json", include: [], files }))
    const { status, stdout } = await execute(join(repository, "node_modules/.bin/tsc"), ["--project", project])
      .then(({ stdout }) => ({ status: 0, stdout }), ({ code, stdout }) => ({ status: code, stdout }))
    assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "" })
  }, 60_000)

  it.each(modules.filter(({ name }) => !needRoot.includes(name)))("$name: runs", async (each) => {
    const module: unknown = await import(pathToFileURL(moduleOf(each, modules.indexOf(each))).href)
    assert.isNotEmpty(Object.keys(module as object))
  })

  it.each(blocks.filter(({ language }) => language === "sh"))("$name: is sh", async ({ text }) => {
    await execute("sh", ["-n", "-c", text])
  })

  it.each(Object.entries(others))("%s: is as it says", (name, check) => check(block(name)), 60_000)
})
