import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Toml from "effect/encoding/Toml"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { decodeSettings, defaults, mergeTables, renderSettings } from "../../src/domain/Settings.ts"

const tableOf = (text: string) => Result.getOrThrow(Toml.parse(text))

describe("Settings", () => {
  it("has azure-init's defaults", () => {
    const seconds = (duration: Duration.Duration) => Duration.toSeconds(duration)
    assert.deepStrictEqual(defaults.ssh, {
      authorized_keys_path: ".ssh/authorized_keys",
      query_sshd_config: true,
      configure_sshd_password_authentication: true
    })
    assert.deepStrictEqual(
      [
        defaults.imds.connection_timeout_secs,
        defaults.imds.request_timeout_secs,
        defaults.imds.retry_interval_secs,
        defaults.imds.total_retry_timeout_secs
      ].map(seconds),
      [30, 60, 2, 300]
    )
    assert.deepStrictEqual(
      [
        defaults.wireserver.connection_timeout_secs,
        defaults.wireserver.read_timeout_secs,
        defaults.wireserver.total_retry_timeout_secs
      ].map(seconds),
      [60, 60, 1200]
    )
    assert.strictEqual(defaults.wireserver.health_endpoint, "http://168.63.129.16/provisioning/health")
    assert.isTrue(
      defaults.provisioning_media.enable && defaults.azure_proxy_agent.enable && defaults.telemetry.kvp_diagnostics
    )
    assert.isTrue(Option.isNone(defaults.telemetry.kvp_filter))
    assert.strictEqual(defaults.azure_init_data_dir.path, "/var/lib/azure-init/")
    assert.strictEqual(defaults.azure_init_log_path.path, "/var/log/azure-init.log")
    assert.deepStrictEqual(defaults.user_provisioners.backends, ["useradd"])
    assert.deepStrictEqual(defaults.password_provisioners, { backends: ["passwd"], allow: false })
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
    assert.strictEqual(Duration.toMillis(settings.imds.request_timeout_secs), 1500)
    assert.strictEqual(Duration.toSeconds(settings.wireserver.retry_interval_secs), 3)
    assert.deepStrictEqual(settings.telemetry.kvp_filter, Option.some("warn"))
    assert.deepStrictEqual(settings.distribution, Option.some("flatcar"))
    assert.deepStrictEqual(settings.user_provisioners.backends, ["adduser", "useradd"])
    assert.deepStrictEqual([...settings.user_provisioners.groups], ["adm", "video"])
    assert.isFalse(settings.ssh.query_sshd_config)
    assert.isTrue(settings.wireserver.report_in_progress && settings.password_provisioners.allow)
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
    ["azure_init_log_path.path", "/a\nb"]
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
      assert.deepStrictEqual(settings, { ...defaults, provisioning_media: { enable: false } })
    })
  }

  it("refuses a section that is no table, and an unknown distribution", () => {
    const { wrong } = decodeSettings({ imds: 3, ssh: [1], distribution: "gentoo" })
    assert.deepStrictEqual(wrong.map((problem) => problem.key).sort(), ["distribution", "imds", "ssh"])
  })

  it("names unknown keys and sections, with the likely one", () => {
    const { settings, unknown, wrong } = decodeSettings({ imds: { read_timeout_secs: 3 }, networking: { on: true } })
    assert.deepStrictEqual(wrong, [])
    assert.deepStrictEqual(unknown.map((problem) => problem.key), ["imds.read_timeout_secs", "networking"])
    assert.include(unknown[0]?.expected, "timeout_secs, perhaps")
    assert.deepStrictEqual(settings, defaults)
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
      { ...settings, distribution: Option.none(), telemetry: { ...settings.telemetry, kvp_filter: Option.none() } },
      defaults
    )
    const keys = (table: object) =>
      Object.entries(table).flatMap(([section, values]) => Object.keys(values).map((key) => `${section}.${key}`))
    const { distribution: _, ...sections } = defaults
    const { distribution: __, ...written } = tableOf(uncommented)
    assert.deepStrictEqual(keys(written).sort(), keys(sections).sort())
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
})
