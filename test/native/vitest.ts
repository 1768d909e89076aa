// @effect-diagnostics globalTimers:off globalConsole:off
/**
 * The part of vitest's API that the unit tests and `@effect/vitest` use, for the boot runtime: tests of a file run one
 * after the other, and each prints a line of TAP. What is not here is missing on purpose, so that a test that uses it
 * does not build.
 */
export { assert } from "chai"

/** What a test function gets. */
export interface TestContext {
  readonly signal: AbortSignal
  readonly task: Task
  readonly onTestFinished: (work: () => unknown) => void
}

type TestFunction = (context: TestContext) => unknown
type Options = number | { readonly timeout?: number | undefined }

interface Task {
  readonly type: "test" | "suite"
  readonly name: string
  readonly mode: "run" | "skip"
}

interface Test extends Task {
  readonly type: "test"
  readonly run: TestFunction
  readonly timeout: number
}

interface Suite extends Task {
  readonly type: "suite"
  readonly parent: Suite | undefined
  readonly tasks: Array<Test | Suite>
  readonly hooks: Record<"beforeAll" | "afterAll" | "beforeEach" | "afterEach", Array<TestFunction>>
}

/** How much longer a test may take than on Node: the engine interprets. */
const patience = 10

/** As of vitest, in milliseconds. */
const defaultTimeout = 5000

const makeSuite = (name: string, parent: Suite | undefined, mode: Task["mode"]): Suite => ({
  type: "suite",
  name,
  mode,
  parent,
  tasks: [],
  hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] }
})

const top = makeSuite("", undefined, "run")
let current = top

export const TestRunner = { getCurrentSuite: (): Suite => current }

/** `%s`, `%i` and `$key` of the names of parametrized tests. */
const nameOf = (name: string, value: unknown): string => {
  const values = Array.isArray(value) ? value : [value]
  let next = 0
  return name
    .replace(/%[sdij]/g, () => String(values[next++]))
    .replace(
      /\$(\w+)/g,
      (all, key: string) =>
        typeof value === "object" && value !== null && key in value ? String(Reflect.get(value, key)) : all
    )
}

const parts = (first: Options | TestFunction | undefined, second: TestFunction | Options | undefined) => {
  const run = typeof first === "function" ? first : typeof second === "function" ? second : () => {}
  const options = typeof first === "function" ? second : first
  const timeout = typeof options === "number" ? options : typeof options === "object" ? options.timeout : undefined
  return { run, timeout: (timeout ?? defaultTimeout) * patience }
}

type Register = (name: string, first?: Options | TestFunction, second?: TestFunction | Options) => void

const register =
  (mode: Task["mode"], wrap: (run: TestFunction) => TestFunction = (run) => run): Register => (name, first, second) => {
    const { run, timeout } = parts(first, second)
    current.tasks.push({ type: "test", name, mode, run: wrap(run), timeout })
  }

const fails = (run: TestFunction): TestFunction => async (context) => {
  try {
    await run(context)
  } catch {
    return
  }
  throw new Error("was expected to fail")
}

const forEachCase = <A>(cases: ReadonlyArray<A>) =>
(
  name: string,
  first?: Options | ((value: A, context: TestContext) => unknown),
  second?: Options | ((value: A, context: TestContext) => unknown)
) => {
  const run = typeof first === "function" ? first : typeof second === "function" ? second : () => {}
  const options = typeof first === "function" ? second : first
  for (const value of cases) {
    register("run")(
      nameOf(name, value),
      typeof options === "function" ? undefined : options,
      (context: TestContext) => run(value, context)
    )
  }
}

/** As `for`, with the elements of a case as arguments. */
const each = <A>(cases: ReadonlyArray<A>) => (name: string, run: (...values: ReadonlyArray<unknown>) => unknown) =>
  forEachCase(cases)(name, (value) => Array.isArray(value) ? run(...value) : run(value))

