/** One measured boot on a machine of its own: Debian 13 with systemd, and a platform. */
import * as Schema from "effect/Schema"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ovfEnvironment } from "../fabric/disc.ts"
import type { Answer, Instance } from "../fabric/playbook.ts"
import { type NspawnHost, startNspawn } from "../test/e2e/hosts/nspawn.ts"
import { made, root } from "../test/e2e/hosts/roots.ts"
import type { Agent } from "./agents.ts"
import { goalState } from "./wireServer.ts"

const instance: Instance = {
  username: "azureuser",
  hostname: "web-1",
  keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo owner@laptop"],
  disablePasswordAuthentication: true
}

/** What a boot is like; everything is as good as it can be where nothing is said. */
export interface Conditions {
  readonly disc: boolean
  /** Whether systemd-hostnamed runs already; on a real first boot it does not. */
  readonly hostnamed: boolean
  /** Whether the kernel's page cache is empty when the agent starts. */
  readonly cold?: boolean
  /** The answers of the platform. */
  readonly imds?: ReadonlyArray<Answer>
  readonly health?: ReadonlyArray<Answer>
  readonly keys?: ReadonlyArray<string>
  /** A script of sh in the machine's root before it starts, after the agent's own. */
  readonly prepare?: string
  /** In addition to the agent's. */
  readonly environment?: Readonly<Record<string, string>>
}

/** What one boot took. */
export interface Boot {
  /** Milliseconds from exec until the request with Ready reached the platform. */
  readonly ready: number
  /** Milliseconds from exec to exit; NaN for an agent that does not end. */
  readonly exit: number
  /** Milliseconds of CPU, helpers included. */
  readonly cpu: number
  /** MiB, the peak of the agent's own process; of the largest one where several do the work. */
  readonly memory: number
  /** MiB that were fetched from a disk for the agent itself. */
  readonly cold: number
  /** The agent's log in azure-init's format. */
  readonly log: string
}

const Measured = Schema.fromJsonString(Schema.Struct({
  began: Schema.Number,
  seconds: Schema.Number,
  cpu: Schema.Number,
  memory: Schema.Number,
  largest: Schema.Number,
  cold: Schema.Number,
  status: Schema.Number
}))

const decodeMeasured = Schema.decodeUnknownSync(Measured)

/** The root of the benchmark's machines. */
export const image = (): string => made("bench-trixie", "../../../bench/root.sh", root("trixie"), "trixie")

const vmId = "9f1c7c3e-5a40-4b7e-9d0b-0f6f2c9a7e11"
const script = "/opt/bench/measure.py"
const output = "/opt/bench/output"
const log = "/var/log/azure-init.log"

/** Starts a machine for an agent; nothing has run on it yet. */
export const startMachine = async (agent: Agent, conditions: Conditions): Promise<NspawnHost> => {
  const host = await startNspawn({
    suite: "trixie",
    image: image(),
    vmId,
    playbook: {
      instance: { ...instance, keys: conditions.keys ?? instance.keys },
      imds: conditions.imds ?? [],
      health: conditions.health ?? [],
      goal_state: [{ body: goalState, headers: { "content-type": "text/xml; charset=utf-8" } }]
    },
    ...(conditions.disc
      ? {
        disc: ovfEnvironment({
          username: instance.username,
          hostname: instance.hostname,
          disablePasswordAuthentication: true
        })
      }
      : {}),
    beside: [process.execPath, join(import.meta.dirname, "beside.ts")],
    prepare: `
${agent.prepare}
install -D -m 0644 '${join(import.meta.dirname, "measure.py")}' .${script}
${conditions.prepare ?? ""}`
  })
  try {
    await host.run(["systemctl", "is-system-running", "--wait"])
    await host.shell(
      conditions.hostnamed
        ? "hostnamectl >/dev/null"
        : "systemctl stop systemd-hostnamed.service systemd-hostnamed.socket"
    )
    await host.shell(agent.before)
    return host
  } catch (error) {
    await host.stop()
    throw error
  }
}

const readyOf = (agent: Agent, host: NspawnHost): number | undefined => {
  const entry = host.transcript().find(agent.isReady)
  return entry === undefined ? undefined : Date.parse(entry.time)
}

