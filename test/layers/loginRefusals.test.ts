import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { chmodSync } from "node:fs"
import type { SshPublicKey } from "../../src/domain/SshPublicKey.ts"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/SshProvisioner.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"
import { pathsBelow, settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"
import { userland } from "../support/userland.ts"

const alice: UserAccount = { name: Username.make("alice"), uid: 1000, gid: 1000, home: "/home/alice" }

const key: SshPublicKey = {
  options: "",
  type: "ssh-ed25519",
  blob: "AAAAC3NzaC1lZDI1NTE5AAAAIGEmTgOGc5h3Dhx5lJ1Hb8qXhlHqlVuV3hCq3D0Ws6Bd",
  comment: "",
  fingerprint: "SHA256:x"
}

/** The days of 2026-01-10. */
const today = 20_463

/** A host whose sshd says `sshd`, or that has none, and on which its general configuration has been asked for. */
const refusalsOn = (
  files: Readonly<Record<string, string>>,
  sshd: string | null = "usepam yes\npasswordauthentication yes\n",
  answer: (request: SubprocessRequest) => Answer | undefined = () => undefined,
  first: (ssh: SshProvisioner["Service"]) => Effect.Effect<unknown, unknown> = () => Effect.void
) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(today * 86_400_000 + 1)
    const root = yield* temporaryRoot
    yield* writeFiles(root, {
      "bin/sh": "",
      "bin/text": "",
      "etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\n",
      "etc/shadow": "alice:!:20463:0:99999:7:::\n",
      "etc/ssh/sshd_config": "",
      ...files
    })
    chmodSync(`${root}/bin/sh`, 0o755)
    const host = userland(
      root,
      (request) =>
        answer(request) ??
          (request.command !== "sshd" ? undefined : sshd === null ? "not found" : { stdout: sshd })
    )
    const layer = Live.layer.pipe(Layer.provide([host.layer, pathsBelow(root), settingsWith()]))
    const refusals = yield* SshProvisioner.use((ssh) =>
      Effect.gen(function*() {
        yield* Effect.ignore(first(ssh))
        yield* Effect.ignore(ssh.allowPasswords(true))
        const before = host.commands().length
        const found = yield* ssh.loginRefusals(alice, { key: false, password: true })
        return { kinds: found.map(({ kind }) => kind), commands: host.commands().slice(before) }
      })
    ).pipe(Effect.provide(layer))
    return refusals
  })

const shadow = (line: string) => ({ "etc/shadow": `${line}\n` })
const passwd = (shell: string) => ({ "etc/passwd": `alice:x:1000:1000::/home/alice:${shell}\n` })

