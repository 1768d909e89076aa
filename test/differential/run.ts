// @effect-diagnostics globalTimers:off
import { spawn } from "node:child_process"
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mutate } from "../fuzz/mutate.ts"
import * as Random from "../fuzz/random.ts"
import { serve } from "../fuzz/server.ts"
import { maximumParent, maximumPool, shapeOfOutcome } from "../fuzz/shape.ts"
import type { Outcome, Target } from "../fuzz/target.ts"
import { bundle } from "../native/bundle.ts"
import { isKnown } from "./known.ts"
import type { Job } from "./protocol.ts"

/** An input on which the engines disagree, or which one of them has no answer to. */
export interface Difference {
  readonly target: string
  readonly input: Uint8Array
  readonly node: string
  readonly quickjs: string
}

/**
 * What came of a target: inputs, those that were taken, differences that {@link isKnown} explains, and the milliseconds
 * of all inputs and of the slowest on both engines.
 */
export interface Tally {
  readonly target: string
  inputs: number
  values: number
  known: number
  readonly milliseconds: { node: number; quickjs: number }
  readonly slowest: { node: number; quickjs: number }
}

/** What is compared. */
export interface Options {
  readonly targets: ReadonlyArray<Target>
  /** Whole documents that every target gets, besides its own. */
  readonly fixtures: ReadonlyArray<Uint8Array>
  /** Mutated inputs, spread evenly over the targets. */
  readonly inputs: number
  /** After so many seconds no more inputs are made. */
  readonly seconds: number
  readonly seed: string
  /** The boot runtime's program that runs a source. */
  readonly evaluate: string
  readonly onDifference: (difference: Difference) => void
}

/** Inputs of one process of each engine. */
const batchSize = 1000

/** Milliseconds without an answer after which an engine is ended; the agent's own longest wait here is 20 s. */
const stuckAfter = 120_000

const engines = ["node", "quickjs"] as const
type Engine = typeof engines[number]

interface Input {
  readonly target: Target
  readonly bytes: Uint8Array
}

/** What an engine answers to the inputs of a batch, in order; fewer when it has ended early, and then why. */
interface Answers {
  readonly lines: ReadonlyArray<{ readonly milliseconds: number; readonly text: string }>
  readonly ended: string | undefined
}

/** Runs a program with its answers in a file, so that what it said is there however it ends. */
const run = (command: ReadonlyArray<string>, file: string): Promise<Answers> =>
  new Promise((resolve) => {
    const [program = "", ...args] = command
    const output = openSync(file, "w")
    const child = spawn(program, args, { stdio: ["ignore", output, "pipe"] })
    closeSync(output)
    let complaint = ""
    child.stderr?.on("data", (data: Buffer) => {
      complaint = (complaint + data.toString()).slice(-4000)
    })
    let seen = { size: 0, at: performance.now() }
    const watch = setInterval(() => {
      const { length: size } = readFileSync(file)
      if (size !== seen.size) seen = { size, at: performance.now() }
      else if (performance.now() - seen.at > stuckAfter) child.kill("SIGKILL")
    }, 1000)
    child.on("close", (code, signal) => {
      clearInterval(watch)
      const lines = readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => {
        const tab = line.indexOf("\t")
        return { milliseconds: Number(line.slice(0, tab)), text: line.slice(tab + 1) }
      })
      resolve({
        lines,
        ended: code === 0 ? undefined : `ended with ${signal ?? `status ${code}`}: ${complaint.trim()}`
      })
    })
  })

/** In memory where there is such a place: a disk would take most of the time. */
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

/** Directories of the same length, so that paths do not differ in what is too long. */
const directoryOf: Readonly<Record<Engine, string>> = { node: "node", quickjs: "qjsn" }

/** Both engines, ready to answer. */
const prepare = async (directory: string, evaluate: string) => {
  const program = join(directory, "program.js")
  await bundle(`import ${JSON.stringify(join(import.meta.dirname, "program.ts"))}`, program)
  const commands: Readonly<Record<Engine, ReadonlyArray<string>>> = {
    node: [process.execPath, join(import.meta.dirname, "program.ts")],
    quickjs: [evaluate, program]
  }
  const servers = await Promise.all(engines.map(async (engine) => {
    const own = join(directory, directoryOf[engine])
    mkdirSync(own)
    return { engine, own, server: await serve(() => readFileSync(join(own, "answer"))) }
  }))
  const inputs = join(directory, "inputs")
  return {
    answer: async (batch: ReadonlyArray<Input>): Promise<Readonly<Record<Engine, Answers>>> => {
      rmSync(inputs, { recursive: true, force: true })
      mkdirSync(inputs)
      batch.forEach(({ bytes }, number) => writeFileSync(join(inputs, String(number)), bytes))
      const [node, quickjs] = await Promise.all(servers.map(({ engine, own, server: { origin } }) => {
        const job: Job = { directory: own, inputs, targets: batch.map(({ target }) => target.name), origin }
        return run([...commands[engine], JSON.stringify(job)], join(directory, `${engine}.txt`))
      }))
      if (node === undefined || quickjs === undefined) throw new Error("there are two engines")
      return { node, quickjs }
    },
    close: () => servers.forEach(({ server }) => server.close())
  }
}

