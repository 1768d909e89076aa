import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { lstatSync, realpathSync } from "node:fs"
import type { SshPublicKey } from "../../src/domain/SshPublicKey.ts"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/SshProvisioner.ts"
import * as TestSubprocess from "../../src/layers/test/Subprocess.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"
import { telling, type Told } from "../support/told.ts"
import { watchFiles } from "../support/watchedFiles.ts"

const account = {
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

/** A host below a root whose sshd gives these lines as what is in force. */
const hostWith = (files: Readonly<Record<string, string>>, ...inForce: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const root = realpathSync(yield* temporaryRoot)
    yield* writeFiles(root, files)
    const { layer } = TestSubprocess.make(({ command }) => command === "sshd" ? { stdout: inForce.join("\n") } : {})
    const own = Live.layer.pipe(Layer.provide([layer, pathsBelow(root), settingsWith()]))
    return {
      root,
      run: <A, E>(work: (ssh: SshProvisioner["Service"]) => Effect.Effect<A, E>) =>
        SshProvisioner.use(work).pipe(Effect.provide(own))
    }
  })

describe("SshProvisioner: how long a place of the keys may be", () => {
  const tooLong = "sshd cannot open a path of this length"

  /** What goes wrong with the keys at this place; nothing may be written below `/file`. */
  const detailFor = (place: string) =>
    Effect.gen(function*() {
      const { run } = yield* hostWith({ file: "", "home/azureuser/.keep": "" }, `authorizedkeysfile ${place}`)
      const result = yield* Effect.result(run((ssh) => ssh.installKeys(account, [key])))
      return result._tag === "Success" ? result.success : result.failure.message
    })

  it.effect("is 4095 bytes with all that it stands for, as in PATH_MAX, and no more", () =>
    Effect.gen(function*() {
      assert.include(yield* detailFor(`/file/${"x".repeat(4089)}`), "is no directory")
      assert.include(yield* detailFor(`/file/${"x".repeat(4090)}`), tooLong)
      assert.include(yield* detailFor(`/file/${"x".repeat(4080)}%u`), "is no directory")
      assert.include(yield* detailFor(`/file/${"x".repeat(4081)}%u`), tooLong)
      assert.include(yield* detailFor(`/file/${"x".repeat(4080)}éééééé`), tooLong)
    }))

  it.effect("is 4095 letters as sshd has it, however short the path is that it leads to", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* detailFor(`${"./".repeat(2045)}/keys`), "/home/azureuser/keys")
      assert.include(yield* detailFor(`${"./".repeat(2046)}keys`), tooLong)
      assert.include(yield* detailFor(`${"./".repeat(2046)}/keys`), tooLong)
    }))
})

describe("SshProvisioner: what it says and makes beside the setting for passwords", () => {
  it.effect("makes a drop-in directory that others can read and nobody else can write", () =>
    Effect.scoped(Effect.gen(function*() {
      const { root, run } = yield* hostWith({ "etc/.keep": "" }, "passwordauthentication no")
      const calls = yield* watchFiles()
      yield* run((ssh) => ssh.allowPasswords(false))
      assert.include(calls, `mkdir ${root}/etc/ssh/sshd_config.d 755`)
      assert.strictEqual(lstatSync(`${root}/etc/ssh/sshd_config.d`).mode & 0o7777, 0o755)
    })))

  const pam = "usepam yes"
  const keyboard = "kbdinteractiveauthentication yes"
  for (
    const [allowed, lines, warns] of [
      [false, [pam, keyboard], true],
      [true, [pam, keyboard], false],
      [false, ["usepam no", keyboard], false],
      [false, [pam, "kbdinteractiveauthentication no"], false],
      [false, [pam, "challengeresponseauthentication yes"], true]
    ] as const
  ) {
    it.effect(`${warns ? "warns" : "does not warn"} of PAM for ${allowed ? "passwords" : "none"} and ${lines.join()}`, () =>
      Effect.gen(function*() {
        const told: Told = { logged: [], spans: [] }
        const { run } = yield* hostWith(
          { "etc/ssh/sshd_config": "" },
          `passwordauthentication ${allowed ? "yes" : "no"}`,
          ...lines
        )
        yield* telling(told, run((ssh) => ssh.allowPasswords(allowed)))
        assert.strictEqual(JSON.stringify(told.logged).includes("sshd still asks PAM by keyboard-interactive"), warns)
      }))
  }
})
