import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { defaults } from "../../src/domain/Settings.ts"
import { ImdsError } from "../../src/errors/ImdsError.ts"
import { LoginRefusedError } from "../../src/errors/LoginRefusedError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import { SshdConfigError, SshKeysError } from "../../src/errors/SshError.ts"
import { UserError, UserMissingError } from "../../src/errors/UserError.ts"
import { VmIdentityError } from "../../src/errors/VmIdentityError.ts"
import { WireServerError } from "../../src/errors/WireServerError.ts"
import * as Media from "../../src/layers/test/ProvisioningMedia.ts"
import { Imds } from "../../src/services/Imds.ts"
import { goodKey, group, makeAgent, metadata, username, vmId } from "../support/agent.ts"
import { turnsUntil } from "../support/turns.ts"

const noImds = new ImdsError({
  url: "http://169.254.169.254/metadata/instance",
  kind: "http",
  detail: "HTTP 403",
  status: 403,
  attempts: 1
})

const disc: OvfEnvironment = {
  username: Option.some("discuser"),
  password: Option.none(),
  hostname: Option.some("dischost"),
  disablePasswordAuthentication: Option.some(true),
  publicKeys: [goodKey],
  publicKeysWithoutValue: 0,
  customData: Option.none(),
  preprovisionedVm: false,
  preprovisionedVmType: "None",
  provisionGuestProxyAgent: false
}

const secret = "hunter2-secret"
const withPassword: OvfEnvironment = {
  ...disc,
  password: Option.some(Redacted.make(secret)),
  disablePasswordAuthentication: Option.some(false)
}
const allow = { passwordProvisioners: { ...defaults.passwordProvisioners, allow: true } }

const notAccepted = new WireServerError({
  endpoint: "http://168.63.129.16/provisioning/health",
  state: "Ready",
  detail: "HTTP 503",
  status: 503,
  attempts: 600
})

const states = (agent: ReturnType<typeof makeAgent>) => agent.wireServer.calls.map(({ report }) => report)

describe("provision: an account that lets nobody in", () => {
  it.effect("is reported with its own reason, after everything has been done, and never as Ready", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        ssh: {
          loginRefusals: {
            azureuser: [
              new LoginRefusedError({ user: "azureuser", kind: "expired", detail: "the account has expired" }),
              new LoginRefusedError({ user: "azureuser", kind: "shell", detail: "the shell refuses logins" })
            ]
          }
        }
      })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      assert.deepStrictEqual(agent.state.calls, [])
      assert.deepStrictEqual([...agent.ssh.installed.keys()], ["/home/azureuser/.ssh/authorized_keys"])
      assert.isTrue(agent.user.sudoers.has(username))
      assert.include(agent.report(), "reason=administrator account has expired|")
      assert.include(agent.report(), "reason_2=administrator has no login shell|")
    }))

  it.effect("is looked for when the account and sshd are as they will be, with what the owner has", () =>
    Effect.gen(function*() {
      const credentialsOf = (options: Parameters<typeof makeAgent>[0]) =>
        Effect.gen(function*() {
          const agent = makeAgent(options)
          yield* agent.boot
          assert.strictEqual(agent.ssh.calls.at(-1)?._tag, "loginRefusals")
          return agent.ssh.calls.flatMap((call) => call._tag === "loginRefusals" ? [call.credentials] : [])
        })
      assert.deepStrictEqual(yield* credentialsOf({}), [{ key: true, password: false }])
      const imds = [{ ...metadata, publicKeys: [], disablePasswordAuthentication: false }] as const
      assert.deepStrictEqual(
        yield* credentialsOf({ imds, media: [Option.some(withPassword)], settings: allow }),
        [{ key: true, password: true }]
      )
      assert.deepStrictEqual(
        yield* credentialsOf({
          imds,
          media: [Option.some({ ...withPassword, publicKeys: [] })],
          settings: allow
        }),
        [{ key: false, password: true }]
      )
    }))

  it.effect("is refused as a system account before it gets keys, a password or sudo", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ user: { systemAccounts: ["azureuser"] } })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      assert.include(agent.report(), "reason=administrator is a system account|")
      assert.deepStrictEqual(agent.password.calls, [])
      assert.deepStrictEqual([...agent.ssh.installed.keys()], [])
      assert.deepStrictEqual([...agent.user.sudoers], [])
    }))
})

