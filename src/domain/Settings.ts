import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import {
  absolutePath,
  bool,
  filter,
  groupNames,
  homePath,
  httpOrigin,
  httpUrl,
  lazily,
  listOf,
  optionalName,
  seconds,
  secondsFrom,
  type ValueType
} from "./SettingsValue.ts"

/** One key of the settings. */
export interface Key<A> {
  readonly _tag: "Key"
  /** The name in the files: `retry_interval_secs`. */
  readonly name: string
  readonly type: ValueType<A>
  readonly default: A
}

/** A TOML table of keys, each under its name in code. */
export interface Section<Keys> {
  readonly _tag: "Section"
  /** The name in the files: `provisioning_media`. */
  readonly name: string
  readonly keys: Keys
}

/** What stands in the table of settings. */
export type Entry = Key<unknown> | Section<Readonly<Record<string, Key<unknown>>>>

const key = <A>(name: string, type: ValueType<A>, byDefault: NoInfer<A>): Key<A> => ({
  _tag: "Key",
  name,
  type,
  default: byDefault
})

const section = <Keys>(name: string, keys: Keys): Section<Keys> => ({ _tag: "Section", name, keys })

/**
 * Every setting: its name in code, its name in the files, its type with unit and bounds, and its default.
 * `SettingsHelp.ts` says what each does, and `npm run generate` writes the documents of both.
 *
 * The defaults are azure-init's (`config.rs`) for its keys. Made when it is first asked for: evaluating this module
 * costs a boot nothing.
 */
export const table = lazily(() => ({
  distribution: key("distribution", optionalName("base", "flatcar"), Option.none()),
  ssh: section("ssh", {
    authorizedKeysPath: key("authorized_keys_path", homePath, ".ssh/authorized_keys"),
    querySshdConfig: key("query_sshd_config", bool, true),
    configureSshdPasswordAuthentication: key("configure_sshd_password_authentication", bool, true)
  }),
  hostnameProvisioners: section("hostname_provisioners", {
    backends: key("backends", listOf("hostnamectl", "file"), ["file", "hostnamectl"])
  }),
  userProvisioners: section("user_provisioners", {
    backends: key("backends", listOf("useradd", "adduser"), ["useradd"]),
    groups: key("groups", groupNames, []),
    createMissingGroups: key("create_missing_groups", bool, false)
  }),
  passwordProvisioners: section("password_provisioners", {
    backends: key("backends", listOf("passwd"), ["passwd"]),
    allow: key("allow", bool, false)
  }),
  imds: section("imds", {
    endpoint: key("endpoint", httpOrigin, "http://169.254.169.254"),
    connectionTimeout: key("connection_timeout_secs", seconds, Duration.seconds(30)),
    requestTimeout: key("request_timeout_secs", seconds, Duration.seconds(60)),
    retryInterval: key("retry_interval_secs", seconds, Duration.seconds(2)),
    totalRetryTimeout: key("total_retry_timeout_secs", seconds, Duration.seconds(300)),
    graceWithMedia: key("grace_with_media_secs", secondsFrom(0), Duration.seconds(10))
  }),
  provisioningMedia: section("provisioning_media", { enable: key("enable", bool, true) }),
  azureProxyAgent: section("azure_proxy_agent", { enable: key("enable", bool, true) }),
  wireserver: section("wireserver", {
    connectionTimeout: key("connection_timeout_secs", seconds, Duration.seconds(60)),
    readTimeout: key("read_timeout_secs", seconds, Duration.seconds(60)),
    retryInterval: key("retry_interval_secs", seconds, Duration.seconds(2)),
    totalRetryTimeout: key("total_retry_timeout_secs", seconds, Duration.seconds(1200)),
    healthEndpoint: key("health_endpoint", httpUrl, "http://168.63.129.16/provisioning/health"),
    reportInProgress: key("report_in_progress", bool, false)
  }),
  telemetry: section("telemetry", {
    kvpDiagnostics: key("kvp_diagnostics", bool, true),
    kvpFilter: key("kvp_filter", filter, Option.none())
  }),
  azureInitDataDir: section("azure_init_data_dir", { path: key("path", absolutePath, "/var/lib/azure-init/") }),
  azureInitLogPath: section("azure_init_log_path", { path: key("path", absolutePath, "/var/log/azure-init.log") })
}))

type Table = ReturnType<typeof table>

/** The value of a key; the values of a section's keys. */
type ValueOf<E> = E extends Key<infer A> ? A
  : E extends Section<infer Keys> ? { readonly [Name in keyof Keys]: ValueOf<Keys[Name]> }
  : never

/** The settings in force, by the names of {@link table}. */
export type Settings = { readonly [Name in keyof Table]: ValueOf<Table[Name]> }

interface Read extends Struct.Lambda {
  (entry: Entry): unknown
  readonly "~lambda.out": ValueOf<this["~lambda.in"]>
}

/** Makes settings of what `read` gives for each key, whose section's name in the files it is told where it has one. */
export const makeSettings = (read: <A>(key: Key<A>, section?: string) => A): Settings => {
  const reader = (section?: string): Read =>
    Struct.lambda<Read>((entry) =>
      entry._tag === "Section" ? Struct.map(entry.keys, reader(entry.name)) : read(entry, section)
    )
  return Struct.map(table(), reader())
}

/**
 * The settings of a host without settings files. Pure, so that bundles leave it out: programs use what they have
 * decoded.
 */
export const defaults: Settings = /* @__PURE__ */ makeSettings((key) => key.default)
