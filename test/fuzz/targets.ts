import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { dirname } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Playbook from "../../fabric/playbook.ts"
import { Hostname } from "../../src/domain/Hostname.ts"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"
import * as LogFilter from "../../src/domain/LogFilter.ts"
import { reportKey } from "../../src/domain/ProvisioningReport.ts"
import { renderSettings } from "../../src/domain/SettingsDocument.ts"
import * as SshPublicKey from "../../src/domain/SshPublicKey.ts"
import { GroupName, Username } from "../../src/domain/Username.ts"
import { spellings, VmId } from "../../src/domain/VmId.ts"
import { formatProblem } from "../../src/errors/SettingsError.ts"
import { choose } from "../../src/layers/distros/choose.ts"
import * as ImdsLive from "../../src/layers/live/Imds.ts"
import * as KvpLive from "../../src/layers/live/Kvp.ts"
import * as PasswordLive from "../../src/layers/live/PasswordProvisioner.ts"
import * as MediaLive from "../../src/layers/live/ProvisioningMedia.ts"
import * as SettingsLive from "../../src/layers/live/SettingsSource.ts"
import * as SshLive from "../../src/layers/live/SshProvisioner.ts"
import * as UserLive from "../../src/layers/live/UserProvisioner.ts"
import * as IdentityLive from "../../src/layers/live/VmIdentity.ts"
import * as WireServerLive from "../../src/layers/live/WireServer.ts"
import { httpClient } from "../../src/layers/Platform.ts"
import * as Subprocess from "../../src/layers/test/Subprocess.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Imds } from "../../src/services/Imds.ts"
import { Kvp } from "../../src/services/Kvp.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import { rooted } from "../../src/services/Paths.ts"
import { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"
import { SettingsSource } from "../../src/services/SettingsSource.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { VmIdentity } from "../../src/services/VmIdentity.ts"
import { WireServer } from "../../src/services/WireServer.ts"
import { pathsBelow } from "../support/host.ts"
import { platformSettings } from "../support/platformSettings.ts"
import { type Outcome, refused, type Target, value } from "./target.ts"

/** The decoders of the agent and the fabric that meet bytes of others. */

const fixtures = new URL("../fixtures/", import.meta.url)

/** The files of a directory of fixtures, in the order of their names. */
const filesIn = (directory: string): ReadonlyArray<Uint8Array> =>
  readdirSync(new URL(directory, fixtures)).sort().map((name) => readFileSync(new URL(`${directory}${name}`, fixtures)))

const bytesOf = (...texts: ReadonlyArray<string>): ReadonlyArray<Uint8Array> => texts.map((text) => Buffer.from(text))

/** A promise about an answer; a broken one is a finding. */
const promise = (kept: boolean, what: string): void => {
  if (!kept) throw new Error(`promise broken: ${what}`)
}

/** As the agent's subprocess service hands output on: at most 1 MiB of characters, wrong UTF-8 replaced. */
const output = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).slice(0, 1024 * 1024)

const put = (path: string, bytes: Uint8Array | string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

/** A path that climbs would leave the directory that stands for the host, and the run would work on the real one. */
const withoutClimbing = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  const changed = Uint8Array.from(bytes)
  for (let index = 1; index < changed.length; index++) {
    if (changed[index] === 0x2e && changed[index - 1] === 0x2e) changed[index] = 0x5f
  }
  return changed
}

/** An empty directory in place of what a former input has left. */
const emptied = (directory: string): Effect.Effect<void> =>
  Effect.sync(() => {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
  })

/** One attempt: the interval leads beyond the total, so that no trouble is waited out. */
const once = { retryInterval: Duration.seconds(20), totalRetryTimeout: Duration.seconds(20) }

const settings = Layer.succeed(CurrentSettings, platformSettings({ imds: once, wireserver: once }))

const outcome = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  work: Effect.Effect<A, E, R>,
  detail: (answer: A) => string = () => ""
): Effect.Effect<Outcome, never, R> =>
  Effect.match(work, {
    onSuccess: (answer) => value(detail(answer)),
    onFailure: (error) => refused(error._tag, error.message)
  })

const account = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

const oneKey = readFileSync(new URL("ssh/ed25519.pub", fixtures), "utf8")