describe("provision: a first boot", () => {
  it.effect("begins with what does not depend on Azure's answers, which another boot does not begin", () =>
    Effect.gen(function*() {
      const prepared = (options: Parameters<typeof makeAgent>[0]) =>
        Effect.gen(function*() {
          const agent = makeAgent(options)
          const fiber = yield* Effect.forkChild(agent.boot)
          yield* turnsUntil(() => agent.ssh.calls.length > 0 || fiber.pollUnsafe() !== undefined)
          yield* Fiber.interrupt(fiber)
          return agent.ssh.calls.map(({ _tag }) => _tag)
        })
      const silent = Layer.merge(Layer.succeed(Imds, { instance: Effect.never }), Media.make([Option.none()]).layer)
      assert.deepStrictEqual(yield* prepared({ instead: silent }), ["prepare"])
      for (const progress of ["configured", "reported"] as const) {
        assert.deepStrictEqual(yield* prepared({ state: { progress: { [vmId]: progress } } }), [])
      }
    }))

  it.effect("does everything, then says Ready, then writes the marker", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ groups: [group("adm"), group("video")] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.hostname.calls, ["labvm"])
      assert.deepStrictEqual(agent.user.requests, [
        { name: username, groups: [group("adm"), group("video")], createMissingGroups: false }
      ])
      assert.isTrue(agent.user.sudoers.has(username))
      assert.deepStrictEqual(agent.password.calls, ["lock azureuser"])
      assert.deepStrictEqual([...agent.ssh.installed.keys()], ["/home/azureuser/.ssh/authorized_keys"])
      assert.strictEqual(agent.ssh.passwordsAllowed(), false)
      assert.deepStrictEqual(states(agent), ["ready"])
      assert.deepStrictEqual(agent.state.calls, [`configured ${vmId}`, `reported ${vmId}`])
      assert.match(agent.report(), /^result=success\|agent=Azure-Init\/0\.1\.1\|pps_type=None\|vm_id=550e8400-/)
    }))

  it.effect("has written the report to KVP before Azure hears Ready", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ wireServer: ["hangs"] })
      const running = yield* Effect.forkChild(agent.boot)
      // Fingerprints are made by the platform's own threads, outside the test's clock.
      yield* turnsUntil(() => agent.wireServer.calls.length > 0)
      assert.deepStrictEqual(states(agent), ["ready"])
      assert.isTrue(agent.kvp.calls.flushed.flat().some(({ key }) => key === "PROVISIONING_REPORT"))
      assert.deepStrictEqual(agent.state.calls, [`configured ${vmId}`])
      yield* Fiber.interrupt(running)
    }))

  it.effect("asks IMDS and the media at the same time", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: ["hangs"] })
      const running = yield* Effect.forkChild(agent.boot)
      yield* turnsUntil(() => agent.imds.calls.length > 0 && agent.media.calls.length > 0)
      assert.lengthOf(agent.imds.calls, 1)
      assert.lengthOf(agent.media.calls, 1)
      yield* Fiber.interrupt(running)
      assert.strictEqual(agent.imds.calls[0]?.end, "interrupted")
    }))

  it.effect("takes the groups of the settings when the command line gives none, and every other word of the settings", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        settings: {
          userProvisioners: { ...defaults.userProvisioners, groups: [group("wheel")], createMissingGroups: true },
          ssh: { ...defaults.ssh, configureSshdPasswordAuthentication: false }
        },
        user: { groups: [] }
      })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.user.requests[0]?.groups, [group("wheel")])
      assert.isTrue(agent.user.members.get(username)?.has("wheel"))
      assert.isUndefined(agent.ssh.passwordsAllowed())
    }))

  it.effect("allows passwords in sshd when Azure asks for them", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, disablePasswordAuthentication: false }] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.strictEqual(agent.ssh.passwordsAllowed(), true)
    }))
})

