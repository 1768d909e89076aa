import * as IpNetwork from "./IpNetwork.ts"

/**
 * Where the options at the start of a line of `authorized_keys` end: at the first blank or tab outside of quotes, as
 * OpenSSH's `sshkey_advance_past_options` finds it. `undefined` when a quote is not closed.
 */
export const endOf = (line: string): number | undefined => {
  let quoted = false
  let at = 0
  for (; at < line.length; at++) {
    const char = line[at]
    if (char === "\\" && line[at + 1] === "\"") at++
    else if (char === "\"") quoted = !quoted
    else if (!quoted && (char === " " || char === "\t")) break
  }
  return quoted ? undefined : at
}

/** What has been read of a line's options. */
interface Options {
  readonly given: Set<string>
  readonly environment: Set<string>
  readonly counts: Map<string, number>
}

/** Checks an option's unquoted value; says what is wrong with it. */
type Check = (value: string, options: Options, now: number) => string | undefined

/**
 * Options without a value, `true` for those that `no-` may precede: `sshauthopt_parse` of OpenSSH's `auth-options.c`,
 * as of version 10.
 */
const flags: ReadonlyMap<string, boolean> = new Map([
  ["restrict", false],
  ["cert-authority", false],
  ["port-forwarding", true],
  ["agent-forwarding", true],
  ["x11-forwarding", true],
  ["touch-required", true],
  ["verify-required", true],
  ["pty", true],
  ["user-rc", true]
])

/** OpenSSH's SSH_AUTHOPT_ENV_MAX and SSH_AUTHOPT_PERMIT_MAX: how many there may be before one more is read. */
const maximumEnvironment = 1024
const maximumPermits = 4096

const once = (name: string, check: (value: string) => string | undefined): Check => (value, { given }) =>
  given.has(name) ? `its option ${name} is given twice` : check(value)

const permit = (name: string, bare: boolean): Check => (value, { counts }) => {
  const count = counts.get(name) ?? 0
  if (count > maximumPermits) return `it has more than ${maximumPermits} of the option ${name}`
  counts.set(name, count + 1)
  const [, host = "", port = ""] = /^(\[[^\]]*\]|[^[:/][^:/]*|)[:/](.*)/s.exec(
    bare && !value.includes(":") ? `*:${value}` : value
  ) ?? []
  return host.length < maximumHost && isPort(port) ? undefined : `the value of its option ${name} is no host and port`
}

/** glibc's NI_MAXHOST, with the final NUL. */
const maximumHost = 1025

/** `*`, a number from 1 to 65535, or the name of a service, which only the machine's `/etc/services` knows. */
const isPort = (text: string): boolean =>
  text === "*" ||
  (/^[ \t]*[+-]?[0-9]+$/.test(text) ? Number(text) > 0 && Number(text) < 65536 : /^[a-z0-9][\w.+-]*$/i.test(text))

/** OpenSSH's `match_pattern_list` gives up at a longer one. */
const longestPattern = 1022

const from = (value: string): string | undefined => {
  let positive = false
  for (const entry of value.split(",")) {
    const negated = entry.startsWith("!")
    const pattern = negated ? entry.slice(1) : entry
    if (pattern === "") return "its option from has an empty entry, at which sshd refuses everybody"
    if (IpNetwork.read(pattern) === "inconsistent") {
      return `its option from has ${
        shown(pattern)
      }, whose mask does not fit the address, at which sshd refuses everybody`
    }
    positive ||= !negated && pattern.length <= longestPattern
  }
  return positive ? undefined : "its option from names only who may not log in"
}

/**
 * A time of day of no zone is the machine's, which is not known here: it has passed everywhere once it has passed 12
 * hours west of Greenwich. Days that a month does not have run over into the next one, as `mktime(3)` has it. OpenSSH
 * before 10.4 refuses times before 1970.
 */
const expiry = (value: string, _: Options, now: number): string | undefined => {
  const digits = value.replace(/(Z|UTC)$/i, "")
  const fields = /^(.{4})(.{2})(.{2})(?:(.{2})(.{2})(.{2})?)?$/s.exec(digits) ?? []
  const [year = NaN, month = NaN, day = NaN, hour = 0, minute = 0, second = 0] = fields.slice(1)
    .filter((field) => field !== undefined).map((field) => /^[ \t]*[0-9]+$/.test(field) ? Number(field) : NaN)
  const valid = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31
    && hour < 24 && minute < 60 && second <= 61
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  if (!valid || time === 0) return "the value of its option expiry-time is no time"
  const deadline = digits === value ? time + 12 * 60 * 60 * 1000 : time
  return deadline < now ? `its expiry-time ${value} has passed` : undefined
}