/** `ovf-env.xml` on a disc that is mounted, as the agent finds it. */
const ovf: Target = {
  name: "ovf",
  documents: () => [
    ...filesIn("ovf/"),
    ...filesIn("fuzz/ovf/"),
    // Took a second and 62 MiB before there was a bound on the number of elements.
    ...bytesOf(`<a>${"<b/>".repeat(250_000)}</a>`, `<a>${"<b/>".repeat(65_000)}</a>`)
  ],
  words: [
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a [",
    "<!ENTITY a \"b\">",
    "&lt;",
    "&#0;",
    "&#x10FFFF;",
    "&#55296;",
    "&a;",
    "<a>",
    "</a>",
    "<a/>",
    " xsi:nil=\"true\"",
    " xmlns:a=\"b\"",
    "<ns1:",
    "</",
    "/>",
    "=\"",
    "true",
    "false",
    "1",
    "REDACTED",
    "<PublicKey>",
    "<Value>",
    "</Value>",
    "<UserPassword>",
    "<CustomData>",
    "<LinuxProvisioningConfigurationSet>"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const disc = `${directory}/disc`
      put(`${directory}/proc/self/mounts`, `/dev/sr0 ${disc} udf ro,relatime 0 0\n`)
      const media = yield* ProvisioningMedia.pipe(
        Effect.provide(MediaLive.layer.pipe(
          Layer.provide([pathsBelow(directory), settings, Subprocess.make(() => "not found").layer])
        ))
      )
      return (bytes) =>
        Effect.suspend(() => {
          put(`${disc}/ovf-env.xml`, bytes)
          return outcome(
            media.environment,
            Option.match({
              onNone: () => "none",
              onSome: (found) => {
                promise(found.publicKeys.every((key) => key !== ""), "no key is empty")
                return `${found.publicKeys.length > 0} ${Option.isSome(found.password)} ${found.preprovisionedVmType}`
              }
            })
          )
        })
    })
}

/** The body of IMDS' answer. */
const imds: Target = {
  name: "imds",
  documents: () => [...filesIn("imds/"), ...filesIn("fuzz/imds/")],
  words: [
    "null",
    "true",
    "false",
    "\"true\"",
    "{",
    "}",
    "[",
    "]",
    "[[[[",
    "{\"a\":",
    ",",
    ":",
    "\"",
    "\\u0000",
    "\\ud800",
    "\\",
    "\"compute\":",
    "\"osProfile\":",
    "\"publicKeys\":[",
    "\"keyData\":",
    "{\"keyData\":\"\"},",
    "\"adminUsername\":",
    "\"computerName\":",
    "\"disablePasswordAuthentication\":",
    "\"__proto__\":",
    "1e999",
    "-0"
  ],
  open: () =>
    Effect.succeed((bytes) =>
      Imds.pipe(
        Effect.flatMap((service) => outcome(service.instance, ({ publicKeys }) => String(publicKeys.length > 0))),
        Effect.provide(ImdsLive.layer.pipe(
          Layer.provide([
            settings,
            Layer.succeed(
              HttpClient.HttpClient,
              HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response(bytes))))
            )
          ])
        ))
      )
    )
}

/** Everything that a server sends: status, headers with `Retry-After` and `Date`, body; for IMDS and for WireServer, by the real client. */
const http: Target = {
  name: "http",
  documents: () => filesIn("fuzz/http/"),
  words: [
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "100 Continue",
    "101 Switching Protocols",
    "204 No Content",
    "301 Found",
    "400 ",
    "429 ",
    "500 ",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
    "ffffffff\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: h2c\r\n",
    "Retry-After: ",
    "Date: ",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Location: http://a/\r\n",
    "Set-Cookie: a=b\r\n",
    ": ",
    " "
  ],
  open: () =>
    Effect.gen(function*() {
      let answer: Uint8Array = new Uint8Array()
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            socket.once("data", () => socket.end(answer))
            // The client may go away before it has read everything.
            socket.on("error", () => socket.destroy())
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = server.address()
      const origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
      const there = Layer.succeed(
        CurrentSettings,
        platformSettings({
          imds: { ...once, endpoint: origin },
          wireserver: { ...once, healthEndpoint: `${origin}/provisioning/health` }
        })
      )
      const services = Layer.mergeAll(ImdsLive.layer, WireServerLive.layer).pipe(
        Layer.provide([there, httpClient(Duration.seconds(5))])
      )
      return (bytes) =>
        Effect.gen(function*() {
          answer = bytes
          const reported = yield* outcome(Effect.flatMap(WireServer, (service) => service.ready))
          const asked = yield* outcome(Effect.flatMap(Imds, (service) => service.instance))
          return asked._tag === "Refused" ? { ...asked, detail: `${reported._tag} ${asked.detail}` } : asked
        }).pipe(Effect.provide(services))
    })
}

