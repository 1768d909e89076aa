import { assert, describe, it } from "@effect/vitest"
import { decodeSettings, renderSettings } from "../../src/domain/SettingsDocument.ts"

const printed = `[ssh]
authorized_keys_path = ".ssh/authorized_keys"
query_sshd_config = true
configure_sshd_password_authentication = true

[hostname_provisioners]
backends = ["file","hostnamectl"]

[user_provisioners]
backends = ["useradd"]
groups = []
create_missing_groups = false

[password_provisioners]
backends = ["passwd"]
allow = false

[imds]
endpoint = "http://169.254.169.254"
connection_timeout_secs = 30.0
request_timeout_secs = 60.0
retry_interval_secs = 2.0
total_retry_timeout_secs = 300.0
grace_with_media_secs = 10.0

[provisioning_media]
enable = true

[azure_proxy_agent]
enable = true

[wireserver]
connection_timeout_secs = 60.0
read_timeout_secs = 60.0
retry_interval_secs = 2.0
total_retry_timeout_secs = 1200.0
health_endpoint = "http://168.63.129.16/provisioning/health"
report_in_progress = false

[telemetry]
kvp_diagnostics = true

[azure_init_data_dir]
path = "/var/lib/azure-init/"

[azure_init_log_path]
path = "/var/log/azure-init.log"
`

describe("SettingsDocument", () => {
  it("prints the defaults", () => {
    assert.strictEqual(renderSettings(decodeSettings({}).settings), printed)
  })

  it("prints keys without a default where they are set, and parts of a second", () => {
    const { settings } = decodeSettings({
      distribution: "flatcar",
      imds: { retry_interval_secs: 0.05 },
      telemetry: { kvp_filter: "warn" }
    })
    assert.strictEqual(
      renderSettings(settings),
      `distribution = "flatcar"\n\n${printed}`
        .replace("retry_interval_secs = 2.0", "retry_interval_secs = 0.050")
        .replace("kvp_diagnostics = true\n", "kvp_diagnostics = true\nkvp_filter = \"warn\"\n")
    )
  })

  it("describes what is wrong and what is unknown", () => {
    const { unknown, wrong } = decodeSettings({
      networking: {},
      telemetry: [],
      ssh: { query_sshd: true, query_sshd_config: {} },
      distribution: "gentoo"
    })
    assert.deepStrictEqual(wrong, [
      { key: "telemetry", found: "[]", expected: "a table [telemetry]" },
      { key: "distribution", found: "\"gentoo\"", expected: "\"base\" or \"flatcar\"" },
      { key: "ssh.query_sshd_config", found: "a table", expected: "true or false" }
    ])
    assert.deepStrictEqual(unknown.map(({ found, key }) => [key, found]), [
      ["ssh.query_sshd", "an unknown key"],
      ["networking", "an unknown section"]
    ])
  })
})
