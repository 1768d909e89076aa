import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

/**
 * The house's rules, as design: `domain <- errors <- services <- programs <- main` and `services <- layers <- main`.
 */

const src = join(import.meta.dirname, "../src")

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: readFileSync(join(src, name), "utf8") }))

const importsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^(?:import|export)\b[^"';]*?from "([^"]+)"|\bimport\("([^"]+)"\)/gm)]
    .map((match) => match[1] ?? match[2] ?? "")

const roomOf = (name: string): string => name.includes("/") ? name.slice(0, name.indexOf("/")) : name

const edges = files.flatMap(({ name, text }) =>
  importsOf(text)
    .filter((target) => target.startsWith("."))
    .map((target) => ({ from: name, to: relative(src, join(src, dirname(name), target)) }))
    .filter(({ from, to }) => !(from.startsWith("layers/platform/") && to === "../runtime/natives.d.ts"))
)

/** Which rooms each room may import from, besides itself. */
const allowed: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: [],
  errors: ["domain"],
  services: ["domain", "errors"],
  programs: ["domain", "errors", "services"],
  layers: ["domain", "errors", "services"],
  "main.ts": ["programs", "layers", "domain"],
  "index.ts": ["domain", "errors", "services", "programs", "layers"]
}

describe("architecture", () => {
  it("finds the house", () => {
    assert.isAbove(files.length, 40)
    assert.isAbove(edges.length, 100)
  })

  it("imports point one way", () => {
    const wrong = edges.filter(({ from, to }) =>
      roomOf(from) !== roomOf(to) && !(allowed[roomOf(from)] ?? []).includes(roomOf(to))
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no cycles", () => {
    const targets = Map.groupBy(edges, (edge) => edge.from)
    const state = new Map<string, "open" | "done">()
    const cycles: Array<string> = []
    const walk = (name: string, path: ReadonlyArray<string>): void => {
      if (state.get(name) === "done") return
      if (state.get(name) === "open") {
        cycles.push([...path.slice(path.indexOf(name)), name].join(" -> "))
        return
      }
      state.set(name, "open")
      for (const { to } of targets.get(name) ?? []) walk(to, [...path, name])
      state.set(name, "done")
    }
    for (const { name } of files) walk(name, [])
    assert.deepStrictEqual(cycles, [])
  })

  it("meets the platform only in layers", () => {
    const wrong = files.filter(({ name, text }) =>
      !/(^|\/)layers\//.test(name) && name !== "main.ts"
      && (importsOf(text).some((target) => target.startsWith("node:"))
        || /\bprocess\.|\bDate\.now\b|\bnew Date\b|\bsetTimeout\b|\basync\b|\btry \{/.test(text))
    ).map(({ name }) => name)
    assert.deepStrictEqual(wrong, [])
  })

  it("takes nothing from Node and none of the natives outside the platform", () => {
    const wrong = files.filter(({ name, text }) =>
      !name.startsWith("layers/platform/")
      && (importsOf(text).some((target) => target.startsWith("node:")) ||
        /\bBuffer\.|\bprocess\.|\bnatives\./.test(text))
    ).map(({ name }) => name)
    assert.deepStrictEqual(wrong, [])
  })

  it("names @effect/platform-node in one file", () => {
    assert.deepStrictEqual(
      files.filter(({ text }) => importsOf(text).some((target) => target.startsWith("@effect/platform-node")))
        .map(({ name }) => name),
      ["layers/platform/Node.ts"]
    )
  })

  it("keeps Effect.provide out of domain, errors, services and programs", () => {
    assert.deepStrictEqual(
      files.filter(({ name, text }) =>
        ["domain", "errors", "services", "programs"].includes(roomOf(name)) && /Effect\.provide\(/.test(text)
      ).map(({ name }) => name),
      []
    )
  })

  it("has a live and a test layer for every concern", () => {
    const concerns = [
      "Imds",
      "WireServer",
      "ProvisioningMedia",
      "UserProvisioner",
      "PasswordProvisioner",
      "SshProvisioner",
      "HostnameProvisioner",
      "Kvp",
      "ProvisioningState",
      "VmIdentity",
      "Subprocess",
      "SettingsSource",
      "AgentLog"
    ]
    const names = new Set(files.map(({ name }) => name))
    assert.deepStrictEqual(
      concerns.flatMap((
        concern
      ) => [`services/${concern}.ts`, `layers/live/${concern}.ts`, `layers/test/${concern}.ts`])
        .filter((name) => !names.has(name)),
      []
    )
  })
})
