import { assert, describe, it } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { repository } from "../../fabric/host.ts"
import type { Playbook } from "../../fabric/playbook.ts"
import { type NspawnHost, startNspawn } from "./hosts/nspawn.ts"
import {
  colleague,
  disc,
  hostname,
  imdsRequest,
  impatient,
  kvpOf,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  settingsFile,
  username,
  vmId
} from "./hosts/overlay.ts"
import { type Suite, suites } from "./hosts/roots.ts"

const password = "Correct-horse;7"

/** What a distribution does to its image: the executable, the unit, and both services enabled. */
const image = (settings: string) => `
install -D -m 0755 ${repository}/dist/azure-init usr/bin/azure-init
install -D -m 0644 ${repository}/config/azure-init.service usr/lib/systemd/system/azure-init.service
mkdir -p etc/systemd/system/multi-user.target.wants var/log/journal
ln -sf /usr/lib/systemd/system/azure-init.service etc/systemd/system/multi-user.target.wants/azure-init.service
ln -sf /usr/lib/systemd/system/ssh.service etc/systemd/system/multi-user.target.wants/ssh.service
install -D -m 0644 /dev/stdin .${settingsFile} <<'END'
[password_provisioners]
allow = true
${settings}
END
`

const onSystemd = async (
  suite: Suite,
  options: { readonly playbook?: Playbook; readonly settings?: string; readonly prepare?: string },
  test: (host: NspawnHost) => Promise<void>
): Promise<void> => {
  const host = await startNspawn({
    suite,
    vmId,
    playbook: options.playbook ?? playbook({ instance: { disablePasswordAuthentication: false } }),
    disc: disc({ password, disablePasswordAuthentication: false }),
    prepare: image(options.settings ?? "") + (options.prepare ?? "")
  })
  try {
    await test(host)
  } catch (error) {
    // The reason is in the journal.
    process.stderr.write((await host.run(["journalctl", "--no-pager", "-b", "-n", "60"])).stdout)
    throw error
  } finally {
    await host.stop()
  }
}

const show = async (host: NspawnHost, unit: string, property: string): Promise<string> =>
  (await host.shell(`systemctl show --value --property=${property} ${unit}`)).trim()

/** Waits until the unit is in this state; fails with the one that it is in. */
const becomes = async (host: NspawnHost, unit: string, state: string): Promise<void> => {
  let found = ""
  for (let tries = 0; tries < 600 && found !== state; tries++) {
    found = await show(host, unit, "ActiveState")
    if (found !== state) await sleep(50)
  }
  assert.strictEqual(found, state, unit)
}

const waitFor = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
  for (let tries = 0; tries < 400; tries++) {
    if (await holds()) return
    await sleep(50)
  }
  assert.fail(`waited 20 s: ${what}`)
}

const ownerLogsIn = async (host: NspawnHost): Promise<void> => {
  const { status, stderr, stdout } = await host.ssh(username, owner, "id -un; sudo -n id -u; hostname")
  assert.strictEqual(stdout, `${username}\n0\n${hostname}\n`, stderr)
  assert.strictEqual(status, 0)
}

/** Nothing of the agent is mounted, in any process's view, or runs. */
const assertNothingLeft = async (host: NspawnHost): Promise<void> => {
  assert.strictEqual(await host.shell("cat /proc/[0-9]*/mounts 2>/dev/null | grep azure-init/media || true"), "")
  assert.strictEqual(
    await host.shell("for each in /proc/[0-9]*; do readlink $each/exe; done | grep -E 'azure-init|mount' || true"),
    ""
  )
}

const failedUnits = (host: NspawnHost): Promise<string> =>
  host.shell("systemctl --failed --no-legend --plain | cut -d' ' -f1 | sort")

