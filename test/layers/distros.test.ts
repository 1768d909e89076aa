import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { chmodSync } from "node:fs"
import { Hostname } from "../../src/domain/Hostname.ts"
import { defaults, type Settings } from "../../src/domain/Settings.ts"
import type { SshPublicKey } from "../../src/domain/SshPublicKey.ts"
import { Username } from "../../src/domain/Username.ts"
import * as Base from "../../src/layers/distros/Base.ts"
import { choose } from "../../src/layers/distros/choose.ts"
import * as Flatcar from "../../src/layers/distros/Flatcar.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"
import { userland } from "../support/userland.ts"

const vm = Hostname.make("vm-1")
const key: SshPublicKey = {
  options: "",
  type: "ssh-ed25519",
  blob: "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo",
  comment: "owner@example",
  fingerprint: "SHA256:TVq6tVPE/CBK8FuVwz21EhUKpKE+e1cYULufTBWAMfo"
}
const request = { name: Username.make("alice"), groups: [], createMissingGroups: false }

/** A host below a root, and a distribution on it with these settings. */
const hostWith = (
  distribution: Base.Distribution,
  changes: Partial<Settings>,
  answer?: (request: SubprocessRequest) => Answer | undefined
) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { "proc/sys/kernel/hostname": "old\n", "etc/hostname": "old\n" })
    const host = userland(root, answer)
    const layer = distribution({ ...defaults, ...changes }).pipe(
      Layer.provide([host.layer, pathsBelow(root), settingsWith(changes)])
    )
    return { root, host, layer }
  })

const chosenFor = (osRelease: string | undefined, distribution?: "base" | "flatcar") =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    if (osRelease !== undefined) yield* writeFiles(root, { "etc/os-release": osRelease })
    const chosen = yield* choose({ ...defaults, distribution: Option.fromUndefinedOr(distribution) }).pipe(
      Effect.provide(pathsBelow(root))
    )
    return chosen === Flatcar.layer ? "flatcar" : chosen === Base.layer ? "base" : "another"
  })

describe("distributions: which one", () => {
  for (
    const [osRelease, expected] of [
      ["NAME=\"Flatcar Container Linux by Kinvolk\"\nID=flatcar\nID_LIKE=coreos\n", "flatcar"],
      ["ID=\"flatcar\"\n", "flatcar"],
      ["ID='flatcar'\n", "flatcar"],
      ["ID=mine\nID_LIKE=\"gentoo flatcar\"\n", "flatcar"],
      ["ID=debian\nVERSION_ID=\"12\"\n", "base"],
      ["ID=ubuntu\nID_LIKE=debian\n", "base"],
      ["ID=notflatcar\nVARIANT_ID=flatcar\n", "base"],
      ["# ID=flatcar\n", "base"],
      ["", "base"],
      [undefined, "base"]
    ] as const
  ) {
    it.effect(`is ${expected} for the os-release ${JSON.stringify(osRelease)}`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* chosenFor(osRelease), expected)
      }))
  }

  it.effect("is the one of the settings, whatever the os-release says", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* chosenFor("ID=flatcar\n", "base"), "base")
      assert.strictEqual(yield* chosenFor("ID=debian\n", "flatcar"), "flatcar")
    }))
})

for (const [name, distribution] of [["base", Base.layer], ["flatcar", Flatcar.layer]] as const) {
  describe(`distributions: ${name}`, () => {
    it.effect("offers every concern, and building it calls nothing", () =>
      Effect.gen(function*() {
        const { host, layer } = yield* hostWith(distribution, {})
        yield* Effect.all([UserProvisioner, PasswordProvisioner, SshProvisioner, HostnameProvisioner]).pipe(
          Effect.provide(layer)
        )
        assert.deepStrictEqual(host.commands(), [])
      }))

    it.effect("makes the account by the backends of the settings, in their order", () =>
      Effect.gen(function*() {
        const { host, layer } = yield* hostWith(
          distribution,
          { userProvisioners: { ...defaults.userProvisioners, backends: ["useradd", "adduser"] } },
          ({ command }) => command === "useradd" ? "not found" : undefined
        )
        const { account } = yield* UserProvisioner.use((users) => users.ensure(request)).pipe(Effect.provide(layer))
        assert.strictEqual(account.name, "alice")
        assert.deepStrictEqual(
          host.commands().map(([program]) => program).filter((program) => program?.includes("add")),
          ["useradd", "adduser"]
        )
      }))
  })
}

describe("distributions: questions to sshd", () => {
  it.effect("asks once what the keys, the lock of the password and the last look at the account want to know", () =>
    Effect.gen(function*() {
      const { host, layer, root } = yield* hostWith(
        Base.layer,
        {},
        ({ command }) =>
          command === "sshd" ? { stdout: "usepam yes\nauthorizedkeysfile .ssh/authorized_keys\n" } : undefined
      )
      yield* writeFiles(root, { "bin/sh": "" })
      chmodSync(`${root}/bin/sh`, 0o755)
      yield* Effect.gen(function*() {
        const users = yield* UserProvisioner
        const passwords = yield* PasswordProvisioner
        const ssh = yield* SshProvisioner
        const { account } = yield* users.ensure(request)
        yield* Effect.all([passwords.lock(account.name), ssh.installKeys(account, [key])], { concurrency: "unbounded" })
        const before = host.commands().length
        assert.deepStrictEqual(yield* ssh.loginRefusals(account, { key: true, password: false }), [])
        assert.lengthOf(host.commands(), before)
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(host.commands().map(([program]) => program).sort(), ["sshd", "useradd", "visudo"])
    }))
})

describe("distributions: administrators below UID_MIN", () => {
  it.effect("flatcar has core, and base has none", () =>
    Effect.gen(function*() {
      for (const [distribution, expected] of [[Flatcar.layer, "Success"], [Base.layer, "Failure"]] as const) {
        const { layer, root } = yield* hostWith(distribution, {})
        yield* writeFiles(root, { "etc/passwd": "core:x:500:500::/home/core:/bin/bash\n", "home/core/x": "" })
        const result = yield* UserProvisioner.use((users) =>
          Effect.result(users.ensure({ ...request, name: Username.make("core") }))
        ).pipe(Effect.provide(layer))
        assert.strictEqual(result._tag, expected)
      }
    }))
})

describe("distributions: hostnames", () => {
  const commandsOf = (distribution: Base.Distribution, backends: Settings["hostnameProvisioners"]["backends"]) =>
    Effect.gen(function*() {
      const { host, layer } = yield* hostWith(distribution, { hostnameProvisioners: { backends } })
      yield* HostnameProvisioner.use((hostnames) => hostnames.set(vm)).pipe(Effect.provide(layer))
      assert.strictEqual(host.read("/etc/hostname"), "vm-1\n")
      return host.commands().map(([program]) => program)
    })

  it.effect("base asks hostnamectl or the files first, as the settings have it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* commandsOf(Base.layer, ["hostnamectl", "file"]), ["hostnamectl"])
      assert.deepStrictEqual(yield* commandsOf(Base.layer, ["file", "hostnamectl"]), [])
    }))

  it.effect("flatcar writes the files, whatever the settings say", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* commandsOf(Flatcar.layer, ["hostnamectl"]), [])
    }))
})
