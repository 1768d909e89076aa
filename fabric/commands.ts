/** What the command line asks for, done. */
import { fstatSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { obey, objectionTo, recorder } from "./control.ts"
import type { Invocation } from "./invocation.ts"
import { loadPlaybook } from "./loadPlaybook.ts"
import { startFabric } from "./server.ts"

type Asked<Tag extends Invocation["_tag"]> = Extract<Invocation, { readonly _tag: Tag }>

const print = (text: string): void => void process.stdout.write(text)

/**
 * Whether somebody holds the other end of standard input, whose end then is the end of the program; `/dev/null` ends at
 * once.
 */
const isHeld = (): boolean => {
  const status = fstatSync(0)
  return status.isFIFO() || status.isSocket() || process.stdin.isTTY
}

const untilTold = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => resolve())
    if (isHeld()) process.stdin.on("end", () => resolve()).resume()
  })

const serve = async ({ control, dhcp, listens, sources, transcript }: Asked<"Serve">): Promise<number> => {
  const objection = objectionTo(listens, dhcp !== undefined)
  if (objection !== undefined) throw new Error(objection)
  const playbook = await loadPlaybook(sources)
  const scripted = Object.values(sources).some((file) => file !== undefined)
  if (transcript !== undefined) writeFileSync(transcript, "")
  const fabric = await startFabric(listens, transcript === undefined ? () => {} : recorder(transcript))
  if (!control || scripted) await fabric.play(playbook)
  if (dhcp !== undefined) {
    const { startDhcp } = await import("./dhcpServer.ts")
    await startDhcp(dhcp)
  }
  const { imds, wireserver } = fabric.listens
  print(`ready imds=${imds.host}:${imds.port} wireserver=${wireserver.host}:${wireserver.port}\n`)
  await (control ? obey(fabric) : untilTold())
  return 0
}

/** What is wrong with a wish to run something here, of a user with this id. */
export const objectionToRunning = (
  { machine, onThisMachine }: Pick<Asked<"Run">, "machine" | "onThisMachine">,
  uid: number | undefined
): string | undefined => {
  if (machine && onThisMachine) return "either --machine or --on-this-machine, not both"
  return uid !== 0 || machine || onThisMachine
    ? undefined
    : "refusing to run a command as root on this machine: an agent would provision it. Say --machine for a throw-away machine, or --on-this-machine"
}

/** As `env`, `timeout` and others end when they themselves have failed. */
const ownFailure = 125

const run = async (asked: Asked<"Run">): Promise<number> => {
  const objection = objectionToRunning(asked, process.getuid?.())
  if (objection !== undefined) {
    process.stderr.write(`azure-fabric: run: ${objection}\n`)
    return 2
  }
  if (!asked.machine) return runHere(asked)
  try {
    const { runOnMachine } = await import("./runOnMachine.ts")
    return await runOnMachine(await loadPlaybook(asked.sources), asked.command, asked.transcript)
  } catch (error) {
    process.stderr.write(`azure-fabric: ${error instanceof Error ? error.message : String(error)}\n`)
    return ownFailure
  }
}

/**
 * Becomes the command's wrapper in a new network namespace, and in a new user namespace where root is needed for that;
 * see inside.ts.
 */
const runHere = (asked: Asked<"Run">): never => {
  if (process.execve === undefined) throw new Error("this needs Linux, and Node.js 22.15 or later")
  return process.execve("/usr/bin/env", [
    "env",
    "unshare",
    "--net",
    ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
    "--",
    process.execPath,
    join(import.meta.dirname, "inside.ts"),
    JSON.stringify([asked.sources, asked.transcript ?? null]),
    ...asked.command
  ])
}

const disc = async ({ changes, output, sources }: Asked<"Disc">): Promise<number> => {
  const { instance } = await loadPlaybook(sources)
  const [{ ovfEnvironment }, { writeDiscImage }] = await Promise.all([import("./disc.ts"), import("./discImage.ts")])
  await writeDiscImage(output, ovfEnvironment({ ...instance, ...changes }))
  return 0
}

const kvp = async ({ file }: Asked<"Kvp">): Promise<number> => {
  const { readPool } = await import("./kvp.ts")
  const { entries, problems, report } = readPool(readFileSync(file))
  for (const { key, value } of entries) print(`${key}\n  ${value.replaceAll("\n", "\n  ")}\n`)
  print(
    `${entries.length} ${entries.length === 1 ? "entry" : "entries"}, ${
      report === undefined ? "no report" : `report: ${report}`
    }\n`
  )
  for (const problem of problems) process.stderr.write(`azure-fabric: ${file}: ${problem}\n`)
  return problems.length === 0 ? 0 : 1
}

const schema = async (): Promise<number> => {
  const { playbookSchema } = await import("./playbookSchema.ts")
  print(playbookSchema())
  return 0
}

const check = async ({ file }: Asked<"Check">): Promise<number> => {
  await loadPlaybook({ playbook: file })
  print(`${file} is a playbook\n`)
  return 0
}

/** Does it; gives back the exit status, and rejects with what went wrong. */
export const perform = async (invocation: Invocation): Promise<number> => {
  switch (invocation._tag) {
    case "Nothing":
      return 0
    case "Serve":
      return serve(invocation)
    case "Run":
      return run(invocation)
    case "Disc":
      return disc(invocation)
    case "Kvp":
      return kvp(invocation)
    case "Schema":
      return schema()
    case "Check":
      return check(invocation)
  }
}