export const it = Object.assign(register("run"), {
  skip: register("skip"),
  only: register("run"),
  fails: register("run", fails),
  skipIf: (condition: unknown) => register(condition ? "skip" : "run"),
  runIf: (condition: unknown) => register(condition ? "run" : "skip"),
  for: forEachCase,
  each
})
export const test = it

const describeAs = (mode: Task["mode"]) => (name: string, body: () => void): void => {
  const suite = makeSuite(name, current, mode)
  current.tasks.push(suite)
  current = suite
  body()
  current = suite.parent ?? top
}

export const describe = Object.assign(describeAs("run"), {
  skip: describeAs("skip"),
  skipIf: (condition: unknown) => describeAs(condition ? "skip" : "run"),
  runIf: (condition: unknown) => describeAs(condition ? "run" : "skip"),
  each: <A>(cases: ReadonlyArray<A>) => (name: string, body: (...values: ReadonlyArray<unknown>) => void) => {
    for (const value of cases) {
      describeAs("run")(nameOf(name, value), () => Array.isArray(value) ? body(...value) : body(value))
    }
  }
})

const hook = (kind: keyof Suite["hooks"]) => (work: TestFunction): void => {
  current.hooks[kind].push(work)
}
export const beforeAll = hook("beforeAll")
export const afterAll = hook("afterAll")
export const beforeEach = hook("beforeEach")
export const afterEach = hook("afterEach")

export const expect = { addEqualityTesters: () => {} }

const chainOf = (suite: Suite | undefined): ReadonlyArray<Suite> =>
  suite === undefined ? [] : [...chainOf(suite.parent), suite]

const withTimeout = async (work: Promise<unknown>, timeout: number, abort: AbortController): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort()
      reject(new Error(`timed out after ${timeout} ms`))
    }, timeout)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const runTest = async (suite: Suite, task: Test): Promise<unknown> => {
  const finished: Array<() => unknown> = []
  const abort = new AbortController()
  const context: TestContext = { signal: abort.signal, task, onTestFinished: (work) => void finished.push(work) }
  const chain = chainOf(suite)
  let failure: unknown
  try {
    for (const { hooks } of chain) for (const work of hooks.beforeEach) await work(context)
    await withTimeout(Promise.resolve(task.run(context)), task.timeout, abort)
  } catch (error) {
    failure = error ?? new Error("failed with nothing")
  }
  for (const { hooks } of chain.toReversed()) for (const work of hooks.afterEach) await work(context)
  for (const work of finished) await work()
  return failure
}

/** How the tests of this file have ended. */
export interface Outcome {
  passed: number
  failed: number
  skipped: number
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error)

const runSuite = async (
  suite: Suite,
  names: ReadonlyArray<string>,
  wanted: RegExp,
  outcome: Outcome
): Promise<void> => {
  const context: TestContext = { signal: new AbortController().signal, task: suite, onTestFinished: () => {} }
  for (const work of suite.hooks.beforeAll) await work(context)
  for (const task of suite.tasks) {
    const path = [...names, task.name]
    if (task.type === "suite") {
      if (task.mode === "run") await runSuite(task, path, wanted, outcome)
      continue
    }
    const title = path.filter((name) => name !== "").join(" > ")
    if (!wanted.test(title)) continue
    if (task.mode === "skip") {
      outcome.skipped++
      console.log(`ok - ${title} # SKIP`)
      continue
    }
    const failure = await runTest(suite, task)
    if (failure === undefined) outcome.passed++
    else outcome.failed++
    console.log(`${failure === undefined ? "ok" : "not ok"} - ${title}`)
    if (failure !== undefined) console.log(messageOf(failure).replace(/^/gm, "# "))
  }
  for (const work of suite.hooks.afterAll) await work(context)
}

/** Runs what was registered, of the tests whose titles match. */
export const run = async (wanted: RegExp): Promise<Outcome> => {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 }
  await runSuite(top, [], wanted, outcome)
  return outcome
}
