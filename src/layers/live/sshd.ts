import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { FileError } from "../../errors/FileError.ts"
import type { SubprocessError } from "../../errors/SubprocessError.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { saidBy, Subprocess, type SubprocessResult } from "../../services/Subprocess.ts"
import { attempt, files, randomName } from "../linux/files.ts"
import { removeTree } from "../linux/trees.ts"
import { isUnchanged, makeReader } from "./sshdFiles.ts"

/**
 * What sshd makes of its configuration: the value in force of each keyword (in lower case), all of them for one that is
 * printed more than once, that it refuses it, or that it could not be asked.
 */
export type Configuration =
  | {
    readonly _tag: "InForce"
    readonly values: ReadonlyMap<string, string>
    readonly lists: ReadonlyMap<string, ReadonlyArray<string>>
  }
  | { readonly _tag: "Refused"; readonly why: string }
  | { readonly _tag: "Unanswered"; readonly why: string }

/** Every exit status of sshd is an answer; 255 is that of its fatal errors. */
const anyStatus = [0, 1, 2, 255]

/** Parses what `sshd -G` and `sshd -T` print: keyword, space, value; all values of a keyword, in their order. */
export const parseLists = (printed: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const lists = new Map<string, Array<string>>()
  for (const line of printed.split("\n")) {
    const [, keyword = "", value = ""] = /^(\S+)[ \t]+(.*)$/.exec(line.trim()) ?? []
    if (keyword === "") continue
    const values = lists.get(keyword.toLowerCase())
    if (values === undefined) lists.set(keyword.toLowerCase(), [value])
    else values.push(value)
  }
  return lists
}

/** The first value of each keyword, which is the one that counts. */
export const parse = (printed: string): ReadonlyMap<string, string> =>
  new Map([...parseLists(printed)].map(([keyword, [value = ""]]) => [keyword, value]))

/**
 * Talking with sshd.
 *
 * `begin` starts the general question in the background; it returns at once, and later calls do nothing.
 *
 * `configuration` has sshd check its configuration and print what is in force. In general it is asked anew each time.
 * For a user the answer to the question of `begin` counts where it holds for all; otherwise sshd is asked for this
 * user, once. What changes later, whether passwords are taken, is not to be had from a user's answer. sshd is asked by
 * `sshd -G`, which needs no host keys (OpenSSH 9.3), then by `sshd -T`; that one wants a host key and its run-time
 * directory, which are not there before the first boot's end, so it is given a key for the moment and the directory.
 *
 * `known` is what the last question has found out, the user's own answer before the general one; it asks nothing.
 *
 * `placesOf` finds the lines of sshd's configuration that match, as `file:line`.
 */