describe.each(suites)("%s with systemd", (suite) => {
  it("shows the new host name to a running systemd-hostnamed at once", () =>
    onSystemd(suite, {}, async (host) => {
      await becomes(host, "azure-init.service", "active")
      await host.shell("hostnamectl set-hostname before && rm -f /var/lib/azure-init/*")
      assert.strictEqual(await show(host, "systemd-hostnamed.service", "ActiveState"), "active")
      host.forget()
      const { status, stderr } = await host.run(["/usr/bin/azure-init"])
      assert.strictEqual(status, 0, stderr)
      const property = (name: string) =>
        `busctl get-property org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.hostname1 ${name}`
      assert.strictEqual(
        await host.shell(`hostnamectl hostname; ${property("Hostname")}; ${property("StaticHostname")}; uname -n`),
        `${hostname}\ns "${hostname}"\ns "${hostname}"\n${hostname}\n`
      )
      assert.notInclude(await host.shell("cat /var/log/azure-init.log"), "hostnamectl\"")
    }))

  it("has a running sshd take the setting for passwords, by a signal where it can, and starts none", () =>
    onSystemd(suite, {}, async (host) => {
      await becomes(host, "azure-init.service", "active")
      await becomes(host, "ssh.service", "active")
      const takesPasswords = async () =>
        (await host.run([
          ..."ssh -o BatchMode=yes -o PreferredAuthentications=none -o StrictHostKeyChecking=no".split(" "),
          "nobody@127.0.0.1"
        ])).stderr.includes("password")
      /** Runs the agent once more where sshd takes no passwords; what its log says of the reload. */
      const provisionedAgain = async (prepare: string) => {
        await host.shell(`
echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/00-azure-init.conf
systemctl try-restart ssh.service
rm -f /var/lib/azure-init/* /var/log/azure-init.log
${prepare}`)
        const { status, stderr } = await host.run(["/usr/bin/azure-init"])
        assert.strictEqual(status, 0, stderr)
        return host.shell("grep -oE 'program=systemctl}: .* new$|Reloaded sshd.*' /var/log/azure-init.log || true")
      }
      const mainPid = () => show(host, "ssh.service", "MainPID")
      const bySystemctl = /^program=systemctl}: .* new\nReloaded sshd unit="?ssh\.service"?\n$/

      assert.strictEqual(await provisionedAgain(""), `Reloaded sshd pid=${await mainPid()}\n`)
      await waitFor("sshd takes passwords", takesPasswords)
      assert.match(await provisionedAgain("rm /run/sshd.pid"), bySystemctl)
      await waitFor("sshd takes passwords", takesPasswords)

      // One that could not start again is left as it is.
      assert.match(await provisionedAgain("mkdir /keys; mv /etc/ssh/ssh_host_* /keys"), bySystemctl)
      await waitFor(
        "the reload fails",
        async () => (await host.shell("journalctl --no-pager -u ssh.service")).includes("Reload failed")
      )
      assert.isFalse(await takesPasswords())
      await host.shell("mv /keys/* /etc/ssh; systemctl reset-failed; systemctl is-active ssh.service")

      assert.strictEqual(await provisionedAgain("systemctl stop ssh.service"), "")
      assert.strictEqual(await show(host, "ssh.service", "ActiveState"), "inactive")
    }))

  it("boots: the owner gets in, nothing is degraded, and the second boot does nothing", () =>
    onSystemd(suite, {}, async (host) => {
      await becomes(host, "azure-init.service", "active")
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await becomes(host, "ssh.service", "active")
      await ownerLogsIn(host)
      assert.notStrictEqual((await host.ssh(username, colleague, "true")).status, 0, "nobody else gets in")
      assert.strictEqual(await host.shell("hostnamectl --static; cat /etc/hostname"), `${hostname}\n${hostname}\n`)
      assert.match(await host.shell(`passwd -S ${username}`), new RegExp(`^${username} P `))
      assert.include((await kvpOf(host)).report ?? "", "result=success|")
      assert.strictEqual(await host.shell("cat /azure/mount.udf.log | wc -l"), "1\n")
      await assertNothingLeft(host)
      assert.strictEqual((await host.run(["systemctl", "is-system-running", "--wait"])).stdout, "running\n")
      assert.strictEqual(await failedUnits(host), "")
      assert.strictEqual(
        await host.shell(`journalctl --no-pager --all | grep -cF '${password}' || true`),
        "0\n",
        "no secret in the journal"
      )
      assert.notMatch(
        await host.shell("journalctl --no-pager --output=cat --unit=azure-init.service"),
        /libazureinit|azure_init|Creating the user/,
        "a journal on stderr gets ERROR only"
      )

      await host.reboot()
      host.forget()
      await becomes(host, "azure-init.service", "active")
      assert.deepStrictEqual(requestsTo(host), [])
      assert.strictEqual(await show(host, "azure-init.service", "Result"), "success")
      await becomes(host, "ssh.service", "active")
      await ownerLogsIn(host)
    }))

  it("does not keep sshd, the console or a login waiting while Azure does not answer, and can be stopped", () =>
    onSystemd(
      suite,
      {
        playbook: playbook({ imds: [{ hang: "headers" }], health: [{ hang: "headers" }] }),
        // Or the disc is used before the agent is stopped.
        settings: "[imds]\ngrace_with_media_secs = 0\n"
      },
      async (host) => {
        await becomes(host, "ssh.service", "active")
        assert.strictEqual(await show(host, "azure-init.service", "ActiveState"), "activating")
        await waitFor(
          "IMDS is asked",
          async () => (await host.shell("ls /run/azure-init 2>/dev/null || true")).includes("lock")
        )
        const began = performance.now()
        await host.shell("systemctl stop azure-init.service")
        assert.isBelow(performance.now() - began, 15_000)
        await assertNothingLeft(host)
        assert.strictEqual(await host.shell("ls -A /var/lib/azure-init 2>/dev/null || true"), "", "no marker")
        await host.play(playbook({ instance: { disablePasswordAuthentication: false } }))
        host.forget()
        await host.shell("systemctl start azure-init.service")
        assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
        await ownerLogsIn(host)
      }
    ))

  it("stopped while the drive does not answer: nothing stays mounted, and the next start provisions", () =>
    onSystemd(suite, {
      settings: impatient,
      prepare: `
mv usr/sbin/mount.udf usr/sbin/mount.udf.good
printf '#!/bin/sh\\nexec sleep 300\\n' >usr/sbin/mount.udf
chmod 755 usr/sbin/mount.udf
`
    }, async (host) => {
      await waitFor(
        "the disc is being mounted",
        async () => (await host.shell("ls -d /run/azure-init/media 2>/dev/null || true")) !== ""
      )
      await host.shell("systemctl stop azure-init.service")
      await assertNothingLeft(host)
      assert.notInclude(requestsTo(host), readyRequest)
      await host.shell("mv /usr/sbin/mount.udf.good /usr/sbin/mount.udf")
      host.forget()
      await host.shell("systemctl reset-failed azure-init.service || true; systemctl start azure-init.service")
      assert.strictEqual(requestsTo(host).filter((request) => request === readyRequest).length, 1)
      await ownerLogsIn(host)
      await assertNothingLeft(host)
    }))

  it("killed: what it had mounted goes with it", () =>
    onSystemd(suite, { playbook: playbook({ health: [{ hang: "headers" }] }) }, async (host) => {
      await waitFor("Ready is sent", () => host.transcript().some(({ endpoint }) => endpoint === "health"))
      await host.shell("systemctl kill --signal=KILL azure-init.service")
      await becomes(host, "azure-init.service", "failed")
      await assertNothingLeft(host)
      await host.play(playbook())
      host.forget()
      await host.reboot()
      await becomes(host, "azure-init.service", "active")
      assert.deepStrictEqual(requestsTo(host), [readyRequest])
      await becomes(host, "ssh.service", "active")
      await ownerLogsIn(host)
    }))
})
