/** The agent is ended from outside, at every stage and at any time. */
import type { Answer } from "../../../fabric/playbook.ts"
import type { Boot, Fault } from "./Fault.ts"
import { helpers } from "./helpers.ts"

/** Pseudo-random numbers from 0 to 1, the same ones for the same seed (mulberry32). */
const randomsOf = (seed: number): () => number => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * As `config/azure-init.service` has it, with mounts of its own (`PrivateMounts=`): what an agent that had no time to
 * unmount leaves mounted goes with it.
 */
const inUnit = ["unshare", "--mount", "--propagation", "slave", "--"]

const after = (signal: string, seconds: number): Boot => (host, agent) =>
  host.run(["timeout", "-s", signal, seconds.toFixed(3), ...(signal === "KILL" ? inUnit : []), ...agent])

const hang: Answer = { hang: "headers" }
/** Long enough that the request is under way on a busy machine, and short of the deadlines. */
const underWay = 3

const slow = `
[password_provisioners]
allow = true
`

/** A helper that ends the agent, once: before its own work, or after it. */
const ending = (signal: string, when: "before" | "after", decoy: string, path: string) =>
  `#!/bin/sh\nrm -f ${decoy}\n${
    when === "before"
      ? `kill -${signal} $PPID; exec ${path} "$@"`
      : `${path} "$@"; status=$?; kill -${signal} $PPID; exit $status`
  }\n`

/**
 * The executable locks, unmounts and ejects by itself, and asks for hostnamectl only where the files fail;
 * troubles.e2e.ts ends the agent at these.
 */
const called = helpers.filter(({ name }) => !["flock", "umount", "eject", "hostnamectl"].includes(name))

const atHelpers = (signal: "TERM" | "KILL"): ReadonlyArray<Fault> =>
  called.flatMap(({ name, needed = ":", path }) =>
    (["before", "after"] as const).map((when): Fault => {
      const decoy = `/usr/local/sbin/${name}`
      return {
        group: `SIG${signal}`,
        name: `${when} ${name}`,
        arrange: async (host) => {
          // Not through the link that stands there.
          await host.shell(`${needed}; rm -f ${decoy}`)
          await host.write(decoy, ending(signal, when, decoy, path), "0755")
        },
        boot: (host, agent) => host.run([...(signal === "KILL" ? inUnit : []), ...agent]),
        examine: async (host) =>
          (await host.shell(`ls ${decoy} 2>/dev/null || true`)) === "" ? [] : [`the agent does not call ${name}`],
        ends: "cut"
      }
    })
  )

const atRequests = (signal: "TERM" | "KILL"): ReadonlyArray<Fault> => [
  {
    group: `SIG${signal}`,
    name: "while IMDS does not answer",
    answers: { imds: [hang] },
    settings: slow,
    boot: after(signal, underWay),
    ends: "cut"
  },
  {
    group: `SIG${signal}`,
    name: "while WireServer does not answer",
    answers: { health: [hang] },
    settings: slow,
    boot: after(signal, underWay),
    ends: "cut"
  },
  {
    group: `SIG${signal}`,
    name: "while a failure is reported",
    answers: { imds: [{ status: 400, body: "" }], health: [hang] },
    settings: slow,
    arrange: (host) => host.shell("mv /run/disc/ovf-env.xml /run/disc/kept"),
    repair: (host) => host.shell("mv /run/disc/kept /run/disc/ovf-env.xml"),
    boot: after(signal, underWay),
    ends: "cut"
  },
  {
    group: `SIG${signal}`,
    name: "while the drive does not answer",
    arrange: (host) =>
      host.shell(
        "cp /usr/sbin/mount.udf /run/mount.udf.good; for helper in /usr/sbin/mount.udf /sbin/mount.udf; do printf '#!/bin/sh\\nexec sleep 300\\n' >$helper; done"
      ),
    repair: (host) =>
      host.shell("for helper in /usr/sbin/mount.udf /sbin/mount.udf; do cat /run/mount.udf.good >$helper; done"),
    boot: after(signal, underWay),
    ends: "cut",
    within: 20_000
  }
]

const count = 200
/**
 * A first boot with this disc takes about 200 ms on two cores; later instants are those of the reports and of a busy
 * machine.
 */
const longest = 0.35
const seed = 20261123

/** 200 instants, the same ones in every run. */
const anyTime: ReadonlyArray<Fault> = Array.from({ length: count }, (_, index) => {
  const random = randomsOf(seed + index)
  const seconds = random() * longest
  return {
    group: "SIGKILL at random",
    name: `after ${(seconds * 1000).toFixed(0)} ms (${index + 1} of ${count}, seed ${seed})`,
    boot: after("KILL", Math.max(0.001, seconds)),
    ends: "cut"
  }
})

/** Every row in which the agent is ended from outside. */
export const killFaults: ReadonlyArray<Fault> = [
  ...atHelpers("TERM"),
  ...atHelpers("KILL"),
  ...atRequests("TERM"),
  ...atRequests("KILL"),
  ...anyTime
]
