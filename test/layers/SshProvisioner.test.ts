import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import { defaults } from "../../src/domain/Settings.ts"
import { type SshPublicKey, toLine } from "../../src/domain/SshPublicKey.ts"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import { LoginRefusedError } from "../../src/errors/LoginRefusedError.ts"
import { SshdConfigError, SshKeysError } from "../../src/errors/SshError.ts"
import * as Sshd from "../../src/layers/live/sshd.ts"
import * as Live from "../../src/layers/live/SshProvisioner.ts"
import * as Test from "../../src/layers/test/SshProvisioner.ts"
import * as TestSubprocess from "../../src/layers/test/Subprocess.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { contract } from "../contracts/SshProvisioner.ts"
import { pathsBelow, settingsWith, temporaryRoot } from "../support/host.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/ssh/${name}`, import.meta.url), "utf8")

const account: UserAccount = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

/** An account whose shell refuses logins. */
const closed: UserAccount = { ...account, name: Username.make("closed") }

const key: SshPublicKey = {
  options: "",
  type: "ssh-ed25519",
  blob: "AAAAC3NzaC1lZDI1NTE5AAAAIGMk2ApaBtVTSqdXY54TTUKOLJeb4wGhsFMwOfwbO+oo",
  comment: "owner@example",
  fingerprint: "SHA256:TVq6tVPE/CBK8FuVwz21EhUKpKE+e1cYULufTBWAMfo"
}
const line = `${key.type} ${key.blob} ${key.comment}\n`

const mode = (path: string) => lstatSync(path).mode & 0o7777

/** sshd's value of a keyword: the first one, in the order of the files, `Match` blocks left out. */
const firstValue = (root: string, keyword: string): string | undefined => {
  const lines = (path: string): ReadonlyArray<string> =>
    (existsSync(path) ? readFileSync(path, "utf8") : "").split("\n").flatMap((text) => {
      if (text !== "Include /etc/ssh/sshd_config.d/*.conf") return [text]
      const directory = join(root, "etc/ssh/sshd_config.d")
      return existsSync(directory)
        ? readdirSync(directory).filter((name) => /^[^.].*\.conf$/.test(name)).toSorted().flatMap((name) =>
          lines(join(directory, name))
        )
        : []
    })
  const global = lines(join(root, "etc/ssh/sshd_config")).join("\n").split(/^Match /m)[0] ?? ""
  return new RegExp(`^\\s*${keyword}\\s+(\\S+)`, "im").exec(global)?.[1]?.toLowerCase()
}

interface Options {
  readonly files?: Readonly<Record<string, string>>
  /** The line of `sshd -G`. */
  readonly authorizedKeysFile?: string
  readonly query?: boolean
  readonly configuredPath?: string
  readonly answer?: (command: string) => TestSubprocess.Answer | undefined
}

/** A Debian host with a home, whose sshd reads the files below its root. */
const host = (options: Options = {}) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    mkdirSync(join(root, "home/azureuser"), { recursive: true, mode: 0o755 })
    chmodSync(join(root, "home/azureuser"), 0o755)
    const files = options.files ?? {
      "etc/ssh/sshd_config": fixture("sshd_config-debian"),
      "etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n"
    }
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
    const subprocess = TestSubprocess.make(({ args, command }) => {
      const scripted = options.answer?.([command, ...args].join(" "))
      if (scripted !== undefined) return scripted
      if (command === "sshd") {
        return {
          stdout: [
            `authorizedkeysfile ${options.authorizedKeysFile ?? ".ssh/authorized_keys .ssh/authorized_keys2"}`,
            `passwordauthentication ${firstValue(root, "PasswordAuthentication") ?? "yes"}`
          ].join("\n")
        }
      }
      return {}
    })
    const layer = Live.layer.pipe(
      Layer.provide([
        subprocess.layer,
        pathsBelow(root),
        settingsWith({
          ssh: {
            ...defaults.ssh,
            querySshdConfig: options.query ?? true,
            authorizedKeysPath: options.configuredPath ?? ".ssh/authorized_keys"
          }
        })
      ])
    )
    const install = (keys: ReadonlyArray<SshPublicKey> = [key], user = account) =>
      SshProvisioner.use((ssh) => ssh.installKeys(user, keys)).pipe(Effect.provide(layer))
    const allow = (allowed: boolean) =>
      SshProvisioner.use((ssh) => ssh.allowPasswords(allowed)).pipe(Effect.provide(layer))
    const commands = () => subprocess.calls.map((call) => [call.command, ...call.args].join(" "))
    return { root, at: (path: string) => join(root, path), layer, install, allow, commands }
  })

