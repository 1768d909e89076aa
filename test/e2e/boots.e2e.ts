import { assert, describe, it } from "@effect/vitest"
import {
  agents,
  assertProvisioned,
  boot,
  colleague,
  disc,
  failureTold,
  filesWith,
  forms,
  type Host,
  imdsRequest,
  impatient,
  kvpOf,
  logsIn,
  onMachine,
  owner,
  playbook,
  readyRequest,
  requestsTo,
  silentImds,
  sshdSays,
  stateOf,
  username,
  vmId
} from "./hosts/overlay.ts"

const noAccount = (host: Host) => host.shell(`getent passwd ${username} || echo none`)

const markers = (host: Host) => host.shell("ls -A /var/lib/azure-init 2>/dev/null || true")

describe.each(forms)("%s", (_, agent) => {
  it("first boot: asks once, lets the owner in, reports Ready, tells KVP", () =>
    onMachine({ playbook: playbook(), disc: disc() }, async (host) => {
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      const [imds, ready] = host.transcript().map(({ headers }) => headers.map(([name, value]) => `${name}: ${value}`))
      const version = (await host.run([...agent, "--version"])).stdout.trim().replace("azure-init ", "")
      assert.match(version, /^0\.1\.1-\S+$/)
      assert.deepStrictEqual(imds?.slice(0, 4), [
        "metadata: true",
        "accept: */*",
        `user-agent: azure-init v${version}`,
        "host: 169.254.169.254"
      ])
      assert.deepStrictEqual(ready?.slice(0, 6), [
        "user-agent: azure-init v0.1.1",
        "x-ms-guest-agent-name: azure-init v0.1.1",
        "content-type: application/json",
        "accept: */*",
        "host: 168.63.129.16",
        "content-length: 17"
      ])
      await assertProvisioned(host)
      assert.isFalse(await logsIn(host, colleague), "nobody else gets in")
      const { entries, report, steps } = await kvpOf(host)
      assert.match(
        report ?? "",
        new RegExp(`^result=success\\|agent=Azure-Init/0\\.1\\.1\\|pps_type=None\\|vm_id=${vmId}\\|timestamp=\\S+$`)
      )
      for (
        const name of [
          "imds:query",
          "media:mount",
          "provision::user:useradd",
          "health:report_ready",
          "azure_init:provision"
        ]
      ) {
        assert.isTrue(steps.some((step) => step.name === name), `a span ${name}`)
      }
      for (const { key } of entries) {
        if (key !== "PROVISIONING_REPORT") {
          assert.match(key, new RegExp(`^azure-init-0\\.1\\.1\\|${vmId}\\|[A-Z]+\\|[^|]+\\|[0-9a-f-]{36}$`))
        }
      }
    }))

  it("reboot: asks nobody, changes nothing, and tells KVP of this boot only", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await boot(host, agent)
      const before = await stateOf(host)
      await host.reboot()
      // As the kernel finds it: from before it started.
      await host.shell("touch -d 2000-01-01 /var/lib/hyperv/.kvp_pool_1")
      host.forget()
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [])
      assert.strictEqual(await stateOf(host), before)
      const { entries } = await kvpOf(host)
      assert.deepStrictEqual(
        [...new Set(entries.map(({ key }) => key.split("|")[3]))],
        ["status:is_provisioning_complete"]
      )
    }))

  it("clone: another VM id is another VM, with its own keys and nothing of the old ones", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await boot(host, agent)
      const other = "1d3c5b7a-9e8f-4a6b-8c7d-2e4f6a8b0c1d"
      await host.reboot(other)
      await host.play(playbook({ instance: { keys: [colleague.publicKey] } }))
      host.forget()
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host, { keys: [colleague], id: other })
      assert.isFalse(await logsIn(host, owner), "the old owner stays out")
      assert.strictEqual(await markers(host), `${other}.provisioned\n${vmId}.provisioned\n`)
    }))

  it("IMDS only: no disc is no failure", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host)
    }))

  it("media only: the disc says it all", () =>
    onMachine({
      playbook: playbook({ imds: silentImds }),
      disc: disc({ keys: [owner.publicKey] }),
      settings: impatient
    }, async (host) => {
      await boot(host, agent)
      assert.strictEqual(requestsTo(host).at(-1), readyRequest)
      await assertProvisioned(host)
      assert.strictEqual(
        await host.shell("cat /run/mount.udf.log"),
        "/dev/sr0 /run/azure-init/media -o ro,nosuid,nodev,noexec\n"
      )
    }))

  it("a password from the disc is set where the settings allow it, and told to nobody", () =>
    onMachine({
      playbook: playbook({ instance: { keys: [], disablePasswordAuthentication: false } }),
      disc: disc({ password: "Correct-horse;7 <battery>&staple", disablePasswordAuthentication: false }),
      settings: "[password_provisioners]\nallow = true\n"
    }, async (host) => {
      const { status, stderr } = await host.run(agent, { environment: { AZURE_INIT_LOG: "trace" } })
      assert.strictEqual(status, 0, stderr)
      assert.match(await host.shell(`passwd -S ${username}`), new RegExp(`^${username} P `))
      assert.strictEqual(await sshdSays(host, "passwordauthentication"), "passwordauthentication yes")
      const hash = (await host.shell(`getent shadow ${username}`)).split(":")[1] ?? ""
      assert.match(hash, /^\$[6y]\$/)
      await host.write("/var/log/leak", "a line with leaked-word in it\n")
      assert.strictEqual((await filesWith(host, "leaked-word")).trim(), "/var/log/leak")
      for (const secret of ["Correct-horse;7", "battery>&staple", "battery&gt;&amp;staple"]) {
        assert.strictEqual(await filesWith(host, secret), "")
        assert.notInclude(stderr, secret)
        assert.notInclude(JSON.stringify(host.transcript()), secret)
      }
      assert.strictEqual(await filesWith(host, hash), "/etc/shadow\n")
    }))

  it("a password and no key where passwords are not allowed: says so, and lets nobody in", () =>
    onMachine({
      playbook: playbook({ instance: { keys: [], disablePasswordAuthentication: false } }),
      disc: disc({ password: "Correct-horse-7", disablePasswordAuthentication: false })
    }, async (host) => {
      await boot(host, agent, 78)
      assert.include(failureTold(host), "result=error|")
      assert.strictEqual(await filesWith(host, "Correct-horse-7"), "")
      assert.strictEqual(await markers(host), "")
    }))

  it("neither IMDS nor disc: says why, touches nothing, and the next boot provisions", () =>
    onMachine({ playbook: playbook({ imds: silentImds }), settings: impatient }, async (host) => {
      await boot(host, agent, 1)
      const told = failureTold(host)
      assert.include(told, "result=error|")
      assert.include(told, `vm_id=${vmId}`)
      assert.strictEqual((await kvpOf(host)).report, told)
      assert.strictEqual(await noAccount(host), "none\n")
      assert.strictEqual(await markers(host), "")
      await host.reboot()
      await host.play(playbook())
      host.forget()
      await boot(host, agent)
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      await assertProvisioned(host)
    }))

  it("existing user: keeps who they are and what they have, and gets what Azure gives", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      await host.shell(`set -e
        useradd -m -u 4321 -s /bin/sh -c 'Somebody' ${username}
        groupadd -g 4322 builders
        usermod -aG builders ${username}
        mkdir -m 700 ~${username}/.ssh
        echo '${colleague.publicKey}' >~${username}/.ssh/authorized_keys
        echo mine >~${username}/notes
        chown -R ${username}: ~${username}`)
      await boot(host, agent)
      await assertProvisioned(host)
      assert.isFalse(await logsIn(host, colleague), "Azure's keys are the only ones")
      assert.strictEqual(
        await host.shell(`getent passwd ${username} | cut -d: -f3,5,7; cat ~${username}/notes`),
        "4321:Somebody:/bin/sh\nmine\n"
      )
      assert.include(await host.shell(`id -nG ${username}`), "builders")
    }))
})

describe("executable", () => {
  it("a network that comes late: asks as soon as there is a route, and not at the next interval", () =>
    onMachine({ playbook: playbook(), settings: "[imds]\nretry_interval_secs = 30.0\n" }, async (host) => {
      const address = "169.254.169.254/32 dev lo"
      await host.shell(`ip address delete ${address}`)
      const [, added] = await Promise.all([
        boot(host, agents.executable),
        host.shell(`sleep 1; date +%s%3N; ip address add ${address}`)
      ])
      assert.deepStrictEqual(requestsTo(host), [imdsRequest, readyRequest])
      const delay = Date.parse(host.transcript()[0]?.time ?? "") - Number(added)
      assert.isBelow(delay, 10_000, "milliseconds from the address to the request")
    }))
})
