import * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { GroupName } from "./Username.ts"

/** The settings in force. Sections and keys bear their TOML names; durations are seconds in the files. */
export interface Settings {
  readonly ssh: {
    readonly authorized_keys_path: string
    readonly query_sshd_config: boolean
    readonly configure_sshd_password_authentication: boolean
  }
  readonly hostname_provisioners: { readonly backends: ReadonlyArray<"hostnamectl" | "file"> }
  readonly user_provisioners: {
    readonly backends: ReadonlyArray<"useradd" | "adduser">
    readonly groups: ReadonlyArray<GroupName>
    readonly create_missing_groups: boolean
  }
  readonly password_provisioners: { readonly backends: ReadonlyArray<"passwd">; readonly allow: boolean }
  readonly imds: {
    /** Scheme, host and port, without a path. */
    readonly endpoint: string
    readonly connection_timeout_secs: Duration.Duration
    readonly request_timeout_secs: Duration.Duration
    readonly retry_interval_secs: Duration.Duration
    readonly total_retry_timeout_secs: Duration.Duration
    /** How long IMDS may take after a complete disc has been read; zero for as long as without one. */
    readonly grace_with_media_secs: Duration.Duration
  }
  readonly provisioning_media: { readonly enable: boolean }
  readonly azure_proxy_agent: { readonly enable: boolean }
  readonly wireserver: {
    readonly connection_timeout_secs: Duration.Duration
    readonly read_timeout_secs: Duration.Duration
    readonly retry_interval_secs: Duration.Duration
    readonly total_retry_timeout_secs: Duration.Duration
    readonly health_endpoint: string
    readonly report_in_progress: boolean
  }
  readonly telemetry: { readonly kvp_diagnostics: boolean; readonly kvp_filter: Option.Option<string> }
  readonly azure_init_data_dir: { readonly path: string }
  readonly azure_init_log_path: { readonly path: string }
  /** Which layers of `layers/distros/` to use; read from `/etc/os-release` when absent. */
  readonly distribution: Option.Option<"base" | "flatcar">
}

/** One wrong or unknown key of a settings table. */
export interface KeyProblem {
  /** `imds.retry_interval_secs`. */
  readonly key: string
  readonly found: string
  readonly expected: string
}

/** What a settings table says: every right value, the default in place of every wrong or missing one. */
export interface DecodedSettings {
  readonly settings: Settings
  readonly wrong: ReadonlyArray<KeyProblem>
  readonly unknown: ReadonlyArray<KeyProblem>
}

/** A table as a TOML document gives it. */
export type Table = Readonly<Record<string, unknown>>

/** A TOML parser may give its tables no prototype; dates are objects too. */
const isTable = (value: unknown): value is Table =>
  Predicate.isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** What a key takes: how its value is decoded, and the words for what is expected. */
interface Kind<A> {
  readonly decode: (value: unknown) => Option.Option<A>
  readonly expected: string
}

const kind = <A, I>(schema: Schema.Codec<A, I>, expected: string): Kind<A> => ({
  decode: Schema.decodeUnknownOption(schema),
  expected
})

/** No VM is provisioned for longer than a day; Azure gives up after less than an hour. */
const longest = 86_400

/** An interval of 0 would ask without pause. */
const shortest = 0.01

const secondsFrom = (minimum: number): Kind<Duration.Duration> => ({
  decode: (value) =>
    Option.map(
      Schema.decodeUnknownOption(Schema.Finite.check(Schema.isBetween({ minimum, maximum: longest })))(value),
      Duration.seconds
    ),
  expected: `a number of seconds from ${minimum} to ${longest}`
})

const seconds = secondsFrom(shortest)

const bool = kind(Schema.Boolean, "true or false")

const names = <const A extends string>(...all: ReadonlyArray<A>): Kind<ReadonlyArray<A>> =>
  kind(
    Schema.NonEmptyArray(Schema.Literals(all)),
    `a list of at least one of ${all.map((name) => JSON.stringify(name)).join(", ")}`
  )

const absolutePath = kind(
  Schema.String.check(Schema.isPattern(/^\/(?!\/)[^\0\n]*$/), Schema.isPattern(/^(?!.*\/\.\.(\/|$))/s)),
  "an absolute path without '..'"
)

const keysPath = kind(
  Schema.String.check(Schema.isPattern(/^[^\0\n]+$/), Schema.isPattern(/^(?!(.*\/)?\.\.(\/|$))/s)),
  "a path, absolute or below the home directory, without '..'"
)

