/**
 * How long a boot takes, what it costs, and how that compares: every agent on a fresh machine of its own each time, in
 * turn, on one platform.
 *
 *     npm run bench -- [--runs N] [--agent NAME=FILE]... [--no-peers] [--only PART,...] [--write DIRECTORY]
 *
 * N is 15 unless given. Measures `dist/azure-init`, `dist/azure-init.mjs` on Node, each FILE (an executable with
 * azure-init's command line, such as azure-init itself, or a bundle for Node), and cloud-init and WALinuxAgent of
 * Debian's archive. `--write` makes `performance.json`, `first-boot.svg` and `timeline.svg` there. Needs root and what
 * the end-to-end tests need. Not a test: nothing fails on a slow machine, and an agent that fails is a row that says
 * so.
 */
import * as DateTime from "effect/DateTime"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { obstacles } from "../fabric/host.ts"
import { type Agent, azureInit, ours, peers } from "./agents.ts"
import { bars, timeline } from "./chart.ts"
import { type Conditions, machineName } from "./machine.ts"
import { counts, firstBoots, type Row, scales, small, waits } from "./parts.ts"
import { spansOf } from "./timeline.ts"

const partNames = ["boots", "small", "counts", "waits", "scales"] as const

const usage = (problem: string): never => {
  process.stderr.write(
    `bench: ${problem}\nusage: npm run bench -- [--runs N] [--agent NAME=FILE]... [--no-peers] [--only ${
      partNames.join(",")
    }] [--write DIRECTORY]\n`
  )
  return process.exit(2)
}

