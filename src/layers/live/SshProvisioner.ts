import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { type SshPublicKey, toLine } from "../../domain/SshPublicKey.ts"
import type { UserAccount } from "../../domain/UserAccount.ts"
import type { FileError } from "../../errors/FileError.ts"
import { SshdConfigError, SshKeysError, SshKeysUnreadError } from "../../errors/SshError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { SshProvisioner } from "../../services/SshProvisioner.ts"
import { Subprocess } from "../../services/Subprocess.ts"
import { attempt, type Files, files } from "../linux/files.ts"
import * as HomeFile from "../linux/homeFile.ts"
import * as LoginRefusals from "./loginRefusals.ts"
import { Sshd } from "./sshd.ts"
import { makeReload } from "./sshdReload.ts"

/**
 * The drop-in's name: sshd takes the first value of a keyword and reads the directory in the order of names, so this
 * one is before cloud-init's `50-cloud-init.conf`, azure-init's `50-azure-init.conf` and an image's `10-*.conf`.
 */
export const dropInName = "00-azure-init.conf"

const encoder = new TextEncoder()

const blockStart = "# BEGIN azure-init: stands first, since sshd takes the first value"
const blockEnd = "# END azure-init"

/**
 * {@link SshProvisioner} for OpenSSH.
 *
 * Keys go to the first place that sshd names for the user, or to the settings' `ssh.authorized_keys_path` when it is
 * not to be asked or does not answer. The password setting goes to a drop-in; when sshd says that this has not the last
 * word, or there is no such directory, also to the top of `sshd_config`. On a host without sshd there is nobody to ask:
 * what can be written is written, and a warning tells of it.
 */