/** A settings file. */
const toml: Target = {
  name: "toml",
  documents: () => [
    ...filesIn("settings/"),
    ...filesIn("fuzz/toml/"),
    // These took more than a second or 64 MiB before there was a bound on a file's size.
    ...bytesOf(
      `a${".a".repeat(400_000)} = 1\n`,
      `a${".a".repeat(32_000)} = 1\n`,
      Array.from({ length: 60_000 }, (_, index) => `k${index} = 1\n`).join(""),
      Array.from({ length: 5000 }, (_, index) => `imds.a${index}.b=1\n`).join("").slice(0, 65_530)
    ),
    readFileSync(new URL("../../config/azure-init.toml", import.meta.url))
  ],
  words: [
    "[",
    "]",
    "[[",
    "]]",
    "[a.b]\n",
    "a.",
    ".",
    "=",
    " = ",
    "\"",
    "\"\"\"",
    "'''",
    "'",
    "\\u0000",
    "\\U0010FFFF",
    "#",
    "\n",
    "\r\n",
    "{",
    "}",
    "{a={",
    "[[[[",
    ",",
    "true",
    "inf",
    "nan",
    "0x",
    "1_0",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "[imds]\n",
    "[telemetry]\n",
    "[azure_init_log_path]\n",
    "endpoint = \"http://",
    "retry_interval_secs = ",
    "groups = [",
    "backends = [\"file\"]\n",
    "path = \"/",
    "kvp_filter = \"",
    "distribution = \"flatcar\"\n",
    "[__proto__]\n"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      mkdirSync(`${directory}/etc`)
      const source = yield* SettingsSource.pipe(
        Effect.provide(SettingsLive.layer.pipe(Layer.provide(pathsBelow(directory))))
      )
      const load = Effect.fnUntraced(function*(bytes: Uint8Array | string) {
        writeFileSync(`${directory}/etc/azure-init.toml`, bytes)
        return yield* source.load(Option.none())
      })
      return Effect.fnUntraced(function*(bytes) {
        const { errors, settings, warnings } = yield* load(bytes)
        const wrong = errors.map(formatProblem).join("; ")
        promise(wrong.length < 65_536, "what is wrong is said in less than 64 KiB")
        if (errors.length > 0) return refused("SettingsError", wrong)
        const again = yield* load(renderSettings(settings))
        promise(
          again.errors.length === 0 && renderSettings(again.settings) === renderSettings(settings),
          "rendered settings are read as the same"
        )
        return value(`${warnings.length > 0}`)
      })
    })
}

/** Applies a batch to a pool as the live layer does. */
const placed = (pool: Uint8Array, batch: ReadonlyArray<KvpRecord.KvpEntry>): Uint8Array => {
  const { keep, writes } = KvpRecord.place(pool, batch)
  const result = Buffer.alloc(Math.max(keep, ...writes.map(({ bytes, offset }) => offset + bytes.length)))
  result.set(pool.subarray(0, keep))
  for (const { bytes, offset } of writes) result.set(bytes, offset)
  return result
}

/** A pool file: reading it, and adding to it. */
const kvp: Target = {
  name: "kvp",
  documents: () => [
    new Uint8Array(),
    readFileSync(new URL("golden/first-boot/kvp_pool_1.bin", fixtures)),
    KvpRecord.encode([
      ...KvpRecord.records({ key: "CLOUD_INIT|1|2024-01-01|00000000", value: "{\"name\":\"init-local\"}" }),
      ...KvpRecord.records({ key: "azure-init-0.1.1|vm|INFO|http:get|id", value: "é😀x".repeat(700) }),
      ...KvpRecord.records({ key: reportKey, value: "result=success|agent=Azure-Init/0.1.1|vm_id=0" }),
      ...KvpRecord.records({ key: "k".repeat(400), value: "v" })
    ]),
    KvpRecord.encode(
      Array.from({ length: 400 }, (_, index) => ({ key: `azure-init-${index}|0`, value: "v".repeat(1022) }))
    )
  ],
  words: [
    "|0",
    "|1",
    "|2",
    "azure-init-",
    reportKey,
    "\0",
    "\0".repeat(512),
    "\0".repeat(2048),
    "x".repeat(2560),
    "result=success|",
    "v".repeat(1022)
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const pool = `${directory}/var/lib/hyperv/.kvp_pool_1`
      mkdirSync(dirname(pool), { recursive: true })
      const service = yield* Kvp.pipe(
        Effect.provide(KvpLive.layer.pipe(Layer.provide([pathsBelow(directory), settings])))
      )
      return (bytes) =>
        Effect.suspend(() => {
          writeFileSync(pool, bytes)
          return outcome(service.entries, (entries) => {
            const report = { key: reportKey, value: `result=error|reason=${entries.length}` }
            const after = KvpRecord.decodePool(placed(bytes, [report])).entries
            promise(
              after.some(({ key, value }) => key === report.key && value === report.value),
              "the report is in the pool"
            )
            return `${entries.length > 0} ${after.length - entries.length}`
          })
        })
    })
}

