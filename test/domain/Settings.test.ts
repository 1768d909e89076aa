import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Toml from "effect/encoding/Toml"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { defaults, type Entry, table } from "../../src/domain/Settings.ts"
import { decodeSettings, renderSettings } from "../../src/domain/SettingsDocument.ts"
import { mergeTables } from "../../src/domain/TomlTable.ts"

const tableOf = (text: string) => Result.getOrThrow(Toml.parse(text))

/** The keys of the sections, by their names in the files. */
const sectionKeys = Object.values<Entry>(table()).flatMap((section) =>
  section._tag === "Section" ? Object.values(section.keys).map(({ name }) => [section.name, name] as const) : []
)

describe("Settings", () => {
  it("has azure-init's defaults", () => {
    const seconds = (duration: Duration.Duration) => Duration.toSeconds(duration)
    assert.deepStrictEqual(defaults.ssh, {
      authorizedKeysPath: ".ssh/authorized_keys",
      querySshdConfig: true,
      configureSshdPasswordAuthentication: true
    })
    assert.deepStrictEqual(
      [
        defaults.imds.connectionTimeout,
        defaults.imds.requestTimeout,
        defaults.imds.retryInterval,
        defaults.imds.totalRetryTimeout
      ].map(seconds),
      [30, 60, 2, 300]
    )
    assert.deepStrictEqual(
      [
        defaults.wireserver.connectionTimeout,
        defaults.wireserver.readTimeout,
        defaults.wireserver.totalRetryTimeout
      ].map(seconds),
      [60, 60, 1200]
    )
    assert.strictEqual(defaults.wireserver.healthEndpoint, "http://168.63.129.16/provisioning/health")
    assert.isTrue(
      defaults.provisioningMedia.enable && defaults.azureProxyAgent.enable && defaults.telemetry.kvpDiagnostics
    )
    assert.isTrue(Option.isNone(defaults.telemetry.kvpFilter))
    assert.strictEqual(defaults.azureInitDataDir.path, "/var/lib/azure-init/")
    assert.strictEqual(defaults.azureInitLogPath.path, "/var/log/azure-init.log")
    assert.deepStrictEqual(defaults.userProvisioners.backends, ["useradd"])
    assert.deepStrictEqual(defaults.passwordProvisioners, { backends: ["passwd"], allow: false })
  })

  it("names a key in code as in the files, in camel case and a duration without its unit", () => {
    const inCode = (name: string) =>
      name.replace(/_secs$/, "").replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase())
    const walk = (entries: Readonly<Record<string, Entry>>): void => {
      for (const [name, entry] of Object.entries(entries)) {
        assert.strictEqual(name, inCode(entry.name))
        if (entry._tag === "Section") walk(entry.keys)
        else assert.strictEqual(entry.name.endsWith("_secs"), Duration.isDuration(entry.default), entry.name)
      }
    }
    walk(table())
  })

  it("takes every key, integers for seconds included", () => {
    const { settings, unknown, wrong } = decodeSettings(tableOf(`
distribution = "flatcar"
[ssh]
authorized_keys_path = "/etc/ssh/keys/%u"
query_sshd_config = false
configure_sshd_password_authentication = false
[hostname_provisioners]
backends = ["file"]
[user_provisioners]
backends = ["adduser", "useradd"]
groups = ["adm", "video"]
create_missing_groups = true
[password_provisioners]
backends = ["passwd"]
allow = true
[imds]
endpoint = "http://127.0.0.1:8080"
connection_timeout_secs = 5
request_timeout_secs = 1.5
retry_interval_secs = 0.5
total_retry_timeout_secs = 10
[provisioning_media]
enable = false
[azure_proxy_agent]
enable = false
[wireserver]
connection_timeout_secs = 1
read_timeout_secs = 2
retry_interval_secs = 3
total_retry_timeout_secs = 4
health_endpoint = "http://127.0.0.1:8081/provisioning/health"
report_in_progress = true
[telemetry]
kvp_diagnostics = false
kvp_filter = " warn "
[azure_init_data_dir]
path = "/srv/state"
[azure_init_log_path]
path = "/srv/agent.log"
`))
    assert.deepStrictEqual([wrong, unknown], [[], []])
    assert.strictEqual(Duration.toMillis(settings.imds.requestTimeout), 1500)
    assert.strictEqual(Duration.toSeconds(settings.wireserver.retryInterval), 3)
    assert.deepStrictEqual(settings.telemetry.kvpFilter, Option.some("warn"))
    assert.deepStrictEqual(settings.distribution, Option.some("flatcar"))
    assert.deepStrictEqual(settings.userProvisioners.backends, ["adduser", "useradd"])
    assert.deepStrictEqual([...settings.userProvisioners.groups], ["adm", "video"])
    assert.isFalse(settings.ssh.querySshdConfig)
    assert.isTrue(settings.wireserver.reportInProgress && settings.passwordProvisioners.allow)
  })

  const refused: ReadonlyArray<readonly [key: string, value: unknown]> = [
    ["ssh.query_sshd_config", "not_a_boolean"],
    ["ssh.query_sshd_config", 1],
    ["ssh.authorized_keys_path", ""],
    ["ssh.authorized_keys_path", "../../etc/passwd"],
    ["hostname_provisioners.backends", ["nonsense"]],
    ["hostname_provisioners.backends", []],
    ["hostname_provisioners.backends", ["Hostnamectl"]],
    ["user_provisioners.backends", ["nonsense"]],
    ["user_provisioners.backends", "useradd"],
    ["user_provisioners.groups", ["-x"]],
    ["password_provisioners.backends", [0]],
    ["imds.retry_interval_secs", -1],
    ["imds.retry_interval_secs", 0],
    ["imds.retry_interval_secs", Number.NaN],
    ["imds.total_retry_timeout_secs", Number.POSITIVE_INFINITY],
    ["imds.total_retry_timeout_secs", 86_401],
    ["imds.connection_timeout_secs", "30"],
    ["imds.endpoint", "http://169.254.169.254/metadata"],
    ["imds.endpoint", "169.254.169.254"],
    ["wireserver.health_endpoint", "https://168.63.129.16/"],
    ["wireserver.health_endpoint", "http://"],
    ["telemetry.kvp_filter", 1],
    ["azure_init_data_dir.path", "var/lib"],
    ["azure_init_data_dir.path", "/var/../etc"],
    ["azure_init_log_path.path", "/a\nb"],
    ["azure_init_log_path.path", "/a\r/../etc"],
    ["azure_init_log_path.path", tableOf("day = 1979-05-27T07:32:00Z")["day"]],
    ["ssh.authorized_keys_path", "a\r/../../etc"]
  ]
  for (const [key, value] of refused) {
    it(`refuses ${key} = ${JSON.stringify(value) ?? String(value)}, and keeps the default and the rest`, () => {
      const [section = "", name = ""] = key.split(".")
      const { settings, wrong } = decodeSettings(
        mergeTables({ provisioning_media: { enable: false } }, { [section]: { [name]: value } })
      )
      assert.deepStrictEqual(wrong.map((problem) => problem.key), [key])
      assert.isNotEmpty(wrong[0]?.found)
      assert.isNotEmpty(wrong[0]?.expected)
      assert.deepStrictEqual(settings, { ...defaults, provisioningMedia: { enable: false } })
    })
  }

  it("refuses a section that is no table, and an unknown distribution", () => {
    const table = { ...tableOf("telemetry = 1979-05-27T07:32:00Z"), imds: 3, ssh: [1], distribution: "gentoo" }
    const { wrong } = decodeSettings(table)
    assert.deepStrictEqual(wrong.map((problem) => problem.key).sort(), ["distribution", "imds", "ssh", "telemetry"])
  })

  it("names unknown keys and sections, with the likely one", () => {
    const { settings, unknown, wrong } = decodeSettings({ imds: { read_timeout_secs: 3 }, networking: { on: true } })
    assert.deepStrictEqual(wrong, [])
    assert.deepStrictEqual(unknown.map((problem) => problem.key), ["imds.read_timeout_secs", "networking"])
    assert.strictEqual(unknown[0]?.expected, "request_timeout_secs, perhaps")
    assert.match(unknown[1]?.expected ?? "", /^one of ssh, .*, azure_init_log_path$/)
    assert.deepStrictEqual(settings, defaults)
  })

  const suggested: ReadonlyArray<readonly [written: string, meant: string]> = [
    ["imds.retry_intervall_secs", "retry_interval_secs"],
    ["wireserver.request_timeout_secs", "read_timeout_secs"],
    ["password_provisioners.alow", "allow"],
    ["telemetry.KVP_Diagnostics", "kvp_diagnostics"],
    ["imdss", "imds"],
    ["hostname", "hostname_provisioners"]
  ]
  for (const [written, meant] of suggested) {
    it(`takes ${written} for ${meant}`, () => {
      const [section = "", name] = written.split(".")
      const { unknown } = decodeSettings({ [section]: name === undefined ? {} : { [name]: 1 } })
      assert.deepStrictEqual(unknown.map(({ expected, key }) => [key, expected]), [[written, `${meant}, perhaps`]])
    })
  }

  it("cuts a long value", () => {
    const [problem] = decodeSettings({ imds: { endpoint: "x".repeat(10_000) } }).wrong
    assert.isBelow(problem?.found.length ?? Number.POSITIVE_INFINITY, 80)
  })

  it("takes no settings from a table by the name of a prototype", () => {
    const table = tableOf("[__proto__.imds]\nretry_interval_secs = 9\n[constructor]\nx = 1\n")
    const { settings, unknown, wrong } = decodeSettings(mergeTables(mergeTables({}, table), table))
    assert.deepStrictEqual([settings, wrong], [defaults, []])
    assert.deepStrictEqual(unknown.map(({ key }) => key), ["__proto__", "constructor"])
  })

  it("merges tables key by key, and replaces everything else", () => {
    assert.deepStrictEqual(
      mergeTables({ a: { x: 1, y: [1, 2] }, b: 1 }, { a: { y: [3] }, b: { c: 1 } }),
      { a: { x: 1, y: [3] }, b: { c: 1 } }
    )
  })

  it("prints settings that read back the same", () => {
    const text = renderSettings(defaults)
    for (const part of ["[ssh]", "authorized_keys_path", "[imds]", "[wireserver]", "[telemetry]"]) {
      assert.include(text, part)
    }
    const { settings, unknown, wrong } = decodeSettings(tableOf(text))
    assert.deepStrictEqual([settings, wrong, unknown], [defaults, [], []])
  })

  it("has a commented file with every key and its default", () => {
    const file = readFileSync(join(import.meta.dirname, "../../config/azure-init.toml"), "utf8")
    const uncommented = file.replace(/^# (?=\w+ = )/gm, "")
    const { settings, unknown, wrong } = decodeSettings(tableOf(uncommented))
    assert.deepStrictEqual([wrong, unknown], [[], []])
    assert.deepStrictEqual(
      { ...settings, distribution: Option.none(), telemetry: { ...settings.telemetry, kvpFilter: Option.none() } },
      defaults
    )
    const keys = (table: object) =>
      Object.entries(table).flatMap(([section, values]) => Object.keys(values).map((key) => `${section}.${key}`))
    const { distribution: _, ...written } = tableOf(uncommented)
    assert.deepStrictEqual(keys(written).sort(), sectionKeys.map((names) => names.join(".")).sort())
    assert.deepStrictEqual(decodeSettings(tableOf(file)).settings, defaults)
  })

  it.prop(
    "decodes any table without a defect",
    { table: Schema.Record(Schema.String, Schema.Unknown) },
    ({ table }) => {
      decodeSettings(table)
      decodeSettings({ imds: table, ssh: table })
    }
  )

  it.prop(
    "takes any value of any key, or names the key and keeps the default",
    { value: Schema.Unknown },
    ({ value }) => {
      for (const [section, key] of sectionKeys) {
        const { settings, unknown, wrong } = decodeSettings({ [section]: { [key]: value } })
        assert.deepStrictEqual(unknown, [])
        if (wrong.length > 0) {
          assert.deepStrictEqual([wrong.map((problem) => problem.key), settings], [[`${section}.${key}`], defaults])
        }
      }
    }
  )

  it("shows a value that JSON has no words for", () => {
    const { wrong } = decodeSettings({ user_provisioners: { backends: [1n] }, imds: { endpoint: Symbol("x") } })
    assert.deepStrictEqual(wrong.map(({ found }) => found), ["[1n]", "Symbol(x)"])
  })
})