describe("provision: later boots", () => {
  it.effect("does nothing at all for a VM that was reported", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { progress: { [vmId]: "reported" } } })
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.imds.calls, 0)
      assert.lengthOf(agent.media.calls, 0)
      assert.lengthOf(agent.wireServer.calls, 0)
      assert.lengthOf(agent.user.requests, 0)
      assert.deepStrictEqual(agent.state.calls, [])
    }))

  it.effect("only reports a VM that was configured", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { progress: { [vmId]: "configured" } } })
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.imds.calls, 0)
      assert.lengthOf(agent.user.requests, 0)
      assert.deepStrictEqual(states(agent), ["ready"])
      assert.deepStrictEqual(agent.state.calls, [`reported ${vmId}`])
    }))

  it.effect("reports again after a boot in which Azure did not answer, and provisions nothing again", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ wireServer: [notAccepted, "accepts"] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(agent.state.calls, [`configured ${vmId}`])
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.user.requests, 1)
      assert.deepStrictEqual(states(agent), ["ready", "ready"])
      assert.deepStrictEqual(agent.state.calls, [`configured ${vmId}`, `reported ${vmId}`])
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.wireServer.calls, 2)
    }))

  it.effect("provisions a clone, whose id is another", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { progress: { "11111111-2222-3333-4444-555555555555": "reported" } } })
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.user.requests, 1)
    }))

  it.effect("leaves the VM to another agent that is at work", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { locked: true } })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf(agent.user.requests, 0)
      assert.lengthOf(agent.wireServer.calls, 0)
    }))
})

describe("provision: the sources", () => {
  it.effect("provisions from the media when IMDS refuses", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [noImds], media: [Option.some(disc)] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.hostname.calls, ["dischost"])
      assert.strictEqual(agent.user.requests[0]?.name, "discuser")
      assert.deepStrictEqual(states(agent), ["ready"])
    }))

  it.effect("provisions from IMDS when the media is broken", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ media: [new MediaError({ device: "/dev/sr0", kind: "parse", detail: "no HostName" })] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.strictEqual(agent.user.requests[0]?.name, username)
    }))

  it.effect("prefers IMDS field by field", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        imds: [{ ...metadata, computerName: "", publicKeys: [] }],
        media: [Option.some(disc)]
      })
      assert.strictEqual(yield* agent.boot, 0)
      assert.strictEqual(agent.user.requests[0]?.name, username)
      assert.deepStrictEqual(agent.hostname.calls, ["dischost"])
      assert.lengthOf(agent.ssh.installed.get("/home/azureuser/.ssh/authorized_keys") ?? [], 1)
    }))

  it.effect("takes the media's value for a field that IMDS has wrong", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, adminUsername: "-rf" }], media: [Option.some(disc)] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.strictEqual(agent.user.requests[0]?.name, "discuser")
    }))

  it.effect("says why each source failed when neither names the administrator", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [noImds] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      const described = agent.wireServer.calls[0]?.description ?? ""
      assert.include(described, "|reason=failed to determine username|")
      assert.include(described, "HTTP 403")
      assert.include(described, "there is none")
      assert.strictEqual(agent.report(), described)
      assert.deepStrictEqual(agent.state.calls, [])
    }))

  it.effect("sets the hostname even when nobody is named", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, adminUsername: "" }] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(agent.hostname.calls, ["labvm"])
    }))

  for (const name of ["-rf", "a b", "root:x", "ALL=(ALL)", "a\nb", "1000", "é", "x".repeat(33)]) {
    it.effect(`passes no command the user name ${JSON.stringify(name)}`, () =>
      Effect.gen(function*() {
        const agent = makeAgent({ imds: [{ ...metadata, adminUsername: name }] })
        assert.strictEqual(yield* agent.boot, 1)
        assert.lengthOf(agent.user.requests, 0)
        assert.include(agent.report(), "reason=invalid IMDS metadata for key=compute.osProfile.adminUsername")
      }))
  }

  for (const name of ["-h", "a_b", "a..b", "host name", "x".repeat(65), "a\nb", "-"]) {
    it.effect(`sets no hostname ${JSON.stringify(name)}, and lets the owner in all the same`, () =>
      Effect.gen(function*() {
        const agent = makeAgent({ imds: [{ ...metadata, computerName: name }] })
        assert.strictEqual(yield* agent.boot, 1)
        assert.lengthOf(agent.hostname.calls, 0)
        assert.lengthOf([...agent.ssh.installed.keys()], 1)
        assert.include(agent.report(), "reason=invalid IMDS metadata for key=compute.osProfile.computerName")
      }))
  }

  it.effect("goes on as the unknown VM when the firmware shows no id, and on a platform that is not Azure", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        vmId: new VmIdentityError({ path: "/sys/class/dmi/id/product_uuid", detail: "no such file" }),
        platform: "other"
      })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.state.calls.at(-1), "reported 00000000-0000-0000-0000-000000000000")
    }))
})