contract(
  "live",
  Effect.gen(function*() {
    const { at, layer, root } = yield* host()
    mkdirSync(at("bin"))
    writeFileSync(at("bin/sh"), "", { mode: 0o755 })
    writeFileSync(
      at("etc/passwd"),
      "azureuser:x:1000:1000::/home/azureuser:/bin/sh\nclosed:x:1001:1001::/home/closed:/usr/sbin/nologin\n"
    )
    return {
      layer,
      account,
      closed,
      keysAt: (path) => existsSync(at(path)) ? readFileSync(at(path), "utf8").trimEnd().split("\n") : undefined,
      passwordsAllowed: () => {
        const value = firstValue(root, "PasswordAuthentication")
        return value === undefined ? undefined : value === "yes"
      }
    }
  })
)
contract(
  "test",
  Effect.sync(() => {
    const fake = Test.make({
      loginRefusals: {
        closed: [new LoginRefusedError({ user: "closed", kind: "shell", detail: "the shell refuses logins" })]
      }
    })
    return {
      layer: fake.layer,
      account,
      closed,
      keysAt: (path) => fake.installed.get(path)?.map(toLine),
      passwordsAllowed: fake.passwordsAllowed
    }
  })
)

describe("SshProvisioner: test", () => {
  it.effect("fails as scripted, and has seen the calls", () =>
    Effect.gen(function*() {
      const fake = Test.make({
        keysError: new SshKeysError({ user: "azureuser", path: "/home/azureuser", detail: "is gone" }),
        passwordsError: new SshdConfigError({ path: "/etc/ssh/sshd_config", detail: "is gone" })
      })
      yield* SshProvisioner.use((ssh) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(ssh.installKeys(account, [key])))._tag, "SshKeysError")
          assert.strictEqual((yield* Effect.flip(ssh.allowPasswords(false)))._tag, "SshdConfigError")
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls.map((call) => call._tag), ["installKeys", "allowPasswords"])
      assert.strictEqual(fake.installed.size, 0)
    }))
})