/** Plain HTTP: the platform's addresses speak nothing else. */
const httpUrl = kind(
  Schema.String.check(
    Schema.isPattern(/^http:\/\/[^\s/?#@]+(\/[^\s#]*)?$/),
    Schema.makeFilter((text) => URL.canParse(text))
  ),
  "an http:// URL"
)

const httpOrigin = kind(
  Schema.String.check(Schema.isPattern(/^http:\/\/[^\s/?#@]+$/), Schema.makeFilter((text) => URL.canParse(text))),
  "an http:// URL without a path"
)

/** Cuts what a file says to a length that a report has room for. */
export const shorten = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest)}…` : text

const show = (value: unknown): string => isTable(value) ? "a table" : shorten(Formatter.format(value), 60)

/**
 * Decodes one table, a settings file's or several merged.
 *
 * Numbers are checked for range and never taken from strings; sections that are not tables are wrong. Keys that are not known
 * are `unknown`, with the known key that looks most like them.
 */
export const decodeSettings = (table: Table): DecodedSettings => {
  const wrong: Array<KeyProblem> = []
  const unknown: Array<KeyProblem> = []
  const sections = new Set<string>()

  const section = (name: string) => {
    sections.add(name)
    const value = table[name]
    const known: Array<string> = []
    if (value !== undefined && !isTable(value)) {
      wrong.push({ key: name, found: show(value), expected: `a table [${name}]` })
    }
    const entries: Table = isTable(value) ? value : {}
    return {
      get: <A>(key: string, of: Kind<A>, fallback: A): A => {
        known.push(key)
        const found = entries[key]
        if (found === undefined) return fallback
        const decoded = of.decode(found)
        if (Option.isSome(decoded)) return decoded.value
        wrong.push({ key: `${name}.${key}`, found: show(found), expected: of.expected })
        return fallback
      },
      end: () => {
        for (const key of Object.keys(entries)) {
          if (!known.includes(key)) {
            unknown.push({ key: `${name}.${key}`, found: "an unknown key", expected: suggestion(key, known) })
          }
        }
      }
    }
  }

  const ssh = section("ssh")
  const hostname = section("hostname_provisioners")
  const user = section("user_provisioners")
  const password = section("password_provisioners")
  const imds = section("imds")
  const media = section("provisioning_media")
  const proxy = section("azure_proxy_agent")
  const wireserver = section("wireserver")
  const telemetry = section("telemetry")
  const data = section("azure_init_data_dir")
  const log = section("azure_init_log_path")

  const distributionKind = kind(Schema.Literals(["base", "flatcar"]), "\"base\" or \"flatcar\"")
  const distribution = Option.flatMap(Option.fromUndefinedOr(table["distribution"]), (found) => {
    const decoded = distributionKind.decode(found)
    if (Option.isNone(decoded)) {
      wrong.push({ key: "distribution", found: show(found), expected: distributionKind.expected })
    }
    return decoded
  })

  // The defaults are azure-init's (`config.rs`) for its keys; ours are `imds.endpoint` and `grace_with_media_secs`, `user_provisioners.groups` and `create_missing_groups`,
  // `password_provisioners.allow`, `wireserver.retry_interval_secs` and `report_in_progress`, and the hostname backend `file`.
  const settings: Settings = {
    ssh: {
      authorized_keys_path: ssh.get("authorized_keys_path", keysPath, ".ssh/authorized_keys"),
      query_sshd_config: ssh.get("query_sshd_config", bool, true),
      configure_sshd_password_authentication: ssh.get("configure_sshd_password_authentication", bool, true)
    },
    hostname_provisioners: {
      backends: hostname.get("backends", names("hostnamectl", "file"), ["file", "hostnamectl"])
    },
    user_provisioners: {
      backends: user.get("backends", names("useradd", "adduser"), ["useradd"]),
      groups: user.get("groups", kind(Schema.Array(GroupName), "a list of group names"), []),
      create_missing_groups: user.get("create_missing_groups", bool, false)
    },
    password_provisioners: {
      backends: password.get("backends", names("passwd"), ["passwd"]),
      allow: password.get("allow", bool, false)
    },
    imds: {
      endpoint: imds.get("endpoint", httpOrigin, "http://169.254.169.254"),
      connection_timeout_secs: imds.get("connection_timeout_secs", seconds, Duration.seconds(30)),
      request_timeout_secs: imds.get("request_timeout_secs", seconds, Duration.seconds(60)),
      retry_interval_secs: imds.get("retry_interval_secs", seconds, Duration.seconds(2)),
      total_retry_timeout_secs: imds.get("total_retry_timeout_secs", seconds, Duration.seconds(300)),
      grace_with_media_secs: imds.get("grace_with_media_secs", secondsFrom(0), Duration.seconds(10))
    },
    provisioning_media: { enable: media.get("enable", bool, true) },
    azure_proxy_agent: { enable: proxy.get("enable", bool, true) },
    wireserver: {
      connection_timeout_secs: wireserver.get("connection_timeout_secs", seconds, Duration.seconds(60)),
      read_timeout_secs: wireserver.get("read_timeout_secs", seconds, Duration.seconds(60)),
      retry_interval_secs: wireserver.get("retry_interval_secs", seconds, Duration.seconds(2)),
      total_retry_timeout_secs: wireserver.get("total_retry_timeout_secs", seconds, Duration.seconds(1200)),
      health_endpoint: wireserver.get("health_endpoint", httpUrl, "http://168.63.129.16/provisioning/health"),
      report_in_progress: wireserver.get("report_in_progress", bool, false)
    },
    telemetry: {
      kvp_diagnostics: telemetry.get("kvp_diagnostics", bool, true),
      kvp_filter: telemetry.get(
        "kvp_filter",
        {
          decode: (value) =>
            Predicate.isString(value)
              ? Option.some(value.trim() === "" ? Option.none<string>() : Option.some(value.trim()))
              : Option.none(),
          expected: "filter directives such as \"info\" or \"warn,libazureinit=info\""
        },
        Option.none<string>()
      )
    },
    azure_init_data_dir: { path: data.get("path", absolutePath, "/var/lib/azure-init/") },
    azure_init_log_path: { path: log.get("path", absolutePath, "/var/log/azure-init.log") },
    distribution
  }

  for (const each of [ssh, hostname, user, password, imds, media, proxy, wireserver, telemetry, data, log]) each.end()
  for (const key of Object.keys(table)) {
    if (!sections.has(key) && key !== "distribution") {
      unknown.push({ key, found: "an unknown section", expected: suggestion(key, [...sections]) })
    }
  }
  return { settings, wrong, unknown }
}

/**
 * The known name that the given one was most likely meant to be: most words in common, then fewest edits; all known names when there is
 * neither a common word nor a spelling within two edits.
 */
const suggestion = (name: string, known: ReadonlyArray<string>): string => {
  const given = shorten(name.toLowerCase(), 60)
  const words = new Set(given.split(/[_-]/))
  const [best] = known
    .map((candidate) => ({
      candidate,
      shared: candidate.split("_").filter((word) => words.has(word)).length,
      edits: editsBetween(given, candidate)
    }))
    .sort((left, right) => right.shared - left.shared || left.edits - right.edits)
  return best !== undefined && (best.shared > 0 || best.edits <= 2)
    ? `${best.candidate}, perhaps`
    : `one of ${known.join(", ")}`
}

/** How many letters must be added, dropped or replaced to make one name of the other (Levenshtein's distance). */
const editsBetween = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const letter of left) {
    const next = [(row[0] ?? 0) + 1]
    row.slice(1).forEach((above, index) => {
      const diagonal = (row[index] ?? 0) + (letter === right[index] ? 0 : 1)
      next.push(Math.min(above + 1, (next[index] ?? 0) + 1, diagonal))
    })
    row = next
  }
  return row[right.length] ?? 0
}

/** The settings of a host without settings files. */
export const defaults: Settings = decodeSettings({}).settings

/** Merges a later table over an earlier one: tables key by key, everything else replaced. */
export const mergeTables = (earlier: Table, later: Table): Table =>
  // From entries, since assigning a key `__proto__` would make its keys look like settings.
  Object.fromEntries([
    ...Object.entries(earlier),
    ...Object.entries(later).map(([key, value]): [string, unknown] => {
      const before = Object.hasOwn(earlier, key) ? earlier[key] : undefined
      return [key, isTable(before) && isTable(value) ? mergeTables(before, value) : value]
    })
  ])

const toToml = (value: unknown): string =>
  Duration.isDuration(value)
    ? Duration.toSeconds(value).toFixed(Number.isInteger(Duration.toSeconds(value)) ? 1 : 3)
    : JSON.stringify(value)

/** The settings as a TOML document: for the log, and to show what a file may say. */
export const renderSettings = (settings: Settings): string => {
  const { distribution, ...sections } = settings
  const lines: Array<string> = Option.match(distribution, {
    onNone: () => [],
    onSome: (name) => [`distribution = ${toToml(name)}`, ""]
  })
  for (const [name, values] of Object.entries(sections)) {
    lines.push(`[${name}]`)
    for (const [key, value] of Object.entries(values)) {
      const shown: unknown = Option.isOption(value) ? Option.getOrUndefined(value) : value
      if (shown !== undefined) lines.push(`${key} = ${toToml(shown)}`)
    }
    lines.push("")
  }
  return lines.join("\n")
}
