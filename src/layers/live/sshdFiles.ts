import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import { matches } from "../../domain/LoginAccess.ts"
import type { LinuxError } from "../../errors/LinuxError.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { files as hostFiles } from "../linux/files.ts"

/** The files of sshd's configuration, as far as they are found. */
export interface SshdFiles {
  /** The drop-ins of the usual directory, `sshd_config`, then what these include. */
  readonly files: ReadonlyArray<{ readonly path: string; readonly text: string }>
  /**
   * Whether sshd reads no other file, and no line of these is a `Match`: its general answer is then that for every
   * user. `false` in doubt.
   */
  readonly sameForAll: boolean
}

/**
 * sshd takes a keyword that is quoted in part, and blanks and a `=` in front of it (`strdelim` of OpenSSH's `misc.c`).
 */
const keyword = /^[\s=]*(?:(match)|include)/i

/** An `Include` with patterns of plain characters, which every version of sshd splits in the same way. */
const plainInclude = /^[ \t]*include(?:[ \t]*=[ \t]*|[ \t]+)((?:(?:[\w./*?+@:-]+|"[\w./*?+@:-]+")(?:[ \t]+|$))+)$/i

/** What a text includes, and whether it is known to have neither a `Match` nor an `Include` that is not understood. */
const scan = (text: string) => {
  const includes: Array<string> = []
  // To sshd a line ends at a NUL, its line break with it.
  let plain = !text.includes("\0")
  for (const line of text.split("\n")) {
    const [found, match] = keyword.exec(line.replaceAll("\"", "")) ?? []
    if (found === undefined) continue
    const [, list = ""] = match === undefined ? plainInclude.exec(line.trimEnd()) ?? [] : []
    if (list === "") plain = false
    else includes.push(...list.trim().replaceAll("\"", "").split(/[ \t]+/))
  }
  return { includes, plain }
}

/**
 * Reads the files of sshd's configuration by the rules of `sshd_config(5)`; nothing fails.
 *
 * In doubt are an `Include` that cannot be followed with certainty, a file that cannot be read, and a configuration
 * that lies elsewhere: openSUSE's in `/usr/etc`, that of an sshd in `/usr/local`.
 */
export const makeReader = Effect.gen(function*() {
  const paths = yield* Paths
  const linux = yield* Linux
  const { basename, dirname } = yield* Path.Path
  const { exists, readTextIfPresent } = yield* hostFiles
  const usual = `${paths.sshdDropInDirectory}/*.conf`

  /** The files that a pattern means, absolute and below the root; `undefined` when that is not known. */
  const filesOf = (pattern: string): Effect.Effect<ReadonlyArray<string> | undefined> => {
    const directory = dirname(pattern)
    if (!/[*?]/.test(pattern)) return Effect.succeed([pattern])
    if (/[*?]/.test(directory)) return Effect.succeed(undefined)
    const last = basename(pattern)
    // glob(7), without the brackets that a plain `Include` has not. A name's first dot has to be in the pattern.
    const isMeant = (name: string) => name.startsWith(".") === last.startsWith(".") && matches(name, last)
    return linux.list(directory).pipe(
      Effect.map((entries) => entries.map(({ name }) => name).filter(isMeant).sort()),
      Effect.map((names) => names.map((name) => `${directory}/${name}`)),
      Effect.catch(({ code }: LinuxError) => Effect.succeed(code === "ENOENT" ? [] : undefined))
    )
  }

  const absolute = (pattern: string) =>
    pattern.startsWith("/") ? `${paths.root}${pattern}` : `${dirname(paths.sshdConfig)}/${pattern}`

  return Effect.gen(function*() {
    const texts = new Map<string, string>()
    const elsewhere = (yield* exists(`${paths.root}/usr/local/sbin/sshd`))
      || (yield* exists(`${paths.root}/usr/local/bin/sshd`))
    let plain = true
    const patterns = [usual, paths.sshdConfig]
    // The patterns that are found meanwhile come to the end.
    for (const pattern of patterns) {
      const found = yield* filesOf(pattern)
      plain &&= found !== undefined
      for (const path of found ?? []) {
        if (texts.has(path)) continue
        const text = yield* Effect.orElseSucceed(readTextIfPresent(path), () => null)
        plain &&= text !== null
        if (typeof text !== "string") continue
        texts.set(path, text)
        const scanned = scan(text)
        plain &&= scanned.plain
        patterns.push(...scanned.includes.map(absolute))
      }
    }
    const files = Array.from(texts, ([path, text]) => ({ path, text }))
    const found: SshdFiles = { files, sameForAll: plain && !elsewhere && texts.has(paths.sshdConfig) }
    return found
  })
})

/**
 * Whether two readings found the same, but for lines that only say whether passwords are taken, which the agent writes
 * meanwhile.
 */
export const isUnchanged = (before: SshdFiles, now: SshdFiles): boolean => stampOf(before) === stampOf(now)

const stampOf = ({ files }: SshdFiles): string =>
  files.map(({ path, text }) => ({ path, text: text.replaceAll(/^PasswordAuthentication (?:yes|no)\n/gm, "") }))
    .filter(({ text }) => text !== "").map(({ path, text }) => `${path}\n${text}`).join("\0")
