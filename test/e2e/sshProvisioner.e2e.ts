import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { SshPublicKey } from "../../src/domain/SshPublicKey.ts"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/SshProvisioner.ts"
import * as LiveSubprocess from "../../src/layers/live/Subprocess.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { pathsBelow, settingsWith, temporaryRoot } from "../support/host.ts"

const main = "etc/ssh/sshd_config"
const dropIn = `etc/ssh/sshd_config.d/${Live.dropInName}`
const account: UserAccount = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

const key: SshPublicKey = {
  options: "",
  type: "ssh-ed25519",
  blob: "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo",
  comment: "owner@example",
  fingerprint: "SHA256:TVq6tVPE/CBK8FuVwz21EhUKpKE+e1cYULufTBWAMfo"
}

beforeAll(() => {
  assert.strictEqual(process.getuid?.(), 0, "these tests need root")
  assert.isTrue(existsSync("/usr/sbin/sshd"), "these tests need openssh-server")
  // OpenSSH before 9.3 has only `sshd -T`, which wants its run-time directory; starting the service would make it.
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 })
})

describe("SshProvisioner: the real sshd", () => {
  const real = (files: (root: string) => Readonly<Record<string, string>>) =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      mkdirSync(join(root, "home/root"), { recursive: true })
      for (const [path, content] of Object.entries(files(root))) {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), content)
      }
      const layer = Live.layer.pipe(
        Layer.provide([LiveSubprocess.layer.pipe(Layer.provide(Platform.processes)), pathsBelow(root), settingsWith()])
      )
      return { root, layer }
    })

  it.effect("names the place of the user's Match block, and takes our drop-in before another", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* real((below) => ({
        [main]:
          `HostKey ${below}/none\nInclude ${below}/etc/ssh/sshd_config.d/*.conf\nMatch User root\n  AuthorizedKeysFile .keys/%u\n`,
        "etc/ssh/sshd_config.d/10-image.conf": "PasswordAuthentication yes\n"
      }))
      yield* SshProvisioner.use((ssh) =>
        Effect.gen(function*() {
          const user = { ...account, name: Username.make("root"), home: "/home/root" }
          assert.strictEqual(yield* ssh.installKeys(user, [key]), "/home/root/.keys/root")
          yield* ssh.allowPasswords(false)
        })
      ).pipe(Effect.provide(layer))
      assert.strictEqual(readFileSync(join(root, dropIn), "utf8"), "PasswordAuthentication no\n")
      assert.isFalse(readFileSync(join(root, main), "utf8").includes("BEGIN"))
    }))

  it.effect("gets the block in sshd_config, above a Match block, when it does not read the drop-in", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* real((below) => ({
        [main]: `HostKey ${below}/none\nPasswordAuthentication yes\nMatch User root\n  X11Forwarding no\n`,
        "etc/ssh/sshd_config.d/README": ""
      }))
      yield* SshProvisioner.use((ssh) => ssh.allowPasswords(false)).pipe(Effect.provide(layer))
      assert.match(readFileSync(join(root, main), "utf8"), /^# BEGIN azure-init[^\n]*\nPasswordAuthentication no\n/)
    }))

  it.effect("refuses a configuration with a mistake, in its own words", () =>
    Effect.gen(function*() {
      const { layer } = yield* real((below) => ({ [main]: `HostKey ${below}/none\nNoSuchOption yes\n` }))
      const error = yield* SshProvisioner.use((ssh) => Effect.flip(ssh.allowPasswords(false))).pipe(
        Effect.provide(layer)
      )
      assert.include(error.message, "NoSuchOption")
    }))

  it.effect("gives the keys to the user, with their directory, and refuses a home of another's", () =>
    Effect.gen(function*() {
      const user = { ...account, uid: 12345, gid: 12346 }
      const { layer, root } = yield* real(() => ({ [main]: "HostKey /none\n" }))
      const at = (path: string) => join(root, path)
      mkdirSync(at("home/azureuser/.ssh"), { recursive: true })
      yield* SshProvisioner.use((ssh) =>
        Effect.gen(function*() {
          yield* ssh.installKeys(user, [key])
          for (const path of ["home/azureuser/.ssh", "home/azureuser/.ssh/authorized_keys"]) {
            assert.deepStrictEqual([statSync(at(path)).uid, statSync(at(path)).gid], [12345, 12346])
          }
          assert.strictEqual(statSync(at("home/azureuser")).uid, 0)
          chownSync(at("home/azureuser"), 54321, 54321)
          assert.include((yield* Effect.flip(ssh.installKeys(user, [key]))).message, "belongs to uid 54321")
        })
      ).pipe(Effect.provide(layer))
    }))
})