describe("provision: keys and passwords", () => {
  const bad = "ssh-ed25519 not_base64!!!"

  it.effect("installs the good keys and is Ready when some are bad", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [bad, goodKey, "no key at all"] }] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.ssh.installed.get("/home/azureuser/.ssh/authorized_keys") ?? [], 1)
    }))

  it.effect("installs every key of a text of several lines, and names the line that sshd would refuse", () =>
    Effect.gen(function*() {
      const text = `# mine\n${goodKey}\nfrom="10.0.0.0/8",restrict ${goodKey}\nno key at all`
      const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [text] }] })
      assert.strictEqual(yield* agent.boot, 0)
      const installed = agent.ssh.installed.get("/home/azureuser/.ssh/authorized_keys") ?? []
      assert.deepStrictEqual(installed.map((key) => key.options), ["", "from=\"10.0.0.0/8\",restrict"])
      const refused = makeAgent({ imds: [{ ...metadata, publicKeys: [bad, "# mine\nno key at all"] }] })
      assert.strictEqual(yield* refused.boot, 1)
      assert.match(refused.report(), /IMDS key 1, line 2 \(SHA256:[^)]+\): its type is not one that sshd knows/)
    }))

  it.effect("fails when all the keys are bad, naming each by its index and fingerprint", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [bad, "no key at all"] }] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.include(agent.report(), "reason=no usable SSH key or password")
      assert.match(agent.report(), /IMDS key 0 \(SHA256:[^)]+\).*IMDS key 1 \(SHA256:/)
      assert.isTrue(agent.user.sudoers.has(username))
    }))

  for (
    const [why, options] of [
      ["IMDS is down and the disc has no key", { imds: [noImds], media: [Option.some({ ...disc, publicKeys: [] })] }],
      [
        "IMDS is down and the disc names its keys by fingerprint only",
        { imds: [noImds], media: [Option.some({ ...disc, publicKeys: [], publicKeysWithoutValue: 2 })] }
      ],
      [
        "IMDS has no key and the disc cannot be read",
        {
          imds: [{ ...metadata, publicKeys: [] }],
          media: [new MediaError({ device: "/dev/sr0", kind: "read", detail: "EIO" })]
        }
      ],
      [
        "the password that is set is one that sshd refuses",
        {
          imds: [{ ...metadata, publicKeys: [] }],
          media: [Option.some({ ...withPassword, publicKeys: [] })],
          settings: allow
        }
      ],
      [
        "every key is bad and the password that is set is one that sshd refuses",
        {
          imds: [{ ...metadata, publicKeys: [bad] }],
          media: [Option.some({ ...withPassword, publicKeys: [] })],
          settings: allow
        }
      ]
    ] satisfies ReadonlyArray<readonly [string, Parameters<typeof makeAgent>[0]]>
  ) {
    it.effect(`is not Ready when nobody could log in: ${why}`, () =>
      Effect.gen(function*() {
        const agent = makeAgent(options)
        assert.strictEqual(yield* agent.boot, 1)
        assert.deepStrictEqual(states(agent), ["failed"])
        assert.include(agent.report(), "reason=no usable SSH key or password")
        assert.deepStrictEqual(agent.state.calls, [])
      }))
  }

  it.effect("is not Ready without the password that Azure promises where the image allows it, though the keys are in", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        imds: [{ ...metadata, disablePasswordAuthentication: false }],
        media: [new MediaError({ device: "/dev/sr0", kind: "read", detail: "EIO" })],
        settings: allow
      })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf([...agent.ssh.installed.keys()], 1)
      assert.include(agent.report(), "reason=failed to read provisioning media")
    }))

  it.effect("is Ready without keys when Azure wants none, as azure-init", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [] }] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.lengthOf(agent.ssh.calls.filter(({ _tag }) => _tag === "installKeys"), 0)
    }))

  it.effect("is not Ready when the password that Azure promises is not to be had and there is no key", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [{ ...metadata, publicKeys: [], disablePasswordAuthentication: false }] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.include(agent.report(), "reason=no usable SSH key or password")
      assert.include(agent.report(), "nor the password that Azure promises")
      assert.include(agent.report(), "media: there is none")
    }))

  it.effect("locks the account and lets the keys in when a password comes that is not allowed", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ media: [Option.some(withPassword)] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.password.calls, ["lock azureuser"])
    }))

  it.effect("fails with azure-init's reason and status when the password is all there is and is not allowed", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [noImds], media: [Option.some({ ...withPassword, publicKeys: [] })] })
      assert.strictEqual(yield* agent.boot, 78)
      assert.include(agent.report(), "reason=provisioning with non-empty password is unsupported")
      assert.deepStrictEqual(agent.password.calls, ["lock discuser"])
    }))

  it.effect("sets the password when it is allowed, and lets it in", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        imds: [noImds],
        media: [Option.some({ ...withPassword, publicKeys: [] })],
        settings: allow
      })
      assert.strictEqual(yield* agent.boot, 0)
      const password = agent.password.passwords.get("discuser")
      assert.isTrue(Redacted.isRedacted(password) && Redacted.value(password) === secret)
      assert.strictEqual(agent.ssh.passwordsAllowed(), true)
    }))

  it.effect("lets passwords in when the media has one and no flag, and not when it has neither", () =>
    Effect.gen(function*() {
      const flagless = { ...withPassword, disablePasswordAuthentication: Option.none() }
      const one = makeAgent({ imds: [noImds], media: [Option.some(flagless)], settings: allow })
      yield* one.boot
      assert.strictEqual(one.ssh.passwordsAllowed(), true)
      const other = makeAgent({ imds: [noImds], media: [Option.some({ ...flagless, password: Option.none() })] })
      yield* other.boot
      assert.strictEqual(other.ssh.passwordsAllowed(), false)
    }))

  it.effect("shows the password nowhere", () =>
    Effect.gen(function*() {
      for (const settings of [{}, allow]) {
        const agent = makeAgent({
          imds: [noImds],
          media: [Option.some({ ...withPassword, publicKeys: [] })],
          settings,
          password: { fails: "chpasswd is missing" }
        })
        yield* agent.boot
        assert.notInclude(JSON.stringify([agent.kvp.calls, agent.wireServer.calls, agent.password.calls]), secret)
      }
    }))
})

