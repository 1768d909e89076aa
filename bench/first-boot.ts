/**
 * How long a first boot takes: every agent on a fresh machine of its own each time, in turn, on the same platform.
 *
 *     npm run bench -- [RUNS] [-- COMMAND ARGUMENT...]...
 *
 * RUNS is 10 unless given. Measures `dist/azure-init`, `dist/azure-init.mjs` on Node and each COMMAND, whatever reports Ready to the health
 * endpoint. Not a test: nothing here fails on a slow machine.
 */
import { ovfEnvironment } from "../src/fabric/disc.ts"
import { agents, type Host, obstacles, start } from "../src/fabric/host.ts"
import type { Instance } from "../src/fabric/playbook.ts"

const instance: Instance = {
  username: "azureuser",
  hostname: "web-1",
  keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo owner@laptop"],
  disablePasswordAuthentication: true
}

/** One boot: milliseconds, and MiB. */
interface Boot {
  /** From exec until Ready reached the platform. */
  readonly ready: number
  /** From exec to exit. */
  readonly exit: number
  /** User and system time, with that of the helpers. */
  readonly cpu: number
  readonly memory: number
  readonly log: string
}

/**
 * Runs the command and prints: when it began (seconds since 1970), how long it took and its CPU time (seconds), its peak memory (KiB), its exit
 * status. `wait4` counts the helpers that the command has waited for; peak memory is the largest single process, Python's fork at the least (10 MiB).
 */
const measure = `
import os, sys, time
began, clock = time.time(), time.monotonic()
pid = os.fork()
if pid == 0:
    os.dup2(2, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(began, time.monotonic() - clock, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
`

const boot = async (command: ReadonlyArray<string>, disc: string | undefined): Promise<Boot> => {
  const host: Host = await start({
    playbook: { instance, imds: [], health: [] },
    ...(disc === undefined ? {} : { disc })
  })
  try {
    const { stderr, stdout } = await host.run(["python3", "-c", measure, ...command])
    const [began = NaN, seconds = NaN, cpu = NaN, kibibytes = NaN, status = NaN] = stdout.trim().split(" ").map(Number)
    const ready = host.transcript().find(({ answered, body }) => body.includes("Ready") && answered === 200)
    if (status !== 0 || ready === undefined) {
      throw new Error(
        `${command.join(" ")}: exit status ${status}, Ready ${ready === undefined ? "not " : ""}accepted\n${stderr}`
      )
    }
    return {
      ready: Date.parse(ready.time) - began * 1000,
      exit: seconds * 1000,
      cpu: cpu * 1000,
      memory: kibibytes / 1024,
      log: await host.shell("cat /var/log/azure-init.log 2>/dev/null || true")
    }
  } finally {
    await host.stop()
  }
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return ((sorted[middle] ?? NaN) + (sorted[sorted.length - 1 - middle] ?? NaN)) / 2
}

/** A span of the log: the names of its parents and its own, joined by ":". */
interface Span {
  readonly path: string
  readonly start: number
  readonly end: number
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, "µs": 1e-3, ms: 1, s: 1000 }

/** Spans of a log in azure-init's format, milliseconds; unlike KVP records its lines tell a span's parents, in microseconds. */
const spansOf = (log: string): ReadonlyArray<Span> =>
  log.split("\n").flatMap((line) => {
    const found = /^\S+T(\d+):(\d+):([\d.]+)Z +\w+ (.+): \w+(?:::\w+)*: close time\.elapsed=([\d.]+)(ns|µs|ms|s)$/.exec(
      line
    )
    if (found === null) return []
    const [, hours, minutes, seconds, path = "", elapsed, unit = ""] = found
    const end = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
    return [{ path, start: end - Number(elapsed) * (units[unit] ?? NaN), end }]
  })