/**
 * The inputs of a run, a batch at a time: documents first, then what is made of them and of those that had answers of a
 * new kind.
 */
class Inputs {
  readonly #pools = new Map<Target, Array<Uint8Array>>()
  readonly #shapes = new Map<Target, Set<string>>()
  readonly #documents: Array<Input>
  readonly #options: Options
  readonly #end: number
  #made = 0

  constructor(options: Options) {
    this.#options = options
    this.#end = performance.now() + options.seconds * 1000
    for (const target of options.targets) {
      this.#pools.set(target, [...target.documents()])
      this.#shapes.set(target, new Set())
    }
    this.#documents = options.targets.flatMap((target) =>
      [...target.documents(), ...options.fixtures].map((bytes) => ({ target, bytes }))
    )
  }

  #mutated(): Input | undefined {
    const { inputs, seed, targets } = this.#options
    const target = targets[this.#made % targets.length]
    if (target === undefined || this.#made >= inputs || performance.now() > this.#end) return undefined
    const random = Random.make(`${seed} ${target.name} ${this.#made++}`)
    return {
      target,
      bytes: mutate(random, this.#pools.get(target) ?? [], target.words.map((word) => Buffer.from(word)))
    }
  }

  /** Up to {@link batchSize}; none at the end. */
  next(): ReadonlyArray<Input> {
    const batch = this.#documents.splice(0, batchSize)
    for (let input; batch.length < batchSize && (input = this.#mutated()) !== undefined;) batch.push(input)
    return batch
  }

  /** Keeps an input that has an answer of a new kind. */
  learn({ bytes, target }: Input, outcome: Outcome): void {
    const shapes = this.#shapes.get(target)
    const shape = shapeOfOutcome(outcome)
    if (shapes === undefined || shapes.has(shape) || shapes.size >= maximumPool || bytes.length > maximumParent) return
    shapes.add(shape)
    this.#pools.get(target)?.push(bytes)
  }
}

const noAnswer = (answers: Answers): string => answers.ended ?? "ended without an answer"

/** The answer to one input, and why there is none. */
const textAt = (answers: Answers, number: number): string => answers.lines[number]?.text ?? noAnswer(answers)

const emptyTally = (target: string): Tally => ({
  target,
  inputs: 0,
  values: 0,
  known: 0,
  milliseconds: { node: 0, quickjs: 0 },
  slowest: { node: 0, quickjs: 0 }
})

/** Puts every input through both engines. */
export const compare = async (options: Options): Promise<ReadonlyArray<Tally>> => {
  const directory = mkdtempSync(join(base, "azure-init-differential-"))
  const tallies = new Map(options.targets.map(({ name }) => [name, emptyTally(name)]))
  const { answer, close } = await prepare(directory, options.evaluate)

  /**
   * Two answers that differ. What many inputs have left in one engine's memory is no difference: each has another
   * chance, alone.
   */
  const judge = async ({ bytes, target }: Input, answers: ReadonlyArray<string>, tally: Tally): Promise<void> => {
    const isExplained = ([node = "", quickjs = ""]: ReadonlyArray<string>): boolean => {
      if (node === quickjs) return true
      const known = isKnown(target.name, node, quickjs, bytes)
      if (known) tally.known++
      return known
    }
    if (isExplained(answers)) return
    const alone = await answer([{ bytes, target }])
    const [node, quickjs] = [textAt(alone.node, 0), textAt(alone.quickjs, 0)]
    if (!isExplained([node, quickjs])) options.onDifference({ target: target.name, input: bytes, node, quickjs })
  }

  /** Takes the answers to a batch; how many inputs had one, or have to do without. */
  const take = async (batch: ReadonlyArray<Input>, inputs: Inputs): Promise<number> => {
    const answers = await answer(batch)
    const both = Math.min(batch.length, answers.node.lines.length, answers.quickjs.lines.length)
    // The input that ended an engine is judged as well.
    for (const [number, input] of batch.slice(0, both + 1).entries()) {
      const tally = tallies.get(input.target.name)
      if (tally === undefined) continue
      tally.inputs++
      const text = textAt(answers.node, number)
      await judge(input, [text, textAt(answers.quickjs, number)], tally)
      if (number === both) break
      const outcome: Outcome | { readonly _tag: "Defect" } = JSON.parse(text)
      if (outcome._tag === "Value") tally.values++
      if (outcome._tag !== "Defect") inputs.learn(input, outcome)
      for (const engine of engines) {
        const { milliseconds = 0 } = answers[engine].lines[number] ?? {}
        tally.milliseconds[engine] += milliseconds
        tally.slowest[engine] = Math.max(tally.slowest[engine], milliseconds)
      }
    }
    return both + 1
  }

  try {
    const inputs = new Inputs(options)
    for (let batch = inputs.next(); batch.length > 0; batch = inputs.next()) {
      for (let done = 0; done < batch.length;) done += await take(batch.slice(done), inputs)
    }
  } finally {
    close()
    rmSync(directory, { recursive: true, force: true })
  }
  return [...tallies.values()]
}