describe("provision: failures", () => {
  it.effect("finishes every other branch, then reports all failures at once", () =>
    Effect.gen(function*() {
      const agent = makeAgent({
        hostname: [{ failure: "no bus" }],
        ssh: {
          keysError: new SshKeysError({
            user: "azureuser",
            path: "/home/azureuser/.ssh",
            detail: "is a symbolic link"
          }),
          passwordsError: new SshdConfigError({ path: "/etc/ssh/sshd_config", detail: "bad configuration option" })
        },
        password: { fails: "passwd is missing" },
        user: { sudoError: new UserError({ user: "azureuser", operation: "write the sudo rule", detail: "ENOSPC" }) }
      })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      const described = agent.wireServer.calls[0]?.description ?? ""
      for (
        const reason of [
          "failed to provision hostname",
          "failed to update sshd config",
          "I/O error",
          "failed to provision password",
          "failed to provision user"
        ]
      ) assert.include(described, reason)
      assert.include(described, "reason_5=")
      assert.deepStrictEqual(agent.state.calls, [])
    }))

  it.effect("finishes the other branches when one of them has a defect, and reports that", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ hostname: ["defect"] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf([...agent.ssh.installed.keys()], 1)
      assert.isTrue(agent.user.sudoers.has(username))
      assert.include(agent.report(), "reason=unhandled error")
    }))

  it.effect("lets the owner in when the disc cannot be unmounted, and reports that", () =>
    Effect.gen(function*() {
      const stuck = new MediaError({ device: "/dev/sr0", kind: "unmount", detail: "target is busy" })
      const agent = makeAgent({ stuckMedia: Option.some(stuck) })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf([...agent.ssh.installed], 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      assert.include(agent.report(), "reason=failed to unmount provisioning media")
    }))

  it.effect("lets the owner in when the environment names a group that cannot be, and reports that", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ groups: [group("adm")], wrongGroups: ["domain users"] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf([...agent.ssh.installed.keys()], 1)
      assert.isTrue(agent.user.members.get(username)?.has("adm"))
      assert.include(agent.report(), "join the groups domain users")
    }))

  it.effect("lets the owner in with the good groups when others are missing, and names them", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ user: { groups: ["adm"] }, groups: [group("adm"), group("nosuch"), group("neither")] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf([...agent.ssh.installed.keys()], 1)
      assert.isTrue(agent.user.sudoers.has(username))
      assert.include(agent.report(), "find the groups nosuch, neither")
    }))

  it.effect("ends with 78 when the user is missing", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ user: { ensureError: new UserMissingError({ user: "azureuser" }) } })
      assert.strictEqual(yield* agent.boot, 78)
      assert.include(agent.report(), "reason=user not found|")
      assert.include(agent.report(), "user=azureuser")
      assert.deepStrictEqual(agent.hostname.calls, ["labvm"])
    }))

  it.effect("is not Ready when the marker cannot be written", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { full: "configured" } })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      assert.include(agent.report(), "no space left on device")
    }))

  it.effect("says nothing more to Azure when the last marker cannot be written", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ state: { full: "reported" } })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["ready"])
    }))

  it.effect("ends with a failure, having tried, when Azure does not take the failure report", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: [noImds], wireServer: [notAccepted] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.deepStrictEqual(states(agent), ["failed"])
      assert.include(agent.report(), "result=error")
    }))

  it.effect("tries everything again at the next boot after a failure", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ hostname: [{ failure: "no bus" }, "set"] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(states(agent), ["failed", "ready"])
    }))
})

