/** The tables of the benchmark. */
import type { Agent } from "./agents.ts"
import { type Boot, boot, type Conditions, count, measure, startMachine, time } from "./machine.ts"
import { type Spread, spreadOf } from "./statistics.ts"

/** What the boots of one agent came to; a failure in place of figures when one of them failed. */
export interface Row {
  readonly agent: Agent
  readonly ready?: Spread
  readonly exit?: Spread
  readonly cpu?: Spread
  readonly memory?: Spread
  /** The log of the most typical boot. */
  readonly log?: string
  readonly failure?: string
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const rowOf = (agent: Agent, boots: ReadonlyArray<Boot>): Row => {
  const ready = spreadOf(boots.map((each) => each.ready))
  const typical = boots.toSorted((a, b) => Math.abs(a.ready - ready.median) - Math.abs(b.ready - ready.median))[0]
  return {
    agent,
    ready,
    exit: spreadOf(boots.map((each) => each.exit)),
    cpu: spreadOf(boots.map((each) => each.cpu)),
    memory: spreadOf(boots.map((each) => each.memory)),
    ...(typical === undefined ? {} : { log: typical.log })
  }
}

/**
 * First boots of all agents in turn; the first of each only fills the page cache, and one that fails is not tried
 * again.
 */
export const firstBoots = async (
  agents: ReadonlyArray<Agent>,
  conditions: Conditions,
  runs: number
): Promise<ReadonlyArray<Row>> => {
  const contestants = agents.map((agent) => ({ agent, boots: new Array<Boot>(), failure: "" }))
  for (let run = 0; run <= runs; run++) {
    for (const contestant of contestants) {
      if (contestant.failure !== "") continue
      try {
        const measured = await boot(contestant.agent, conditions)
        if (run > 0) contestant.boots.push(measured)
      } catch (error) {
        contestant.failure = messageOf(error)
      }
    }
  }
  return contestants.map(({ agent, boots, failure }) => failure === "" ? rowOf(agent, boots) : { agent, failure })
}

/** Start-up, a second boot, and what a cold disk costs. */
export const small = async (agents: ReadonlyArray<Agent>, runs: number) => {
  const rows = []
  for (const agent of agents) {
    try {
      const conditions: Conditions = { disc: true, hostnamed: false }
      const host = await startMachine(agent, conditions)
      const versions = []
      const reboots = []
      try {
        await measure(host, agent, conditions)
        for (let run = 0; run < runs; run++) {
          versions.push((await time(host, [...agent.command, "--version"])).milliseconds)
          reboots.push((await time(host, agent.command)).milliseconds)
        }
      } finally {
        await host.stop()
      }
      const cold = []
      for (let run = 0; run < Math.min(runs, 5); run++) cold.push(await boot(agent, { ...conditions, cold: true }))
      rows.push({
        agent,
        size: agent.size,
        version: spreadOf(versions),
        reboot: spreadOf(reboots),
        cold: spreadOf(cold.map((each) => each.cold)),
        coldReady: spreadOf(cold.map((each) => each.ready))
      })
    } catch (error) {
      rows.push({ agent, size: agent.size, failure: messageOf(error) })
    }
  }
  return rows
}

/** Processes and system calls of a first boot. */
export const counts = async (agents: ReadonlyArray<Agent>) => {
  const rows = []
  for (const agent of agents) {
    try {
      rows.push({ agent, ...(await count(agent, { disc: true, hostnamed: false })) })
    } catch (error) {
      rows.push({ agent, calls: NaN, processes: NaN, failure: messageOf(error) })
    }
  }
  return rows
}

/** IMDS' answer, after which the rest of a boot follows; milliseconds. */
const imdsDelay = 2000

/** A platform that lets everybody wait: what is left is what the agent adds. */
export const waits = async (agents: ReadonlyArray<Agent>, runs: number): Promise<ReadonlyArray<Row>> => {
  const rows = await firstBoots(agents, {
    disc: true,
    hostnamed: false,
    imds: [{ delay_ms: imdsDelay }],
    health: [{ delay_ms: 500 }],
    // The mount of the disc takes its second.
    prepare: "sed -i '2i sleep 1' usr/sbin/mount.udf; [ sbin -ef usr/sbin ] || cp usr/sbin/mount.udf sbin/mount.udf"
  }, runs)
  return rows.map((row) =>
    row.ready === undefined ? row : {
      ...row,
      ready: {
        median: row.ready.median - imdsDelay,
        least: row.ready.least - imdsDelay,
        most: row.ready.most - imdsDelay
      }
    }
  )
}

/** An Ed25519 key that nobody has; the number makes it another one. */
const keyOf = (number: number): string => {
  const blob = Buffer.concat([
    Buffer.from([0, 0, 0, 11]),
    Buffer.from("ssh-ed25519"),
    Buffer.from([0, 0, 0, 32]),
    Buffer.alloc(28, 7),
    Buffer.from([number >> 24, number >> 16, number >> 8, number])
  ])
  return `ssh-ed25519 ${blob.toString("base64")} owner-${number}@laptop`
}

/** A pool of 1024 records, 2560 bytes each, written in this boot. */
const fullPool = `
for number in $(seq 1024); do printf '%-512s%-2048s' "key-$number" value | tr ' ' '\\0'; done >var/lib/hyperv/.kvp_pool_1`

/** Milliseconds to Ready, agent by agent, as something grows. */
export const scales = async (agents: ReadonlyArray<Agent>, runs: number) => {
  const groups = Array.from({ length: 50 }, (_, number) => `bench${number}`)
  const usual: Conditions = { disc: false, hostnamed: true }
  const parts: ReadonlyArray<readonly [string, Conditions]> = [
    ...[1, 100, 1000, 10_000].map((number) =>
      [`${number} keys`, { ...usual, keys: Array.from({ length: number }, (_, index) => keyOf(index)) }] as const
    ),
    ["50 groups", {
      ...usual,
      prepare: groups.map((group, number) => `echo '${group}:x:${5000 + number}:' >>etc/group`).join("\n"),
      environment: { AZURE_INIT_USER_GROUPS: groups.join(",") }
    }],
    ["a full KVP pool", { ...usual, prepare: fullPool }]
  ]
  const rows = []
  for (const [name, conditions] of parts) {
    const measured = await firstBoots(agents, conditions, runs)
    rows.push({ name, values: measured.map(({ ready }) => ready?.median ?? NaN) })
  }
  return rows
}