/**
 * Ends an agent that does not end by itself, some time after it has said Ready; its command is its last argument but
 * options.
 */
const endAfterReady = async (agent: Agent, host: NspawnHost): Promise<void> => {
  for (let tries = 0; tries < 600 && readyOf(agent, host) === undefined; tries++) await sleep(50)
  await host.run([
    "sh",
    "-c",
    "kill $(pidof -x waagent python3 | tr ' ' '\\n' | sort -n | tail -n +2) 2>/dev/null; true"
  ])
}

/**
 * Runs the command of a contestant on a machine and measures it. Fails with what it said when it is not Ready in the
 * end.
 */
export const measure = async (host: NspawnHost, agent: Agent, conditions: Conditions): Promise<Boot> => {
  // The machine shares this machine's page cache, whose switch it is not given.
  if (conditions.cold === true) {
    await host.run(["sync"])
    writeFileSync("/proc/sys/vm/drop_caches", "3")
  }
  const ended = host.run(["python3", script, output, ...agent.command], {
    environment: { ...agent.environment, ...conditions.environment }
  })
  if (!agent.ends) await endAfterReady(agent, host)
  const { stderr, stdout } = await ended
  if (stdout === "") throw new Error(`${agent.name}: not measured: ${stderr}`)
  const { began, cold, cpu, largest, memory, seconds, status } = decodeMeasured(stdout)
  const ready = readyOf(agent, host)
  if (ready === undefined || (agent.ends && status !== 0)) {
    const said = (await host.shell(`tail -n 5 ${output}`)).trim()
    throw new Error(`exit status ${status}, Ready ${ready === undefined ? "not " : ""}accepted: ${said}`)
  }
  return {
    ready: ready - began * 1000,
    exit: agent.ends ? seconds * 1000 : NaN,
    cpu: cpu * 1000,
    memory: (agent.azureInit ? memory : largest) / 1024,
    cold: cold / 1024 / 1024,
    log: await host.shell(`cat ${log} 2>/dev/null || true`)
  }
}

/** A boot on a machine that is made for it and thrown away. */
export const boot = async (agent: Agent, conditions: Conditions): Promise<Boot> => {
  const host = await startMachine(agent, conditions)
  try {
    return await measure(host, agent, conditions)
  } finally {
    await host.stop()
  }
}

/**
 * Milliseconds of a command on a machine, and what the kernel fetched from a disk for it in MiB; rejects when its
 * status is not 0.
 */
export const time = async (
  host: NspawnHost,
  command: ReadonlyArray<string>
): Promise<{ readonly milliseconds: number; readonly cold: number }> => {
  const { stderr, stdout } = await host.run(["python3", script, output, ...command])
  if (stdout === "") throw new Error(stderr)
  const { cold, seconds, status } = decodeMeasured(stdout)
  if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}`)
  return { milliseconds: seconds * 1000, cold: cold / 1024 / 1024 }
}

/** Processes that a boot starts, and system calls that it makes, by strace(1) on a machine of its own. */
export const count = async (
  agent: Agent,
  conditions: Conditions
): Promise<{ readonly processes: number; readonly calls: number }> => {
  const host = await startMachine(agent, conditions)
  try {
    await host.run(
      ["strace", "-f", "-qq", "-o", "/opt/bench/calls", "-e", "signal=none", "--", ...agent.command],
      { environment: { ...agent.environment, ...conditions.environment } }
    )
    // A call that another process interrupts has two lines.
    const [calls = "0", processes = "0"] = (await host.shell(
      "grep -cv ' <unfinished \\.\\.\\.>$\\| +++ ' /opt/bench/calls; grep -c 'execve.* = 0$' /opt/bench/calls"
    )).trim().split("\n")
    return { calls: Number(calls), processes: Number(processes) }
  } finally {
    await host.stop()
  }
}

/** The version of the kernel and the processor's name, as this machine tells them. */
export const machineName = (): string =>
  `${/^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown processor"}, kernel ${
    readFileSync("/proc/sys/kernel/osrelease", "utf8").trim()
  }`