describe("SshProvisioner: where the keys go", () => {
  it.effect("asks sshd for this user where a Match block may be for some users only", () =>
    Effect.gen(function*() {
      const { at, commands, install, root } = yield* host({
        authorizedKeysFile: ".keys/mine",
        files: { "etc/ssh/sshd_config": "Match User azureuser\n" }
      })
      assert.strictEqual(yield* install(), "/home/azureuser/.keys/mine")
      assert.strictEqual(readFileSync(at("home/azureuser/.keys/mine"), "utf8"), line)
      assert.isFalse(existsSync(at("home/azureuser/.ssh")))
      assert.deepStrictEqual(commands(), [
        `sshd -G -f ${root}/etc/ssh/sshd_config -C user=azureuser,host=192.0.2.1,addr=192.0.2.1,laddr=192.0.2.2,lport=22`
      ])
    }))

  it.effect("asks sshd in general where there is none", () =>
    Effect.gen(function*() {
      const { commands, install, root } = yield* host({ authorizedKeysFile: ".keys/%u" })
      assert.strictEqual(yield* install(), "/home/azureuser/.keys/azureuser")
      assert.deepStrictEqual(commands(), [`sshd -G -f ${root}/etc/ssh/sshd_config`])
    }))

  it.effect("asks an sshd that knows -G and takes -C only with -T, as OpenSSH 9.3 to 10.0 do", () =>
    Effect.gen(function*() {
      const { commands, install } = yield* host({
        files: { "etc/ssh/sshd_config": "Match User azureuser\n" },
        answer: (command) => {
          if (/^sshd -G .* -C /.test(command)) {
            return { exitCode: 255, stderr: "Config test connection parameter (-C) provided without test mode (-T)\n" }
          }
          return /^sshd -T .* -C /.test(command) ? { stdout: "authorizedkeysfile .keys/%u\n" } : undefined
        }
      })
      assert.strictEqual(yield* install(), "/home/azureuser/.keys/azureuser")
      assert.deepStrictEqual(commands().map((command) => command.split(" ").slice(0, 2).join(" ")), [
        "sshd -G",
        "sshd -T"
      ])
    }))

  it.effect("understands the tokens, skips none and takes the first of several", () =>
    Effect.gen(function*() {
      for (
        const [value, path] of [
          ["%h/.ssh/k", "/home/azureuser/.ssh/k"],
          ["none /etc/ssh/keys/%u .ssh/authorized_keys", "/etc/ssh/keys/azureuser"],
          [".ssh/%U-%%u", `/home/azureuser/.ssh/${account.uid}-%u`]
        ] as const
      ) {
        const { at, install } = yield* host({ authorizedKeysFile: value })
        assert.strictEqual(yield* install(), path)
        assert.strictEqual(readFileSync(at(path), "utf8"), line)
      }
    }))

  it.effect("fails when sshd looks nowhere, instead of writing keys that let nobody in", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host({
        authorizedKeysFile: "none",
        files: {
          "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n\nAuthorizedKeysFile=none\n",
          "etc/ssh/sshd_config.d/10-hardened.conf": "# AuthorizedKeysFile none\n authorizedkeysfile none\n",
          "etc/ssh/sshd_config.d/20-other.conf": "AuthorizedKeysFile .ssh/none\n"
        }
      })
      const error = yield* Effect.flip(install())
      const directory = at("etc/ssh")
      assert.strictEqual(
        error.message,
        `sshd reads the SSH keys of azureuser from no file: AuthorizedKeysFile none is set in ${directory}/sshd_config.d/10-hardened.conf:2 and ${directory}/sshd_config:3; remove it, or set it to .ssh/authorized_keys`
      )
      assert.strictEqual(error.reason, "sshd reads no authorized keys file")
      const elsewhere = yield* host({ authorizedKeysFile: "none", files: {} })
      assert.include((yield* Effect.flip(elsewhere.install())).message, "is set in sshd's configuration;")
      assert.isFalse(existsSync(at("home/azureuser/.ssh")))
    }))

  it.effect("takes the configured path when sshd does not answer, is not there, or does not say", () =>
    Effect.gen(function*() {
      for (
        const answer of ["not found", { exitCode: 255, stderr: "bad configuration" }, { stdout: "port 22\n" }] as const
      ) {
        const { at, install } = yield* host({
          configuredPath: ".ssh/mine",
          answer: (command) => command.startsWith("sshd ") ? answer : undefined
        })
        assert.strictEqual(yield* install(), "/home/azureuser/.ssh/mine")
        assert.strictEqual(readFileSync(at("home/azureuser/.ssh/mine"), "utf8"), line)
      }
    }))

  it.effect("does not ask when the settings say so", () =>
    Effect.gen(function*() {
      const { commands, install } = yield* host({ query: false, authorizedKeysFile: ".elsewhere" })
      assert.strictEqual(yield* install(), "/home/azureuser/.ssh/authorized_keys")
      assert.deepStrictEqual(commands(), [])
    }))

  it.effect("does not take a longer keyword for authorizedkeysfile", () =>
    Effect.sync(() => {
      const values = Sshd.parse("authorizedkeysfilecommand x\nport 22\nport 23\nAuthorizedKeysFile .ssh/a .ssh/b\n")
      assert.strictEqual(values.get("authorizedkeysfile"), ".ssh/a .ssh/b")
      assert.strictEqual(values.get("port"), "22")
      assert.strictEqual(
        Sshd.parse(fixture("sshd-T-openssh-9.2.txt")).get("authorizedkeysfile"),
        ".ssh/authorized_keys .ssh/authorized_keys2"
      )
    }))
})

