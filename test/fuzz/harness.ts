import { fork } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { minimise } from "./mutate.ts"
import { currentName, type Finding, headerSize, type Job, maximumTime, type Message, type Tally } from "./protocol.ts"

/** What a run is asked for. */
export interface Options {
  readonly seed: string
  readonly targets: ReadonlyArray<string>
  /** Inputs of each target. */
  readonly count?: number
  /** Seconds for each target. */
  readonly seconds?: number
  /** A file to run in place of made inputs. */
  readonly replay?: string
  /** How often an input that is over a limit is run again to make it smaller; each takes seconds. 24 when absent. */
  readonly tries?: number
  /** How often a child that had to be ended is started again for the same target. 2 when absent. */
  readonly restarts?: number
  /** Told of every finding at once; a smaller input of the same finding comes later. */
  readonly onFinding?: (finding: Finding) => void
}

/** What came of a run: a tally and the findings of each target. */
export interface Summary {
  readonly tallies: ReadonlyArray<Tally>
  readonly findings: ReadonlyArray<Finding>
}

/**
 * The child's heap in MiB: the 40 that it has at rest, the 64 that an input may take, and as much again for what is not
 * yet collected.
 */
const heap = 168

/** A child that has more resident memory than this, in KiB, is ended before it takes the machine's. */
const runaway = 768 * 1024

/**
 * Milliseconds without a new input and without work, after which an input counts as stuck; the agent's own longest wait
 * here is 20 s.
 */
const stuckAfter = 40_000

/** In memory where there is such a place: the agent syncs what it writes, and a disk would take most of the time. */
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

/**
 * CPU time of all threads in milliseconds, from clock ticks of 10 ms (proc(5)), and the resident memory in KiB; none
 * for a process that is gone.
 */
const usage = (pid: number): { readonly cpu: number; readonly resident: number } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return {
      cpu: (Number(fields[11]) + Number(fields[12])) * 10,
      resident: Number(fields[21]) * 4
    }
  } catch {
    return undefined
  }
}

/** What the child has under way. */
const underWay = (directory: string) => {
  const bytes = readFileSync(join(directory, currentName))
  const [target = "", number = "0"] = bytes.toString("latin1", 0, headerSize).split(" ")
  return { target, number: Number(number), input: bytes.subarray(headerSize) }
}

const header = (directory: string): string => {
  const buffer = Buffer.alloc(headerSize)
  try {
    const file = openSync(join(directory, currentName), "r")
    readSync(file, buffer, 0, headerSize, 0)
    closeSync(file)
  } catch {
    // The child has not come so far.
  }
  return buffer.toString("latin1")
}

type Ending = { readonly kind: "done" } | {
  readonly kind: "time" | "memory" | "stuck" | "ended"
  readonly detail: string
}