export const layer: Layer.Layer<SshProvisioner, never, CurrentSettings | Linux | Path.Path | Subprocess> = Layer.effect(
  SshProvisioner,
  Effect.gen(function*() {
    const paths = yield* Paths
    const linux = yield* Linux
    const path = yield* Path.Path
    const host = yield* files
    const { exists, makeDirectories, remove } = host
    const writeUserFile = yield* HomeFile.writeUserFile
    const settings = (yield* CurrentSettings).ssh
    const subprocess = yield* Subprocess
    const sshd = yield* Sshd
    const reload = yield* makeReload

    const relabel = Effect.fnUntraced(function*(touched: ReadonlyArray<string>) {
      if (!(yield* exists(`${paths.selinux}/enforce`))) return
      yield* subprocess.run({ command: "restorecon", args: touched, timeout: "10 seconds" }).pipe(
        Effect.catch((error) =>
          Effect.logWarning("The SELinux labels of the SSH keys are not set; sshd may be kept from reading them", {
            error: error.message
          })
        )
      )
    })

    const askForPath = Effect.fnUntraced(function*(account: UserAccount) {
      yield* Effect.logInfo("Asking sshd where it looks for the keys", { user: account.name })
      const answer = yield* sshd.configuration(account.name)
      if (answer._tag !== "InForce") return undefined
      const value = answer.values.get("authorizedkeysfile")
      if (value === undefined) return undefined
      const first = yield* firstPath(path, account, value)
      if (first !== undefined) return first
      const places = yield* sshd.placesOf(/^\s*AuthorizedKeysFile[\s="]+none\b/i)
      return yield* new SshKeysUnreadError({ user: account.name, setting: value, places })
    }, Effect.withSpan("provision::ssh:get_authorized_keys_path_from_sshd"))

    const installKeys = Effect.fnUntraced(function*(account: UserAccount, keys: ReadonlyArray<SshPublicKey>) {
      const configured = path.resolve(account.home, settings.authorizedKeysPath)
      if (keys.length === 0) return configured
      let place = configured
      if (settings.querySshdConfig) {
        const told = yield* askForPath(account)
        if (told === undefined) {
          yield* Effect.logWarning("sshd does not tell where it looks for the keys; they go to the configured place", {
            path: configured
          })
        } else place = told
      }
      yield* Effect.logInfo("Installing the SSH keys", { path: place, keys: keys.length })
      const content = keys.map((key) => `${toLine(key)}\n`).join("")
      const written = yield* writeUserFile(paths.root, account, place, content).pipe(
        Effect.mapError((error) => new SshKeysError({ user: account.name, path: error.path, detail: error.detail }))
      )
      yield* relabel(written)
      return place
    }, Effect.withSpan("provision::ssh:provision_ssh"))

    const dropIn = `${paths.sshdDropInDirectory}/${dropInName}`

    const writeDropIn = (line: string) => replace(linux, host, dropIn, () => line)

    /**
     * A link to another file of `/etc` is followed. One that leads elsewhere, such as into the read-only `/usr` of an
     * immutable distribution, gives way to a file of `/etc`, and comes back when sshd refuses that.
     */
    const writeMain = Effect.fnUntraced(function*(line: string) {
      const main = paths.sshdConfig
      const change = (old: string) => `${blockStart}\n${line}${blockEnd}\n${withoutBlock(old)}`
      const real = yield* attempt("find", main, linux.realPath(main))
      const etc = yield* attempt("find", `${paths.root}/etc`, linux.realPath(`${paths.root}/etc`))
      if (real.startsWith(`${etc}/`)) return yield* replace(linux, host, real, change)
      const target = yield* attempt("read", main, linux.readLink(main))
      // Its own undoing would leave a file where the link was.
      yield* Effect.asVoid(replace(linux, host, main, change))
      const link = `${main}.azure-init`
      return Effect.andThen(
        remove(link),
        attempt("restore", main, Effect.andThen(linux.symlink(target, link), linux.rename(link, main)))
      )
    })

    const allowPasswords = Effect.fnUntraced(function*(allowed: boolean) {
      const value = allowed ? "yes" : "no"
      const line = `PasswordAuthentication ${value}\n`
      const places: Array<
        {
          readonly path: string
          readonly write: (line: string) => Effect.Effect<Effect.Effect<void, FileError>, FileError>
        }
      > = []
      if (yield* exists(paths.sshdDropInDirectory)) places.push({ path: dropIn, write: writeDropIn })
      if (yield* exists(paths.sshdConfig)) places.push({ path: paths.sshdConfig, write: writeMain })
      if (places.length === 0) {
        if ((yield* sshd.configuration())._tag === "Unanswered") {
          yield* Effect.logWarning("There is no sshd; its setting for passwords is not made", { allowed })
          return
        }
        // openSUSE's configuration lies in /usr/etc and includes this directory, which may not be there yet.
        yield* failing(paths.sshdDropInDirectory)(
          makeDirectories(paths.sshdDropInDirectory, 0o755)
        )
        places.push({ path: dropIn, write: writeDropIn })
      }

      let inForce: string | undefined
      for (const { path, write } of places) {
        const undo = yield* failing(path)(write(line))
        yield* Effect.logInfo("Set whether sshd takes passwords", { path, allowed })
        const answer = yield* sshd.configuration()
        if (answer._tag === "Refused") {
          yield* failing(path)(undo)
          return yield* new SshdConfigError({
            path,
            detail: `sshd refuses it, the former state is back: ${answer.why}`
          })
        }
        if (answer._tag === "Unanswered") {
          yield* Effect.logWarning("No sshd has checked its setting for passwords", { path, why: answer.why })
          return yield* reload(answer)
        }
        inForce = answer.values.get("passwordauthentication")
        if (inForce !== value) continue
        if (!allowed && takesPasswordsThroughPam(answer.values)) {
          yield* Effect.logWarning(
            "sshd still asks PAM by keyboard-interactive authentication, which may take passwords; set KbdInteractiveAuthentication no where that is not wanted"
          )
        }
        return yield* reload(answer)
      }
      return yield* new SshdConfigError({
        path: places.map((place) => place.path).join(", "),
        detail: `PasswordAuthentication ${value} is written and ${
          inForce ?? "nothing"
        } is in force; look for what stands in front of it`
      })
    }, Effect.withSpan("provision::ssh:update_sshd_config"))

    return SshProvisioner.of({
      prepare: sshd.begin,
      installKeys,
      allowPasswords,
      loginRefusals: yield* LoginRefusals.make(subprocess.run, sshd)
    })
  })
).pipe(Layer.provide(Sshd.layer))

/**
 * Linux's `PATH_MAX`: bytes of a path with its final NUL. We could make a longer one directory by directory, and sshd
 * could not open it.
 */
const maximumPath = 4096

/**
 * The first place of sshd's `authorizedkeysfile`, absolute: `%h`, `%u`, `%U` and `%%` as in `sshd_config(5)`, relative
 * to the home. `undefined` when it is `none`: sshd reads no file.
 */
const firstPath = Effect.fnUntraced(function*({ resolve }: Path.Path, account: UserAccount, value: string) {
  const pattern = value.split(/[ \t]+/).find((path) => path !== "" && path.toLowerCase() !== "none")
  if (pattern === undefined) return undefined
  const tokens: Readonly<Record<string, string>> = {
    "%%": "%",
    "%h": account.home,
    "%u": account.name,
    "%U": String(account.uid)
  }
  const path = pattern.length < maximumPath
    ? resolve(account.home, pattern.replace(/%./g, (token) => tokens[token] ?? token))
    : pattern
  if (encoder.encode(path).length >= maximumPath) {
    return yield* new SshKeysError({
      user: account.name,
      path: `${path.slice(0, 100)}…`,
      detail: "sshd cannot open a path of this length; set a shorter AuthorizedKeysFile in sshd_config"
    })
  }
  yield* Effect.logInfo("sshd looks for the keys here", { authorizedkeysfile: value, path })
  return path
}, Effect.withSpan("provision::ssh:extract_authorized_keys_file_path"))

const withoutBlock = (text: string): string => {
  const start = text.indexOf(`${blockStart}\n`)
  const end = text.indexOf(`${blockEnd}\n`, start)
  return start < 0 || end < 0 ? text : text.slice(0, start) + text.slice(end + blockEnd.length + 1)
}

/** `ChallengeResponseAuthentication` is the keyword's name before OpenSSH 8.7. */
const takesPasswordsThroughPam = (values: ReadonlyMap<string, string>): boolean =>
  values.get("usepam") === "yes"
  && (values.get("kbdinteractiveauthentication") ?? values.get("challengeresponseauthentication")) === "yes"

/** Latin-1: the browsers' decoder of that name is another one, of windows-1252. */
const textOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")

/** Changes a file of sshd's configuration, mode 0600 and root's when it is new; gives back how to undo it. */
const replace = Effect.fnUntraced(function*(
  linux: Linux["Service"],
  { readBytesIfPresent, remove, syncDirectory, writeAtomic }: Files,
  path: string,
  change: (old: string) => string
) {
  const old = yield* readBytesIfPresent(path)
  // Latin-1 has a character for every byte, so that comments in whatever encoding stay as they are.
  const before = textOf(old ?? new Uint8Array())
  const after = change(before)
  const content = Uint8Array.from(after, (character) => character.charCodeAt(0))
  if (old !== undefined && before === after) return Effect.void
  if (old === undefined) {
    yield* writeAtomic(path, content, { mode: 0o600 })
    return Effect.andThen(remove(path), syncDirectory(path.slice(0, path.lastIndexOf("/"))))
  }
  const { gid, mode, uid } = yield* attempt("look at", path, linux.stat(path))
  const options = { mode, owner: { uid, gid } }
  yield* writeAtomic(path, content, options)
  return writeAtomic(path, old, options)
})

const failing = (path: string) => <A>(work: Effect.Effect<A, FileError>): Effect.Effect<A, SshdConfigError> =>
  Effect.mapError(work, (error) => new SshdConfigError({ path, detail: error.detail }))