/** Back from the end: the span without children that ended last, then the one that ended last before it began, and so on. */
const criticalPath = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> => {
  const leaves = spans.filter((span) =>
    !spans.some((other) =>
      other.path.startsWith(`${span.path}:`) && other.start >= span.start - 0.1 && other.end <= span.end + 0.1
    )
  )
  const walk: Array<Span> = []
  for (let until = Infinity;;) {
    const before = leaves.filter(({ end, start }) => end <= until + 0.1 && start < until)
    const last = before.toSorted((a, b) => b.end - a.end || a.start - b.start)[0]
    if (last === undefined) return walk.toReversed()
    walk.push(last)
    until = last.start
  }
}

const print = (line = ""): void => void process.stdout.write(`${line}\n`)

const showPath = (log: string): void => {
  const path = criticalPath(spansOf(log))
  const first = path[0]
  if (first === undefined) return print("  its log has no spans")
  let before = first.start
  for (const { end, path: name, start } of path) {
    const gap = start - before
    print(
      `  ${(start - first.start).toFixed(1).padStart(7)} ms ${(end - start).toFixed(1).padStart(6)} ms${
        gap > 0.5 ? ` after ${gap.toFixed(1).padStart(4)} ms` : "".padEnd(14)
      }  ${name.split(":").slice(-3).join(":")}`
    )
    before = end
  }
}

/** `a b -- c -- d e` as `[[a, b], [c], [d, e]]`. */
const groups: Array<Array<string>> = [[]]
for (const word of process.argv.slice(2)) {
  if (word === "--") groups.push([])
  else groups.at(-1)?.push(word)
}
const [[given = "10"] = [], ...others] = groups
const runs = Number(given)
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write("usage: npm run bench -- [RUNS] [-- COMMAND ARGUMENT...]...\n")
  process.exit(2)
}
const withDisc = obstacles({ disc: true }).length === 0
const lacking = obstacles({ disc: withDisc })
if (lacking.length > 0) {
  process.stderr.write(`${lacking.join("\n")}\n`)
  process.exit(1)
}
const disc = withDisc
  ? ovfEnvironment({ username: instance.username, hostname: instance.hostname, disablePasswordAuthentication: true })
  : undefined

const contestants = [
  { name: "azure-init, the executable", command: agents.executable, boots: new Array<Boot>() },
  { name: "azure-init.mjs on Node", command: agents.bundle, boots: new Array<Boot>() },
  ...others.map((command) => ({ name: command.join(" "), command, boots: new Array<Boot>() }))
]
// The first boot of each only fills the page cache.
for (let run = 0; run <= runs; run++) {
  for (const { boots, command } of contestants) {
    const measured = await boot(command, disc)
    if (run > 0) boots.push(measured)
  }
}

const middle = (boots: ReadonlyArray<Boot>, of: (boot: Boot) => number): number => median(boots.map(of))
const [reference] = contestants
print(
  `First boot, median of ${runs} (least to most), ${
    withDisc ? "with" : "without"
  } a provisioning disc; times in ms from exec:`
)
print()
print("   Ready              exit     CPU     memory   agent")
for (const { boots, name } of contestants) {
  const times = boots.map(({ ready }) => ready)
  const ratio = reference === undefined
    ? NaN
    : middle(boots, ({ ready }) => ready) / middle(reference.boots, ({ ready }) => ready)
  print(
    `${middle(boots, ({ ready }) => ready).toFixed(0).padStart(8)} ${
      `(${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)})`.padEnd(11)
    } ${middle(boots, ({ exit }) => exit).toFixed(0).padStart(6)} ${
      middle(boots, ({ cpu }) => cpu).toFixed(0).padStart(7)
    } ${middle(boots, ({ memory }) => memory).toFixed(1).padStart(6)} MiB   ${name}${
      ratio === 1 ? "" : `: ${ratio.toFixed(2)} times`
    }`
  )
}
for (const { boots, name } of contestants) {
  const target = middle(boots, ({ ready }) => ready)
  const typical = boots.toSorted((a, b) => Math.abs(a.ready - target) - Math.abs(b.ready - target))[0]
  print()
  print(`Critical path of the most typical boot of ${name}:`)
  showPath(typical?.log ?? "")
}