/** Runs one child to its end, its limits kept. */
const runChild = (job: Job, onMessage: (message: Message) => void): Promise<Ending> =>
  new Promise((resolve) => {
    let done = false
    let killed: Ending | undefined
    let said = ""
    const child = fork(new URL("./worker.ts", import.meta.url), [JSON.stringify(job)], {
      execArgv: [`--max-old-space-size=${heap}`, "--max-semi-space-size=2"],
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    // A child in an endless loop would outlive a test that is cut off at its deadline.
    const atExit = () => void child.kill("SIGKILL")
    process.once("exit", atExit)
    const kill = (ending: Ending) => {
      killed = ending
      child.kill("SIGKILL")
    }
    child.stderr?.on("data", (data: Buffer) => {
      said = (said + data.toString()).slice(-4000)
    })
    child.on("message", (message: Message) => {
      if (message._tag === "Done") done = true
      onMessage(message)
    })
    let seen = { header: "", cpu: 0, at: performance.now() }
    // The watch over another process is not the work of a fiber.
    // @effect-diagnostics-next-line globalTimers:off
    const timer = setInterval(() => {
      if (child.pid === undefined || killed !== undefined) return
      const used = usage(child.pid)
      if (used === undefined) return
      if (used.resident > runaway) return kill({ kind: "memory", detail: `${used.resident} KiB of resident memory` })
      const now = header(job.directory)
      if (now !== seen.header) {
        seen = { header: now, cpu: used.cpu, at: performance.now() }
      } else if (now.trim() !== "" && !now.startsWith("\0")) {
        if (used.cpu - seen.cpu > 2 * maximumTime) {
          kill({ kind: "time", detail: `${used.cpu - seen.cpu} ms of CPU time without an end` })
        } else if (performance.now() - seen.at > stuckAfter) {
          kill({ kind: "stuck", detail: `no end after ${stuckAfter} ms, in which it had nothing to do` })
        }
      }
    }, 100)
    child.on("close", (code, signal) => {
      clearInterval(timer)
      process.off("exit", atExit)
      resolve(
        killed ?? (done && code === 0
          ? { kind: "done" }
          : /heap out of memory|heap limit/.test(said)
          ? { kind: "memory", detail: `the heap of ${heap} MiB is full` }
          : { kind: "ended", detail: `the child ended with ${signal ?? `status ${code}`}: ${said.trim()}` })
      )
    })
  })

/** Runs the targets, each until it has had its count of inputs or its seconds; findings are made small. */
export const fuzz = async (options: Options): Promise<Summary> => {
  const directory = mkdtempSync(join(base, "azure-init-fuzz-"))
  const tallies = new Map<string, Array<Tally>>()
  const findings = new Map<string, Finding>()
  const restarts = new Map<string, number>()
  const report = (finding: Finding) => {
    findings.set(`${finding.target} ${finding.kind} ${finding.detail}`, finding)
    options.onFinding?.(finding)
  }
  const { restarts: maximumRestarts = 2, tries = 24 } = options
  const jobOf = (changes: Partial<Job>): Job => ({
    directory,
    seed: options.seed,
    targets: options.targets,
    start: 0,
    count: options.count ?? null,
    seconds: options.seconds ?? null,
    replay: options.replay ?? null,
    tries,
    ...changes
  })
  try {
    let job = jobOf({})
    for (;;) {
      const run = new Map<string, Tally>()
      const ending = await runChild(job, (message) => {
        if (message._tag === "Tally") run.set(message.tally.target, message.tally)
        if (message._tag === "Found") report(message.finding)
      })
      for (const [target, tally] of run) tallies.set(target, [...tallies.get(target) ?? [], tally])
      if (ending.kind === "done") break
      const { input, number, target } = underWay(directory)
      const found = { target, kind: ending.kind, detail: ending.detail }
      report({ ...found, input: input.toString("base64") })
      if (options.replay !== undefined) break
      const file = join(directory, "candidate")
      const small = await minimise(input, async (candidate) => {
        writeFileSync(file, candidate)
        const again = await runChild(jobOf({ targets: [target], count: 1, seconds: null, replay: file }), () => {})
        return again.kind === ending.kind
      }, tries)
      report({ ...found, input: Buffer.from(small).toString("base64") })
      const times = (restarts.get(target) ?? 0) + 1
      restarts.set(target, times)
      const from = job.targets.indexOf(target) + (times > maximumRestarts ? 1 : 0)
      const left = job.targets.slice(from)
      if (left.length === 0) break
      job = jobOf({ targets: left, start: times > maximumRestarts ? 0 : number + 1 })
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return {
    tallies: options.targets.flatMap((target) => {
      const [first, ...others] = tallies.get(target) ?? []
      return first === undefined ? [] : [others.reduce(add, first)]
    }),
    findings: [...findings.values()]
  }
}

const add = (left: Tally, right: Tally): Tally => ({
  target: left.target,
  inputs: left.inputs + right.inputs,
  values: left.values + right.values,
  errors: Object.fromEntries(
    [...new Set([...Object.keys(left.errors), ...Object.keys(right.errors)])].map((
      error
    ) => [error, (left.errors[error] ?? 0) + (right.errors[error] ?? 0)])
  ),
  slowest: Math.max(left.slowest, right.slowest),
  biggest: Math.max(left.biggest, right.biggest),
  shapes: Math.max(left.shapes, right.shapes)
})
