import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { decodePool } from "../../src/domain/KvpRecord.ts"
import { boot, forms, type Host, onMachine, playbook } from "./hosts/overlay.ts"

/**
 * What azure-init left at a first boot without a disc (`test/fixtures/golden`), compared with what we leave at one,
 * structurally.
 */

const golden = (name: string) => readFileSync(new URL(`../fixtures/golden/first-boot/${name}`, import.meta.url))

const goldenLog = golden("log.txt").toString().replaceAll(/\p{Cc}\[\d+m/gu, "")
const goldenPool = decodePool(golden("kvp_pool_1.bin")).entries

/** sshd is asked when provisioning begins, and not when the keys want to know, as the original does. */
const asked = /^(?:provision|.*:get_authorized_keys_path_from_sshd):run_sshd_command/

/** The spans that a log tells of, each with those around it, such as `provision:query:get`, and its target. */
const spansOf = (log: string): ReadonlySet<string> =>
  new Set(
    [...log.matchAll(/^\S+Z {2}INFO (\S.*): ((?:azure_init|libazureinit)[\w:]*): new$/gm)]
      .map(([, chain = "", target]) =>
        `${chain.replaceAll(/\{.*?\}/g, "").replace(asked, "run_sshd_command")} (${target})`
      )
  )

/** The spans of KVP keys that have an end. */
const endsOf = (entries: typeof goldenPool): ReadonlySet<string> =>
  new Set(entries.filter(({ value }) => value.startsWith("Start: ")).map(({ key }) => key.split("|")[3] ?? ""))

const only = (ours: ReadonlySet<string>, theirs: ReadonlySet<string>) =>
  [...ours].filter((one) => !theirs.has(one)).sort()

/** A value with its digits and letters as classes, so that only its form counts. */
const formOf = (text: string) => text.replaceAll(/\d/g, "9")

const lineFormat =
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z (?:ERROR| WARN| INFO) (?:[a-z_]+(?:\{[^}]*\})?:)* ?(?:azure_init|libazureinit)[\w:]*: \S.*$/

/** The host name as the original sets it. */
const settings = "[hostname_provisioners]\nbackends = [\"hostnamectl\", \"file\"]\n"

const provisionedBy = (agent: ReadonlyArray<string>) => (work: (host: Host, log: string) => Promise<void>) =>
  onMachine({ playbook: playbook(), settings }, async (host) => {
    await boot(host, agent)
    await work(host, await host.shell("cat /var/log/azure-init.log"))
  })

const core = "provision:provision:provision_core"
const sshd = "provision:provision:update_ssh_config:update_sshd_config"

describe.each(forms)("the recording of azure-init's first boot, beside that of the %s", (_, agent) => {
  const provisioned = provisionedBy(agent)

  it("has the same spans as ours in the log, but for those that docs/decisions/0021-log-lines.md gives a reason for", () =>
    provisioned((_, log) => {
      assert.deepStrictEqual(
        only(spansOf(goldenLog), spansOf(log)),
        [
          // Written when Azure has accepted Ready, and not before.
          "provision:mark_provisioning_complete (libazureinit::status)",
          "provision:mark_provisioning_complete:check_provision_dir (libazureinit::status)",
          // useradd leaves the password locked.
          `${core}:passwd:lock_user:subprocess (libazureinit)`
        ].sort()
      )
      assert.deepStrictEqual(
        only(spansOf(log), spansOf(goldenLog)),
        [
          "mark_provisioning_complete (libazureinit::status)",
          "mark_provisioning_complete:check_provision_dir (libazureinit::status)",
          "provision:check_provision_dir (libazureinit::status)",
          // This host has no systemd.
          `${core}:set_hostname:file (libazureinit::provision::hostname)`,
          // Every helper is a subprocess.
          `${sshd}:run_sshd_command (libazureinit::provision::ssh)`,
          `${sshd}:run_sshd_command:subprocess (libazureinit)`,
          "run_sshd_command:subprocess (libazureinit)",
          `${core}:add_user_for_passwordless_sudo (libazureinit::provision::user)`
        ].sort()
      )
      return Promise.resolve()
    }))

  it("has lines of the same format as ours, and the same fields in spans", () =>
    provisioned((_, log) => {
      for (const line of log.trimEnd().split("\n")) assert.match(line, lineFormat)
      // The configuration stands in several lines there.
      const single = goldenLog.trimEnd().split("\n").filter((line) => line.startsWith("2026-"))
      for (const line of single) assert.match(line, lineFormat)
      for (const span of ["request{attempt=0}", "request{attempt=0 http_status=200}", "subprocess{program=useradd}"]) {
        assert.include(goldenLog, `:${span}:`)
        assert.include(log, `:${span}:`)
      }
      for (const field of [" header=date value=\"", " header=content-length value=\"0\"", " username=azureuser\n"]) {
        assert.include(goldenLog, field)
        assert.include(log, field)
      }
      return Promise.resolve()
    }))

  it("has the same spans and forms as ours in KVP", () =>
    provisioned(async (host) => {
      const { entries } = decodePool(await host.read("/var/lib/hyperv/.kvp_pool_1"))
      assert.deepStrictEqual(only(endsOf(goldenPool), endsOf(entries)), [])
      assert.deepStrictEqual(only(endsOf(entries), endsOf(goldenPool)), [
        "provision::hostname:file",
        "provision::user:add_user_for_passwordless_sudo"
      ])
      const report = (of: typeof entries) => of.find(({ key }) => key === "PROVISIONING_REPORT")?.value ?? ""
      assert.strictEqual(
        formOf(report(entries)).replace(/vm_id=[^|]*/, ""),
        formOf(report(goldenPool)).replace(/vm_id=[^|]*/, "")
      )
      for (const value of ["Start: 9999-99-99T99:99:99.999Z | End: 9999-99-99T99:99:99.999Z"]) {
        assert.isTrue(goldenPool.some((one) => formOf(one.value) === value), value)
        assert.isTrue(entries.some((one) => formOf(one.value) === value), value)
      }
      for (const each of [goldenPool, entries]) {
        for (const { key, value } of each) {
          if (key === "PROVISIONING_REPORT" || value.startsWith("Start: ")) continue
          assert.match(formOf(value), /^Time: 9999-99-99T99:99:99\.999Z \| Event: (?:message|error)=/)
        }
      }
    }))
})