describe("provision: wrong settings", () => {
  const problem = {
    file: "/etc/azure-init.toml",
    line: 3,
    key: "imds.retry_interval_secs",
    found: "-1",
    expected: "seconds"
  }

  it.effect("touches nothing and reports file, line and key", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsErrors: [problem] })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf(agent.user.requests, 0)
      assert.lengthOf(agent.imds.calls, 0)
      assert.include(agent.report(), "reason=failed to load configuration")
      assert.include(agent.report(), "/etc/azure-init.toml:3: imds.retry_interval_secs: found -1, expected seconds")
      assert.deepStrictEqual(states(agent), ["failed"])
    }))

  it.effect("does not tell Azure about a VM that is provisioned already", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsErrors: [problem], state: { progress: { [vmId]: "reported" } } })
      assert.strictEqual(yield* agent.boot, 1)
      assert.lengthOf(agent.wireServer.calls, 0)
    }))
})

describe("provision: the in-progress report", () => {
  const on = { wireserver: { ...defaults.wireserver, reportInProgress: true } }

  it.effect("is sent first when the settings say so, and never after the final one", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settings: on, wireServer: ["hangs", "accepts"] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.deepStrictEqual(agent.wireServer.calls, [
        {
          report: "inProgress",
          description: `Provisioning is still in progress for vm_id=${vmId}.`,
          end: "interrupted"
        },
        { report: "ready", end: "accepted" }
      ])
    }))

  it.effect("is not sent by default", () =>
    Effect.gen(function*() {
      const agent = makeAgent()
      yield* agent.boot
      assert.deepStrictEqual(states(agent), ["ready"])
      assert.strictEqual(Duration.toSeconds(defaults.wireserver.retryInterval), 2)
    }))

  it.effect("costs nothing when Azure refuses it", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settings: on, wireServer: [notAccepted, "accepts"] })
      assert.strictEqual(yield* agent.boot, 0)
    }))
})