describe("SshProvisioner: what keeps the owner out", () => {
  for (
    const [what, files, kinds] of [
      ["nothing on a host as it should be", {}, []],
      ["the shell of the passwd file", passwd("/usr/sbin/nologin"), ["shell"]],
      ["a shell that is not there", passwd("/bin/zsh"), ["shell"]],
      ["a shell that nobody may execute", passwd("/bin/text"), ["shell"]],
      ["a shell that is a directory", passwd("/bin"), ["shell"]],
      ["nothing when there is no shell, which means /bin/sh", passwd(""), []],
      ["an expiry that has come today", shadow("alice:!:20463:0:99999:7::20463:"), ["expired"]],
      ["nothing when the expiry is tomorrow", shadow("alice:!:20463:0:99999:7::20464:"), []],
      ["a password that must be changed", shadow("alice:!:0:0:99999:7:::"), ["password change"]],
      ["nothing when another account has expired", shadow("alice2:!:0:0:1:7::1:\nalice:!:20463:0:99999:7:::"), []],
      ["nothing without a shadow file's entry", shadow("bob:!:0:0:1:7::1:"), []],
      ["an /etc/nologin", { "etc/nologin": "" }, ["nologin"]],
      ["nothing for systemd's nologin of every boot", { "run/nologin": "" }, []]
    ] as const
  ) {
    it.effect(`is ${what}, and no process is started to find out`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* refusalsOn(files), { kinds: [...kinds], commands: [] })
      }))
  }

  it.effect("is judged by PAM's rules where there is no sshd to ask", () =>
    Effect.gen(function*() {
      const { kinds } = yield* refusalsOn(shadow("alice:!:0:0:99999:7:::"), null)
      assert.deepStrictEqual(kinds, ["password change"])
    }))

  it.effect("is every list of sshd that is printed on lines of their own", () =>
    Effect.gen(function*() {
      const lists = "usepam yes\npasswordauthentication yes\nallowusers bob\nallowusers carol\n"
      assert.deepStrictEqual((yield* refusalsOn({}, lists)).kinds, ["user list"])
      assert.deepStrictEqual((yield* refusalsOn({}, `${lists}allowusers alice\n`)).kinds, [])
    }))

  it.effect("is found by the names of the groups, which are asked for only then", () =>
    Effect.gen(function*() {
      const lists = "usepam yes\npasswordauthentication yes\nallowgroups wheel\nallowgroups adm\n"
      const group = (members: string) => ({ "etc/group": `adm:x:4:${members}\n` })
      assert.deepStrictEqual(yield* refusalsOn(group("bob"), lists), {
        kinds: ["user list"],
        commands: [["id", "-Gn", "alice"]]
      })
      assert.deepStrictEqual((yield* refusalsOn(group("bob,alice"), lists)).kinds, [])
    }))

  it.effect("is no block of sshd's configuration for some connections, and a block for the user", () =>
    Effect.gen(function*() {
      const general = "usepam yes\npasswordauthentication yes\n"
      const kindsWith = (match: string, always = "") =>
        Effect.map(
          refusalsOn(
            { "etc/ssh/sshd_config": `Match ${match}\n  DenyUsers *\n`, "home/alice/x": "" },
            general,
            ({ args, command }) =>
              command === "sshd"
                ? { stdout: `${general}${args.includes("-C") ? "denyusers *\n" : ""}${always}` }
                : undefined,
            (ssh) => ssh.installKeys(alice, [key])
          ),
          ({ kinds }) => kinds
        )
      assert.deepStrictEqual(yield* kindsWith("Address *,!10.0.0.0/8"), [])
      assert.deepStrictEqual(yield* kindsWith("User alice LocalPort 22"), [])
      assert.deepStrictEqual(yield* kindsWith("User alice"), ["user list"])
      assert.deepStrictEqual(yield* kindsWith("Address *,!10.0.0.0/8", "denyusers alice\n"), ["user list"])
    }))

  it.effect("does not count the shell's file where sshd looks for it below another root", () =>
    Effect.gen(function*() {
      const chroot = "usepam yes\npasswordauthentication yes\nchrootdirectory /srv/chroot\n"
      assert.deepStrictEqual((yield* refusalsOn(passwd("/bin/zsh"), chroot)).kinds, [])
      assert.deepStrictEqual((yield* refusalsOn(passwd("/bin/zsh"), chroot.replace("/srv/chroot", "none"))).kinds, [
        "shell"
      ])
    }))

  /** A host that keeps some of its accounts elsewhere. */
  const kept = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "etc/nsswitch.conf": "passwd: files ldap\nshadow: ldap files\n"
  }

  it.effect("is asked of the name service for an account that is kept elsewhere", () =>
    Effect.gen(function*() {
      const remote = ({ args, command }: SubprocessRequest): Answer | undefined =>
        command !== "getent"
          ? undefined
          : args[0] === "passwd"
          ? { stdout: "alice:*:1000:1000::/home/alice:/bin/false\n" }
          : { stdout: "alice:*:20463:0:99999:7::1:\n" }
      assert.deepStrictEqual(yield* refusalsOn(kept, null, remote), {
        kinds: ["shell", "expired"],
        commands: [["getent", "passwd", "alice"], ["getent", "shadow", "alice"]]
      })
    }))

  it.effect("is left open when the name service does not answer", () =>
    Effect.gen(function*() {
      const { kinds } = yield* refusalsOn(
        kept,
        null,
        ({ command }) => command === "getent" ? { exitCode: 3, stderr: "no enumeration" } : undefined
      )
      assert.deepStrictEqual(kinds, [])
    }))
})