const options = (() => {
  try {
    return parseArgs({
      options: {
        runs: { type: "string", default: "15" },
        agent: { type: "string", multiple: true, default: [] },
        "no-peers": { type: "boolean", default: false },
        only: { type: "string", default: partNames.join(",") },
        write: { type: "string" }
      }
    }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
})()

const runs = Number(options.runs)
if (!Number.isInteger(runs) || runs < 1) usage(`--runs: found ${options.runs}, expected a whole number from 1 on`)
const wanted = new Set(options.only.split(","))
for (const name of wanted) if (!partNames.some((known) => known === name)) usage(`--only: there is no part ${name}`)
const others = options.agent.map((given) => {
  const [, name = "", file = ""] = /^([^=]+)=(.+)$/.exec(given) ?? []
  if (name === "") usage(`--agent: found ${given}, expected NAME=FILE`)
  if (!existsSync(file)) usage(`--agent: there is no file ${file}`)
  return azureInit(name, resolve(file), file.endsWith(".mjs") ? [ours.node] : [])
})
const lacking = obstacles({ disc: true })
if (lacking.length > 0) {
  process.stderr.write(`${lacking.join("\n")}\n`)
  process.exit(1)
}

const print = (line = ""): void => void process.stdout.write(`${line}\n`)

const figure = (value: number, digits = 0): string => Number.isFinite(value) ? value.toFixed(digits) : "-"

const heading = (title: string): void => {
  print()
  print(`### ${title}`)
  print()
}

const showRows = (rows: ReadonlyArray<Row>): void => {
  const reference = others[0]?.name
  const base = rows.find(({ agent }) => agent.name === reference)?.ready?.median ?? NaN
  print(
    `| agent | Ready, ms (least-most) | ${
      reference === undefined ? "" : `to ${reference} | `
    }exit, ms | CPU, ms | peak, MiB |`
  )
  print(`| --- | --- | ${reference === undefined ? "" : "--- | "}--- | --- | --- |`)
  for (const { agent, cpu, exit, failure, memory, ready } of rows) {
    const ratio = reference === undefined ? "" : `${figure((ready?.median ?? NaN) / base, 2)} | `
    print(
      ready === undefined
        ? `| ${agent.name} | failed: ${failure?.replaceAll("\n", " ").slice(0, 120)} | ${ratio}| | |`
        : `| ${agent.name} | ${figure(ready.median)} (${figure(ready.least)}-${figure(ready.most)}) | ${ratio}${
          figure(exit?.median ?? NaN)
        } | ${figure(cpu?.median ?? NaN)} | ${figure(memory?.median ?? NaN, 1)} |`
    )
  }
}

const agents: ReadonlyArray<Agent> = [
  ...[ours.executable, ours.bundle].filter(({ command }) => existsSync(command.at(-1) ?? "")),
  ...others
]
const azureInits = agents.filter(({ azureInit }) => azureInit)
const all = options["no-peers"] ? agents : [...agents, ...peers]

const today = DateTime.formatIsoDateUtc(DateTime.nowUnsafe())

const results: Record<string, unknown> = { date: today, machine: machineName(), runs }

print(`${machineName()}, ${runs} runs each, interleaved; ${today}`)

const variants: ReadonlyArray<readonly [string, Conditions]> = [
  ["First boot with a disc, systemd-hostnamed not running (a real first boot)", { disc: true, hostnamed: false }],
  ["First boot without a disc, systemd-hostnamed not running", { disc: false, hostnamed: false }],
  ["First boot with a disc, systemd-hostnamed running", { disc: true, hostnamed: true }],
  ["First boot without a disc, systemd-hostnamed running", { disc: false, hostnamed: true }]
]

if (wanted.has("boots")) {
  for (const [title, conditions] of variants) {
    heading(title)
    const rows = await firstBoots(all, conditions, runs)
    showRows(rows)
    results[title] = rows.map(({ agent, cpu, exit, failure, memory, ready }) => ({
      agent: agent.name,
      ready,
      exit,
      cpu,
      memory,
      failure
    }))
    const log = rows[0]?.log
    if (title !== variants[0]?.[0] || options.write === undefined) continue
    mkdirSync(options.write, { recursive: true })
    writeFileSync(
      join(options.write, "first-boot.svg"),
      bars(
        "First boot: milliseconds from exec to Ready",
        rows.flatMap(({ agent, ready }) =>
          ready === undefined ? [] : [{ name: agent.name, ours: agent.name.startsWith("azure-init"), value: ready }]
        )
      )
    )
    if (log !== undefined) {
      writeFileSync(join(options.write, "timeline.svg"), timeline("A first boot, milliseconds by stage", spansOf(log)))
    }
  }
}

if (wanted.has("small")) {
  heading("Size, start-up, a reboot, a cold disk")
  const rows = await small(azureInits, runs)
  print(
    "| agent | size, MB | --version, ms | a reboot that does nothing, ms | read cold on a first boot, MiB | Ready cold, ms |"
  )
  print("| --- | --- | --- | --- | --- | --- |")
  for (const { agent, cold, coldReady, failure, reboot, size, version } of rows) {
    print(
      `| ${agent.name} | ${figure((size ?? NaN) * 1.048576, 1)} | ${figure(version?.median ?? NaN, 1)} | ${
        figure(reboot?.median ?? NaN, 1)
      } | ${figure(cold?.median ?? NaN, 1)} | ${figure(coldReady?.median ?? NaN)} |${
        failure === undefined ? "" : ` ${failure}`
      }`
    )
  }
  results["small"] = rows.map(({ agent, ...row }) => ({ agent: agent.name, ...row }))
}

if (wanted.has("counts")) {
  heading("Processes and system calls of a first boot with a disc")
  print("| agent | processes | system calls |")
  print("| --- | --- | --- |")
  const rows = await counts(azureInits)
  for (const { agent, calls, failure, processes } of rows) {
    print(`| ${agent.name} | ${failure ?? figure(processes)} | ${figure(calls)} |`)
  }
  results["counts"] = rows.map(({ agent, ...row }) => ({ agent: agent.name, ...row }))
}

if (wanted.has("waits")) {
  heading("IMDS answers after 2 s, the disc after 1 s, WireServer after 0.5 s")
  print("Ready, milliseconds over the 2 s after which IMDS answers:")
  print()
  showRows(await waits(azureInits, Math.min(runs, 5)))
}

if (wanted.has("scales")) {
  heading("How it grows: milliseconds to Ready")
  print("| what | " + azureInits.map(({ name }) => name).join(" | ") + " |")
  print("| --- | " + azureInits.map(() => "---").join(" | ") + " |")
  const rows = await scales(azureInits, Math.min(runs, 3))
  for (const { name, values } of rows) {
    print(`| ${name} | ${values.map((value) => figure(value)).join(" | ")} |`)
  }
  results["scales"] = rows
}

if (options.write !== undefined) {
  writeFileSync(join(options.write, "performance.json"), `${JSON.stringify(results, null, 2)}\n`)
}