/** `authorized_keys`: the whole text as one key, and each of its lines. */
const keys: Target = {
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
        ? value(keys.map(({ type }) => type).join())
        : refused("BadSshPublicKey", rejected[0]?.why ?? "no text")
    }))
}

/** What sshd prints, with its exit status in front where it is not 0: where the keys go, and whether passwords are taken. */
const sshd: Target = {
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
        promise(
          tooLong || readFileSync(`${root}${path}`, "utf8").startsWith("ssh-ed25519 "),
          "the key is there"
        )
        yield* ssh.allowPasswords(false)
      }).pipe(
        outcome,
        Effect.provide(SshLive.layer.pipe(Layer.provide([pathsBelow(root), settings, layer])))
      )
    }))
}

/** `sshd_config`, which is changed, and brought back when sshd refuses the change. */
const sshdConfig: Target = {
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
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      const path = rooted(directory).sshdConfig
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
      return changed
    }))
}

const request = {
  name: account.name,
  groups: [GroupName.make("sudo"), GroupName.make("wheel")],
  createMissingGroups: false
}

const findUser = (directory: string, getent: Subprocess.Answer) =>
  outcome(Effect.flatMap(UserProvisioner, (user) => user.ensure(request)), ({ account, problems }) => {
    promise(account.home.startsWith("/") && !account.home.includes(":"), "the home is absolute")
    promise(Number.isSafeInteger(account.uid) && Number.isSafeInteger(account.gid), "the ids are numbers")
    return problems.map(({ message }) => message).join()
  }).pipe(
    Effect.provide(UserLive.layerUseradd.pipe(
      Layer.provide([pathsBelow(directory), Subprocess.make(({ command }) => command === "getent" ? getent : {}).layer])
    ))
  )

const passwdWords = [
  "azureuser:",
  "azureuser:x:1000:1000:,,,:/home/azureuser:/bin/bash\n",
  "sudo:x:27:",
  "wheel:x:10:root,azureuser\n",
  ":",
  "::",
  "\n",
  "+::::::\n",
  "+@admins::::::\n",
  "-nobody::::::\n",
  "x:0:0:root:/root:/bin/sh",
  "/home/",
  "//",
  "/.",
  "0",
  "4294967294",
  ",",
  "\0"
]

/** `/etc/passwd` and `/etc/group` of a host without `getent`. */
const passwd: Target = {
  name: "passwd",
  documents: () => filesIn("fuzz/passwd/"),
  words: passwdWords,
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      const text = withoutClimbing(bytes)
      put(`${directory}/etc/passwd`, text)
      put(`${directory}/etc/group`, text)
      return yield* findUser(directory, "not found")
    }))
}

/** What `getent` prints. */
const getent: Target = {
  name: "getent",
  documents: () => [
    ...bytesOf("azureuser:x:1000:1000:Azure User,,,:/home/azureuser:/bin/bash\n", "sudo:x:27:azureuser\n"),
    ...filesIn("fuzz/passwd/")
  ],
  words: passwdWords,
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      return yield* findUser(directory, { stdout: output(withoutClimbing(bytes)) })
    }))
}

/** `/etc/shadow`: whether the account is locked already. */
const shadow: Target = {
  name: "shadow",
  documents: () => filesIn("fuzz/shadow/"),
  words: ["azureuser:", "azureuser:!:", "azureuser:*:", "azureuser:$y$j9T$", ":", "\n", "!", "*", "!!", "\0"],
  open: (directory) =>
    Effect.sync(() => {
      mkdirSync(`${directory}/etc`)
      return Effect.fnUntraced(function*(bytes) {
        writeFileSync(`${directory}/etc/shadow`, bytes)
        const fake = Subprocess.make(() => ({}))
        return yield* outcome(
          Effect.gen(function*() {
            const password = yield* PasswordProvisioner
            yield* password.lock(account.name)
            const calls = fake.calls.length
            yield* password.set(account.name, Redacted.make(output(bytes)))
            return calls
          }),
          String
        ).pipe(Effect.provide(PasswordLive.layerPasswd.pipe(Layer.provide([pathsBelow(directory), fake.layer]))))
      })
    })
}