describe("SshProvisioner: the key file", () => {
  it.effect("is 0600 in a directory of 0700, one key a line", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host()
      yield* install([key, { ...key, comment: "" }])
      assert.strictEqual(
        readFileSync(at("home/azureuser/.ssh/authorized_keys"), "utf8"),
        `${line}${key.type} ${key.blob}\n`
      )
      assert.strictEqual(mode(at("home/azureuser/.ssh/authorized_keys")), 0o600)
      assert.strictEqual(mode(at("home/azureuser/.ssh")), 0o700)
      assert.deepStrictEqual(readdirSync(at("home/azureuser/.ssh")), ["authorized_keys"])
    }))

  it.effect("replaces keys that were there, in a directory that was there with any mode", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host({ files: { "home/azureuser/.ssh/authorized_keys": "ssh-rsa AAAA old\n" } })
      chmodSync(at("home/azureuser/.ssh"), 0o777)
      yield* install()
      yield* install()
      assert.strictEqual(readFileSync(at("home/azureuser/.ssh/authorized_keys"), "utf8"), line)
      assert.strictEqual(mode(at("home/azureuser/.ssh")), 0o700)
      assert.strictEqual(mode(at("home/azureuser/.ssh/authorized_keys")), 0o600)
    }))

  it.effect("is left alone when it is right, and made right when only its mode is wrong", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host()
      const file = at("home/azureuser/.ssh/authorized_keys")
      yield* install()
      utimesSync(file, 1000, 1000)
      const before = statSync(file)
      yield* install()
      assert.deepStrictEqual([statSync(file).ino, statSync(file).mtimeMs], [before.ino, before.mtimeMs])
      chmodSync(file, 0o644)
      yield* install()
      assert.strictEqual(mode(file), 0o600)
    }))

  it.effect("is replaced, and what it pointed to left alone, when it is a symbolic link or has a second name", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host({
        files: { "etc/precious": "precious\n", "home/azureuser/.ssh/known_hosts": "" }
      })
      chmodSync(at("etc/precious"), 0o644)
      const file = at("home/azureuser/.ssh/authorized_keys")
      symlinkSync(at("etc/precious"), file)
      yield* install()
      assert.isTrue(lstatSync(file).isFile())
      assert.strictEqual(readFileSync(file, "utf8"), line)

      writeFileSync(at("etc/precious"), line, { mode: 0o600 })
      const other = yield* host({ files: { "etc/precious": "precious\n", "home/azureuser/.ssh/known_hosts": "" } })
      linkSync(other.at("etc/precious"), other.at("home/azureuser/.ssh/authorized_keys"))
      yield* other.install()
      assert.strictEqual(readFileSync(other.at("etc/precious"), "utf8"), "precious\n")
      assert.strictEqual(readFileSync(other.at("home/azureuser/.ssh/authorized_keys"), "utf8"), line)
    }))

  it.effect("does not go through a symbolic link in place of .ssh: that is renamed, and the owner gets in", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host({ files: { "etc/ssh/authorized_keys": "root's\n" } })
      chmodSync(at("etc/ssh"), 0o755)
      symlinkSync(at("etc/ssh"), at("home/azureuser/.ssh"))
      yield* install()
      assert.strictEqual(readFileSync(at("etc/ssh/authorized_keys"), "utf8"), "root's\n")
      assert.strictEqual(mode(at("etc/ssh")), 0o755)
      assert.isTrue(lstatSync(at("home/azureuser/.ssh")).isDirectory())
      assert.strictEqual(readFileSync(at("home/azureuser/.ssh/authorized_keys"), "utf8"), line)
      assert.strictEqual(
        readdirSync(at("home/azureuser")).filter((name) => /^\.ssh\.azure-init-[0-9a-f]{8}$/.test(name)).length,
        1
      )
    }))

  it.effect("gets past a file in place of .ssh and a directory in its own", () =>
    Effect.gen(function*() {
      const file = yield* host({ files: { "home/azureuser/.ssh": "not a directory" } })
      yield* file.install()
      assert.strictEqual(readFileSync(file.at("home/azureuser/.ssh/authorized_keys"), "utf8"), line)
      const directory = yield* host({ files: { "home/azureuser/.ssh/authorized_keys/x": "" } })
      yield* directory.install()
      assert.strictEqual(readFileSync(directory.at("home/azureuser/.ssh/authorized_keys"), "utf8"), line)
    }))

  it.effect("takes write permission from group and others on the home, with which sshd would refuse the keys", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host()
      chmodSync(at("home/azureuser"), 0o775)
      yield* install()
      assert.strictEqual(mode(at("home/azureuser")), 0o755)
    }))

  it.effect("outside the home lies in directories of 0755, and not where others can write", () =>
    Effect.gen(function*() {
      const { at, install } = yield* host({ authorizedKeysFile: "/etc/ssh/keys/%u/authorized" })
      mkdirSync(at("etc/ssh"), { recursive: true })
      yield* install()
      assert.strictEqual(mode(at("etc/ssh/keys/azureuser")), 0o755)
      assert.strictEqual(mode(at("etc/ssh/keys/azureuser/authorized")), 0o600)
      chmodSync(at("etc/ssh/keys"), 0o777)
      const error = yield* Effect.flip(install())
      assert.include(error.message, "/etc/ssh/keys: can be written by group or others")
    }))

  it.effect("goes through a link of root's outside the home, but not where others could change it", () =>
    Effect.gen(function*() {
      // As on image-based systems, where /home is a link to /var/home.
      const image = yield* host({ files: { "var/x": "" } })
      renameSync(image.at("home"), image.at("var/home"))
      symlinkSync("var/home", image.at("home"))
      yield* image.install()
      assert.strictEqual(readFileSync(image.at("var/home/azureuser/.ssh/authorized_keys"), "utf8"), line)
      assert.strictEqual(mode(image.at("var/home/azureuser/.ssh")), 0o700)
      const { at, install } = yield* host({ files: { "var/keys/x": "" }, authorizedKeysFile: "/srv/keys/%u" })
      mkdirSync(at("srv"))
      symlinkSync("/var/keys", at("srv/keys"))
      yield* install()
      assert.strictEqual(readFileSync(at("var/keys/azureuser"), "utf8"), line)
      chmodSync(at("srv"), 0o777)
      assert.include((yield* Effect.flip(install())).message, "symbolic link that somebody else than root can change")
    }))

  it.effect("fails, with the home named, when the home is missing", () =>
    Effect.gen(function*() {
      const { at, install, root } = yield* host()
      const gone = yield* Effect.flip(install([key], { ...account, home: "/home/nobody" }))
      assert.include(gone.message, `${root}/home/nobody`)
      assert.isFalse(existsSync(at("home/nobody")))
    }))

  it.effect("is not made without keys, and nothing is asked", () =>
    Effect.gen(function*() {
      const { at, commands, install } = yield* host()
      yield* install([])
      assert.deepStrictEqual(readdirSync(at("home/azureuser")), [])
      assert.deepStrictEqual(commands(), [])
    }))

  it.effect("is relabelled under SELinux, and a failure of that costs nothing", () =>
    Effect.gen(function*() {
      const { at, commands, install, root } = yield* host({
        files: { "sys/fs/selinux/enforce": "1" },
        answer: (command) => command.startsWith("restorecon ") ? { exitCode: 1 } : undefined
      })
      yield* install()
      assert.deepStrictEqual(commands().slice(1), [
        `restorecon ${root}/home/azureuser/.ssh ${root}/home/azureuser/.ssh/authorized_keys`
      ])
      assert.isTrue(existsSync(at("home/azureuser/.ssh/authorized_keys")))
    }))
})