const make = Effect.gen(function*() {
  const paths = yield* Paths
  const linux = yield* Linux
  const { dirname } = yield* Path.Path
  const { makeDirectories } = yield* files
  const readFiles = yield* makeReader
  const subprocess = yield* Subprocess
  const file = paths.root === "" ? [] : ["-f", paths.sshdConfig]

  const sshd = (args: ReadonlyArray<string>) =>
    subprocess.run({ command: "sshd", args, allow: anyStatus, timeout: "10 seconds" })

  /** 0755 and root's, as sshd wants it and systemd's `RuntimeDirectory=` makes it. */
  const makeRuntimeDirectory = (path: string) =>
    Effect.andThen(makeDirectories(path, 0o755), attempt("create", path, linux.chmod(path, 0o755)))

  const temporaryDirectory = Effect.acquireRelease(
    Effect.suspend(() => {
      const path = `${dirname(paths.lockFile)}/sshd-${randomName(3)}`
      return makeDirectories(dirname(path), 0o777).pipe(
        Effect.andThen(attempt("create", path, linux.mkdir(path, 0o700))),
        Effect.as(path)
      )
    }),
    (path) => Effect.ignore(removeTree(linux, path))
  )

  /** How this sshd is asked, in general and for a user, once that is known. */
  const ways = new Map<"general" | "user", ReadonlyArray<string>>()
  const scope = yield* Effect.scope

  /** `sshd -T`, once more for each of the two things that it can lack. */
  const findTestWay = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
    let how: ReadonlyArray<string> = ["-T"]
    let result = yield* sshd([...how, ...args])
    for (let again = 0; again < 2 && result.exitCode !== 0; again++) {
      const directory = /Missing privilege separation directory: (\/\S+)/.exec(saidBy(result))?.[1]
      if (directory !== undefined) yield* makeRuntimeDirectory(`${paths.root}${directory}`)
      else if (saidBy(result).includes("no hostkeys available")) {
        const key = `${yield* Scope.provide(temporaryDirectory, scope)}/key`
        yield* subprocess.run({ command: "ssh-keygen", args: ["-q", "-t", "ed25519", "-N", "", "-f", key] })
        how = ["-T", "-h", key]
      } else break
      result = yield* sshd([...how, ...args])
    }
    return { how, result }
  })

  const findWay = Effect.fnUntraced(function*(scope: "general" | "user", args: ReadonlyArray<string>) {
    const printed = yield* sshd(["-G", ...args])
    const unknown = printed.exitCode !== 0
      && /option( requires an argument)? -- '?G|unrecognized option: G/.test(saidBy(printed))
    // OpenSSH 9.3 to 10.0 know `-G`, and take `-C` only with `-T`.
    if (!unknown && !saidBy(printed).includes("without test mode")) {
      ways.set(scope, ["-G"])
      return printed
    }
    const { how, result } = yield* findTestWay(args)
    ways.set("user", how)
    if (unknown) ways.set("general", how)
    return result
  })

  const ask = (user: string | undefined): Effect.Effect<SubprocessResult, SubprocessError | FileError> =>
    Effect.suspend(() => {
      const scope = user === undefined ? "general" : "user"
      const args = [...file, ...(user === undefined ? [] : ["-C", connection(user)])]
      const way = ways.get(scope)
      return way === undefined ? findWay(scope, args) : sshd([...way, ...args])
    })

  const answers = new Map<string | undefined, Configuration>()
  const users = yield* Semaphore.make(1)

  const askAnew = (user: string | undefined): Effect.Effect<Configuration> =>
    ask(user).pipe(
      Effect.map((result): Configuration =>
        result.exitCode === 0
          ? { _tag: "InForce", values: parse(result.stdout), lists: parseLists(result.stdout) }
          : { _tag: "Refused", why: result.stderr.trim().slice(-1000) || `exit status ${result.exitCode}` }
      ),
      Effect.catch((error) => Effect.succeed<Configuration>({ _tag: "Unanswered", why: error.message })),
      Effect.tap((answer) =>
        answer._tag === "InForce"
          ? Effect.void
          : Effect.logError("sshd does not tell its configuration", { why: answer.why })
      ),
      Effect.tap((answer) => Effect.sync(() => answers.set(user, answer))),
      Effect.withSpan("provision::ssh:run_sshd_command")
    )

  /** The first general question, with the files as they were before it. */
  let begun = false
  const first = yield* Effect.cached(Effect.gen(function*() {
    begun = true
    const read = yield* readFiles
    return { read, answer: yield* askAnew(undefined) }
  }))

  /** The first general answer where it is in force, holds for every user, and is not stale. */
  const sameForAll = yield* Effect.cached(Effect.gen(function*() {
    const now = yield* readFiles
    if (!now.sameForAll) {
      // It finds out how to ask.
      if (begun) yield* first
      return undefined
    }
    const { answer, read } = yield* first
    return answer._tag === "InForce" && isUnchanged(read, now) ? answer : undefined
  }))

  const configuration = (user?: string): Effect.Effect<Configuration> => {
    // The first question has found out how to ask, and its answer must not come after a newer one.
    if (user === undefined) {
      return Effect.suspend(() => begun ? Effect.andThen(first, askAnew(undefined)) : askAnew(undefined))
    }
    return users.withPermits(1)(Effect.gen(function*() {
      return answers.get(user) ?? (yield* sameForAll) ?? (yield* askAnew(user))
    }))
  }

  const known = (user: string): Configuration | undefined =>
    [answers.get(user), answers.get(undefined)].find((answer) => answer?._tag === "InForce")

  const placesOf = (setting: RegExp): Effect.Effect<ReadonlyArray<string>> =>
    Effect.map(
      readFiles,
      ({ files: found }) =>
        found.flatMap(({ path, text }) =>
          text.split("\n").flatMap((line, index) => setting.test(line) ? [`${path}:${index + 1}`] : [])
        )
    )

  const begin: Effect.Effect<void> = Effect.suspend(() => {
    // Before the fiber runs, so that a question that comes at once waits for it.
    begun = true
    return Effect.asVoid(Effect.forkIn(first, scope))
  })

  return { begin, configuration, known, placesOf }
})

/** See {@link make}. One for all layers that use it, since they share what sshd has answered. */
export class Sshd extends Context.Service<Sshd, Effect.Success<typeof make>>()("azure-init/layers/live/sshd") {
  static readonly layer: Layer.Layer<Sshd, never, Linux | Path.Path | Subprocess> = Layer.effect(Sshd, make)
}

/**
 * A connection from outside for `-C`: sshd fails when a `Match` block asks for what is not given. The addresses are
 * those set aside for documentation (RFC 5737), which no `Match Address` means.
 */
const connection = (user: string): string => `user=${user},host=192.0.2.1,addr=192.0.2.1,laddr=192.0.2.2,lport=22`
