import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Settings } from "../../src/domain/Settings.ts"

/** azure-init's defaults, with other values for the two services of the platform where a test needs them. */
export const platformSettings = (changed: {
  readonly imds?: Partial<Settings["imds"]>
  readonly wireserver?: Partial<Settings["wireserver"]>
} = {}): Settings => ({
  ssh: {
    authorized_keys_path: ".ssh/authorized_keys",
    query_sshd_config: true,
    configure_sshd_password_authentication: true
  },
  hostname_provisioners: { backends: ["hostnamectl", "file"] },
  user_provisioners: { backends: ["useradd"], groups: [], create_missing_groups: false },
  password_provisioners: { backends: ["passwd"], allow: false },
  imds: {
    endpoint: "http://169.254.169.254",
    connection_timeout_secs: Duration.seconds(30),
    request_timeout_secs: Duration.seconds(60),
    retry_interval_secs: Duration.seconds(2),
    total_retry_timeout_secs: Duration.seconds(300),
    grace_with_media_secs: Duration.seconds(10),
    ...changed.imds
  },
  provisioning_media: { enable: true },
  azure_proxy_agent: { enable: true },
  wireserver: {
    connection_timeout_secs: Duration.seconds(60),
    read_timeout_secs: Duration.seconds(60),
    retry_interval_secs: Duration.seconds(2),
    total_retry_timeout_secs: Duration.seconds(1200),
    health_endpoint: "http://168.63.129.16/provisioning/health",
    report_in_progress: false,
    ...changed.wireserver
  },
  telemetry: { kvp_diagnostics: true, kvp_filter: Option.none() },
  azure_init_data_dir: { path: "/var/lib/azure-init/" },
  azure_init_log_path: { path: "/var/log/azure-init.log" },
  distribution: Option.none()
})