/** Options with a value in quotes, `options` as above. */
const values: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["command", once("command", () => undefined)],
  [
    "principals",
    once(
      "principals",
      (value) => value.startsWith(",") || value === "" ? "its option principals names nobody" : undefined
    )
  ],
  ["from", once("from", from)],
  ["expiry-time", expiry],
  ["environment", (value, { environment }) => {
    const name = value.replace(/=.*/s, "")
    if (environment.size > maximumEnvironment) return `its options set more than ${maximumEnvironment} variables`
    environment.add(name)
    return value.includes("=") && /^[a-z0-9_]+$/i.test(name)
      ? undefined
      : "the value of its option environment is no NAME=VALUE"
  }],
  ["permitopen", permit("permitopen", false)],
  ["permitlisten", permit("permitlisten", true)],
  [
    "tunnel",
    (value) =>
      value.toLowerCase() === "any" ||
        (/^[ \t]*[+-]?[0-9]+$/.test(value) && Number(value) >= 0 && Number(value) < 0x7ffffffe)
        ? undefined
        : "the value of its option tunnel is no device"
  ]
])

/** Options that sshd would not take, or with which it would let nobody in. */
export interface BadOptions {
  readonly why: string
}

/** Options that sshd takes. */
export interface GoodOptions {
  /** Whether the key signs certificates and is none to log in with. */
  readonly certificateAuthority: boolean
}

/**
 * Checks options as sshd does when a key is used: `sshauthopt_parse` of OpenSSH's `auth-options.c`, and of
 * `auth_authorise_keyopts` what depends on nothing but the options and the time (`now`, milliseconds since 1970).
 * Unlike sshd it refuses control characters, a tab aside.
 */
export const check = (text: string, now: number): GoodOptions | BadOptions => {
  if (unprintable.test(text)) return { why: "its options hold a control character" }
  const options: Options = { given: new Set(), environment: new Set(), counts: new Map() }
  let at = 0
  while (at < text.length) {
    syntax.lastIndex = at
    const [whole = "", written = "", quoted] = syntax.exec(text) ?? []
    const why = option(written.toLowerCase(), quoted, options, now)
    if (why !== undefined) return { why }
    const end = at + whole.length
    if (end < text.length && text[end] !== ",") return { why: unknown(text.slice(at).split(/[,=]/, 1)[0] ?? "") }
    at = end + 1
  }
  if (options.given.has("principals") && !options.given.has("cert-authority")) {
    return { why: "its option principals is for certificate authorities only" }
  }
  return { certificateAuthority: options.given.has("cert-authority") }
}

/** A name and, if there is one, a value in quotes, in which `\\"` is a quote and every other backslash is itself. */
const syntax = /([a-z0-9-]*)(?:="([^"\\]*(?:\\(?:"|(?!"))[^"\\]*)*)")?/iy

/** Takes one option; says what is wrong with it. An empty one is skipped, as sshd does. */
const option = (name: string, quoted: string | undefined, options: Options, now: number): string | undefined => {
  if (name === "" && quoted === undefined) return undefined
  const flag = flags.get(name) !== undefined || flags.get(name.replace(/^no-/, "")) === true
  if (flag && quoted === undefined) {
    options.given.add(name)
    return undefined
  }
  const check = values.get(name)
  if (check === undefined || flag) return unknown(name)
  if (quoted === undefined) return `its option ${name} has no value in quotes`
  const why = check(quoted.replaceAll("\\\"", "\""), options, now)
  options.given.add(name)
  return why
}

const unknown = (name: string): string => `its option ${shown(name)} is not one that sshd knows`

/** Enough to find it by. */
const shown = (text: string): string => text.length > 40 ? `"${text.slice(0, 40)}…"` : `"${text}"`

/**
 * Control characters but the tab, C1, Unicode's line and paragraph separators and directional overrides, and what UTF-8
 * cannot write.
 */
const unprintable = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|[^\P{Cc}\t]/u