/** The firmware's strings, the kernel's release and `os-release`: who this VM is, and which distribution. */
const identity: Target = {
  name: "identity",
  documents: () => filesIn("fuzz/identity/"),
  words: [
    "urn:uuid:",
    "{",
    "}",
    "-",
    "00000000-0000-0000-0000-000000000000",
    "7783-7084-3265-9085-8269-3286-77",
    "ID=",
    "ID_LIKE=",
    "VERSION_ID=",
    "flatcar",
    "\"",
    "'",
    "\n",
    " ",
    "Not Settable",
    "../"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const paths = rooted(directory)
      const files = [paths.productUuid, paths.chassisAssetTag, paths.kernelRelease, paths.osRelease]
      return Effect.fnUntraced(function*(bytes) {
        files.forEach((path) => put(path, bytes))
        return yield* Effect.gen(function*() {
          const identity = yield* VmIdentity
          const { kernel, os } = yield* identity.software
          promise(kernel !== "" && os !== "", "the software has names")
          const platform = yield* identity.platform
          yield* choose(platformSettings())
          return yield* outcome(identity.vmId, (vmId) => {
            promise(spellings(vmId).every((name) => /^[a-z0-9-]+$/.test(name)), "the id can be a file name")
            return platform
          })
        }).pipe(
          Effect.provide(IdentityLive.layer.pipe(Layer.provideMerge(pathsBelow(directory))))
        )
      })
    })
}

const nameSchemas = [Username, GroupName, Hostname, VmId].map((schema) => Schema.decodeUnknownOption(schema))

/** Names from the platform: user, group, host and VM. */
const names: Target = {
  name: "names",
  documents: () =>
    bytesOf(
      "azureuser",
      "Azure.User-1",
      "_svc",
      "web-1",
      "web-1.westeurope.internal.cloudapp.net",
      "a".repeat(63),
      "a".repeat(64),
      "8ad6cd5a-c7a4-45c5-a2e2-6f7c1b4c3d2e"
    ),
  words: ["-", ".", "_", "a.", "-a", "xn--", "..", " ", "\n", "\0", "a", "root", "ſ", "K"],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() => {
        const taken = nameSchemas.map((decode) => decode(output(bytes))).map(Option.isSome)
        return taken.includes(true) ? value(taken.join()) : refused("SchemaError", "no name")
      })
    )
}

/** Filters of the log, from the environment and the settings. */
const logFilter: Target = {
  name: "log_filter",
  documents: () =>
    bytesOf(
      "info",
      "warn,libazureinit=info,azure_init=debug",
      "off",
      "3",
      "libazureinit::http[http:get{attempt=1,url=\"a,b\"}]=trace",
      "[provision]=debug",
      "a[b{c}],d=error",
      // Took time with the square of its length.
      ",url=\"A".repeat(20_000),
      "[".repeat(100_000)
    ),
  words: [
    "=",
    ",",
    "[",
    "]",
    "{",
    "}",
    "[a{b=c}]",
    "\"",
    "::",
    "info",
    "off",
    "trace",
    "5",
    " ",
    "azure_init",
    ".",
    "-"
  ],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() => {
        const parsed = LogFilter.parse(output(bytes))
        if (Result.isFailure(parsed)) return refused("LogFilter", parsed.failure)
        const spans = [{ target: "libazureinit::http", name: "http:get", fields: new Map([["attempt", 1]]) }]
        const passes = LogFilter.passes(parsed.success, { level: "DEBUG", target: "libazureinit::http", spans })
        return value(`${passes} ${LogFilter.leastGrave([parsed.success])}`)
      })
    )
}

/** The fabric's playbooks. */
const playbook: Target = {
  name: "playbook",
  documents: () => filesIn("fuzz/playbook/"),
  words: [
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    "[[[[",
    "{\"a\":",
    ",",
    "\"status\":200",
    "\"delay_ms\":1",
    "\"body\":\"\"",
    "\"headers\":{\"a\":\"b\"}",
    "\"hang\":true",
    "\"reset\":true",
    "\"imds\":[",
    "\"health\":[",
    "\"instance\":{",
    "\"__proto__\":{}",
    "\\u0000"
  ],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() =>
        // Whoever runs the fabric writes its playbooks, and it takes them of any size.
        Result.match(Playbook.decode(output(bytes).slice(0, 65_536)), {
          onSuccess: ({ health, imds }) => value(`${imds.length > 0} ${health.length > 0}`),
          onFailure: (detail) => refused("Playbook", detail)
        })
      )
    )
}

/** All of them. */
export const targets: ReadonlyArray<Target> = [
  ovf,
  imds,
  http,
  toml,
  kvp,
  keys,
  sshd,
  sshdConfig,
  passwd,
  getent,
  shadow,
  identity,
  names,
  logFilter,
  playbook
]