const dropIn = `etc/ssh/sshd_config.d/${Live.dropInName}`
const main = "etc/ssh/sshd_config"
const debian = fixture("sshd_config-debian")

describe("SshProvisioner: password logins", () => {
  it.effect("are set in a file of /etc in place of a link into /usr, and the link comes back when sshd refuses that", () =>
    Effect.gen(function*() {
      for (const refused of [false, true]) {
        const { allow, at } = yield* host({
          files: { "usr/share/ssh/sshd_config": "PasswordAuthentication yes\n", "etc/ssh/other": "" },
          answer: (command) =>
            refused && command.startsWith("sshd") ? { exitCode: 255, stderr: "Bad configuration option" } : undefined
        })
        symlinkSync("../../usr/share/ssh/sshd_config", at(main))
        yield* Effect.exit(allow(false))
        assert.strictEqual(readFileSync(at("usr/share/ssh/sshd_config"), "utf8"), "PasswordAuthentication yes\n")
        assert.strictEqual(lstatSync(at(main)).isSymbolicLink(), refused)
        if (!refused) {
          assert.match(readFileSync(at(main), "utf8"), /^# BEGIN azure-init[^\n]*\nPasswordAuthentication no\n/)
        }
      }
    }))

  it.effect("are set by a drop-in of 0600 that wins over cloud-init's and azure-init's", () =>
    Effect.gen(function*() {
      const { allow, at, root } = yield* host({
        files: {
          [main]: debian,
          "etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n",
          "etc/ssh/sshd_config.d/50-azure-init.conf": "PasswordAuthentication yes # modified by azure-init\n",
          "etc/ssh/sshd_config.d/10-image.conf": "PasswordAuthentication yes\n"
        }
      })
      yield* allow(false)
      assert.strictEqual(readFileSync(at(dropIn), "utf8"), "PasswordAuthentication no\n")
      assert.strictEqual(mode(at(dropIn)), 0o600)
      assert.strictEqual(firstValue(root, "PasswordAuthentication"), "no")
      assert.strictEqual(readFileSync(at(main), "utf8"), debian)
      yield* allow(true)
      assert.strictEqual(readFileSync(at(dropIn), "utf8"), "PasswordAuthentication yes\n")
      const before = statSync(at(dropIn))
      yield* allow(true)
      assert.strictEqual(statSync(at(dropIn)).ino, before.ino)
    }))

  const withMatch =
    "# PasswordAuthentication no\nUsePAM yes\n\npasswordauthentication no\nMatch User bob\n  PasswordAuthentication no\n"

  it.effect("are set at the top of sshd_config without a drop-in directory, every other line and the mode left alone", () =>
    Effect.gen(function*() {
      const { allow, at } = yield* host({ files: { [main]: withMatch } })
      chmodSync(at(main), 0o640)
      yield* allow(true)
      const first = readFileSync(at(main), "utf8")
      assert.match(first, /^# BEGIN azure-init[^\n]*\nPasswordAuthentication yes\n# END azure-init\n/)
      assert.isTrue(first.endsWith(withMatch))
      assert.strictEqual(mode(at(main)), 0o640)
      yield* allow(true)
      assert.strictEqual(readFileSync(at(main), "utf8"), first)
      yield* allow(false)
      assert.strictEqual(readFileSync(at(main), "utf8"), first.replace("Authentication yes", "Authentication no"))
    }))

  it.effect("are set at the top of sshd_config when that does not include the drop-in", () =>
    Effect.gen(function*() {
      const { allow, root } = yield* host({
        files: { [main]: withMatch, "etc/ssh/sshd_config.d/README": "" }
      })
      yield* allow(true)
      assert.strictEqual(firstValue(root, "PasswordAuthentication"), "yes")
    }))

  it.effect("are set as asked by the runs no, yes, no on an image that had azure-init's own lines in it", () =>
    Effect.gen(function*() {
      const { allow, root } = yield* host({
        files: { [main]: `${debian}PasswordAuthentication yes # added by azure-init\n` }
      })
      for (const allowed of [false, true, false]) {
        yield* allow(allowed)
        assert.strictEqual(firstValue(root, "PasswordAuthentication"), allowed ? "yes" : "no")
      }
    }))

  it.effect("are an error when something stands in front of everything", () =>
    Effect.gen(function*() {
      const { allow } = yield* host({
        answer: (command) => command.startsWith("sshd ") ? { stdout: "passwordauthentication yes\n" } : undefined
      })
      const error = yield* Effect.flip(allow(false))
      assert.strictEqual(error.reason, "failed to update sshd config")
      assert.include(error.message, "yes is in force")
    }))

  it.effect("leave the former state when sshd refuses its configuration", () =>
    Effect.gen(function*() {
      for (const files of [{ [main]: "UsePAM yes\n" }, { [main]: debian, "etc/ssh/sshd_config.d/README": "" }]) {
        const { allow, at } = yield* host({
          files,
          answer: (command) =>
            command.startsWith("sshd ") ? { exitCode: 255, stderr: "line 3: Bad configuration option: foo" } : undefined
        })
        const error = yield* Effect.flip(allow(false))
        assert.include(error.message, "Bad configuration option: foo")
        assert.strictEqual(readFileSync(at(main), "utf8"), files[main])
        assert.isFalse(existsSync(at(dropIn)))
      }
    }))

  it.effect("are no matter on a host without sshd: what can be written is, and nothing fails", () =>
    Effect.gen(function*() {
      const answer = (command: string) => command.startsWith("sshd ") ? "not found" as const : undefined
      const bare = yield* host({ files: {}, answer })
      yield* bare.allow(false)
      assert.isFalse(existsSync(bare.at("etc/ssh")))
      const prepared = yield* host({ files: { "etc/ssh/sshd_config.d/README": "" }, answer })
      yield* prepared.allow(false)
      assert.strictEqual(readFileSync(prepared.at(dropIn), "utf8"), "PasswordAuthentication no\n")
    }))

  it.effect("are set in a new drop-in directory when sshd has its configuration elsewhere", () =>
    Effect.gen(function*() {
      const { allow, at } = yield* host({
        files: {},
        answer: (command) => command.startsWith("sshd ") ? { stdout: "passwordauthentication no\n" } : undefined
      })
      yield* allow(false)
      assert.strictEqual(readFileSync(at(dropIn), "utf8"), "PasswordAuthentication no\n")
    }))

  it.effect("apply at once: a running sshd is reloaded when they are in force, and not when they are refused", () =>
    Effect.gen(function*() {
      const files = { [main]: debian, "etc/ssh/sshd_config.d/x": "", "run/systemd/system/x": "" }
      const good = yield* host({ files })
      yield* good.allow(false)
      assert.deepStrictEqual(good.commands().map((command) => command.split(" ")[0]), ["sshd", "systemctl"])
      const unchecked = yield* host({
        files,
        answer: (command) => command.startsWith("sshd ") ? "not found" : undefined
      })
      yield* unchecked.allow(false)
      assert.deepStrictEqual(unchecked.commands().map((command) => command.split(" ")[0]), ["sshd", "systemctl"])
      const refused = yield* host({
        files,
        answer: (command) => command.startsWith("sshd ") ? { exitCode: 255, stderr: "bad" } : undefined
      })
      yield* Effect.exit(refused.allow(false))
      assert.deepStrictEqual(refused.commands().map((command) => command.split(" ")[0]), ["sshd"])
    }))
})

describe("SshProvisioner: an sshd before 9.3, which knows no -G", () => {
  const usage = { exitCode: 1, stderr: "unknown option -- G\nOpenSSH_9.2p1\nusage: sshd [-46DdeiqTtV]" }

  it.effect("is asked with -T, given its run-time directory and a host key for the moment", () =>
    Effect.gen(function*() {
      let made = false
      const { at, commands, install, root } = yield* host({
        answer: (command) => {
          if (command.startsWith("sshd -G")) return usage
          if (command.startsWith("ssh-keygen")) return {}
          if (!command.startsWith("sshd -T -h")) {
            return { exitCode: 1, stderr: "sshd: no hostkeys available -- exiting." }
          }
          if (made) return { stdout: "authorizedkeysfile .keys\n" }
          made = true
          return { exitCode: 255, stderr: "Missing privilege separation directory: /run/sshd" }
        }
      })
      assert.strictEqual(yield* install(), "/home/azureuser/.keys")
      assert.strictEqual(mode(at("run/sshd")), 0o755)
      assert.deepStrictEqual(readdirSync(at("run/azure-init")), [])
      assert.deepStrictEqual(commands().map((command) => command.replace(/sshd-\w{6}/, "sshd-X").split(" -C")[0]), [
        `sshd -G -f ${root}/etc/ssh/sshd_config`,
        `sshd -T -f ${root}/etc/ssh/sshd_config`,
        `ssh-keygen -q -t ed25519 -N  -f ${root}/run/azure-init/sshd-X/key`,
        `sshd -T -h ${root}/run/azure-init/sshd-X/key -f ${root}/etc/ssh/sshd_config`,
        `sshd -T -h ${root}/run/azure-init/sshd-X/key -f ${root}/etc/ssh/sshd_config`
      ])
    }))
})
