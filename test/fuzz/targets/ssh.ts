import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as SshPublicKey from "../../../src/domain/SshPublicKey.ts"
import * as SshLive from "../../../src/layers/live/SshProvisioner.ts"
import * as Subprocess from "../../../src/layers/test/Subprocess.ts"
import { rooted } from "../../../src/services/Paths.ts"
import { SshProvisioner } from "../../../src/services/SshProvisioner.ts"
import { pathsBelow } from "../../support/host.ts"
import { refused, type Target, value } from "../target.ts"
import {
  account,
  bytesOf,
  emptied,
  filesIn,
  fixtures,
  oneKey,
  outcome,
  output,
  promise,
  put,
  settings,
  withoutClimbing
} from "./common.ts"

/** `authorized_keys`: the whole text as one key, and each of its lines. */
export const keys: Target = {
  name: "keys",
  documents: () => [...filesIn("ssh/"), ...filesIn("fuzz/keys/")],
  words: [
    "ssh-ed25519 ",
    "ssh-rsa ",
    "ssh-dss ",
    "ecdsa-sha2-nistp256 ",
    "sk-ssh-ed25519@openssh.com ",
    "ssh-ed25519-cert-v01@openssh.com ",
    "AAAA",
    "AAAAC3NzaC1lZDI1NTE5AAAAI",
    "AAAAB3NzaC1yc2EAAAADAQAB",
    "=",
    "==",
    "\r\n",
    "\n",
    " ",
    "\t",
    "command=\"x\" ",
    "command=\"",
    "\\\"",
    "\"",
    ",",
    "from=\"10.0.0.0/8,!fd00::/8,*.example\",",
    "expiry-time=\"20991231Z\",",
    "environment=\"A=b\",",
    "permitopen=\"[::1]:22\",",
    "permitlisten=\"80\",",
    "principals=\"a\",cert-authority,",
    "tunnel=\"any\",",
    "no-pty,",
    "restrict ",
    "# ",
    "-----BEGIN PUBLIC KEY-----",
    "---- BEGIN SSH2 PUBLIC KEY ----",
    "/////w=="
  ],
  open: () =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      const text = output(bytes)
      const { keys, rejected } = yield* SshPublicKey.decodeAll([text, ...text.split("\n").slice(0, 256)])
      promise(
        rejected.every(({ fingerprint }) => fingerprint.startsWith("SHA256:")),
        "what is refused has a fingerprint"
      )
      const lines = keys.map(SshPublicKey.toLine)
      promise(!lines.some((line) => /[\n\r\0]/.test(line)), "a key is one line")
      promise(
        isDeepStrictEqual(yield* SshPublicKey.decodeAll([lines.join("\n")]), { keys, rejected: [] }) ||
          keys.length === 0,
        "the lines decode to the keys"
      )
      return keys.length > 0
        ? value(keys.map(({ type }) => type).join(), { keys, rejected })
        : refused("BadSshPublicKey", rejected[0]?.why ?? "no text", rejected)
    }))
}

/**
 * What sshd prints, with its exit status in front where it is not 0: where the keys go, and whether passwords are
 * taken.
 */
export const sshd: Target = {
  name: "sshd",
  documents: () => [
    readFileSync(new URL("ssh/sshd-T-openssh-9.2.txt", fixtures)),
    ...filesIn("fuzz/sshd/"),
    // Thousands of directories were made for this, in seconds.
    ...bytesOf(`authorizedkeysfile ${"%h".repeat(3000)}`)
  ],
  words: [
    "authorizedkeysfile ",
    "AuthorizedKeysFile\t",
    "passwordauthentication yes\n",
    "passwordauthentication no\n",
    "usepam yes\n",
    "kbdinteractiveauthentication yes\n",
    "none",
    "%h",
    "%u",
    "%U",
    "%%",
    "%",
    "/",
    ".ssh/authorized_keys",
    "/etc/ssh/keys/%u",
    " ",
    "\n",
    "\r\n",
    "exit 255\n",
    "Missing privilege separation directory: /run/sshd\n",
    "sshd: no hostkeys available -- exiting.\n",
    "unknown option -- G\n",
    "without test mode",
    "\0"
  ],
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      const root = `${directory}/root`
      put(`${root}/etc/ssh/sshd_config`, "Include /etc/ssh/sshd_config.d/*.conf\n")
      mkdirSync(`${root}/etc/ssh/sshd_config.d`)
      mkdirSync(`${root}${account.home}`, { recursive: true })
      const printed = output(withoutClimbing(bytes))
      const exit = /^exit (\d{1,3})\n/.exec(printed)
      const { layer } = Subprocess.make(({ command }) =>
        command !== "sshd"
          ? {}
          : exit === null
          ? { stdout: printed }
          : { exitCode: Number(exit[1]), stderr: printed.slice(exit[0].length) }
      )
      return yield* Effect.gen(function*() {
        const ssh = yield* SshProvisioner
        const { keys } = yield* SshPublicKey.decodeAll([oneKey])
        const path = yield* ssh.installKeys(account, keys)
        // With the root's prefix a path can be too long for the kernel that is not on a host.
        const tooLong = Buffer.byteLength(`${root}${path}`) >= 4096
        const installed = tooLong ? "" : readFileSync(`${root}${path}`, "utf8")
        promise(tooLong || installed.startsWith("ssh-ed25519 "), "the key is there")
        yield* ssh.allowPasswords(false)
        return { path, installed }
      }).pipe(
        (work) => outcome(work),
        Effect.provide(SshLive.layer.pipe(Layer.provide([pathsBelow(root), settings, layer])))
      )
    }))
}

/** `sshd_config`, which is changed, and brought back when sshd refuses the change. */
export const sshdConfig: Target = {
  name: "sshd_config",
  documents: () => [readFileSync(new URL("ssh/sshd_config-debian", fixtures)), ...filesIn("fuzz/sshd_config/")],
  words: [
    "# BEGIN azure-init: stands first, since sshd takes the first value\n",
    "# END azure-init\n",
    "PasswordAuthentication yes\n",
    "\n",
    "\r\n",
    "Match User a\n",
    "Include /etc/ssh/sshd_config.d/*.conf\n"
  ],
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(input) {
      yield* emptied(directory)
      const path = rooted(directory).sshdConfig
      // The image's own file, which only its root writes: a list of a million empty lines does not fit into the boot
      // runtime's memory.
      const bytes = input.subarray(0, 256 * 1024)
      put(path, bytes)
      const change = (answer: Subprocess.Answer) =>
        outcome(Effect.flatMap(SshProvisioner, (ssh) => ssh.allowPasswords(false))).pipe(
          Effect.provide(SshLive.layer.pipe(
            Layer.provide([
              pathsBelow(directory),
              settings,
              Subprocess.make(({ command }) => command === "sshd" ? answer : "not found").layer
            ])
          ))
        )
      yield* change({ exitCode: 255, stderr: "Bad configuration option" })
      promise(readFileSync(path).equals(bytes), "a change that sshd refuses leaves every byte as it was")
      const changed = yield* change({ stdout: "passwordauthentication no\n" })
      if (changed._tag === "Value") {
        const after = readFileSync(path)
        promise(
          /^# BEGIN azure-init[^\n]*\nPasswordAuthentication no\n# END azure-init\n/.test(after.toString("latin1")),
          "the setting stands first"
        )
        yield* change({ stdout: "passwordauthentication no\n" })
        promise(readFileSync(path).equals(after), "a second run changes nothing")
      }
      return { ...changed, whole: readFileSync(path).toString("latin1") }
    }))
}
