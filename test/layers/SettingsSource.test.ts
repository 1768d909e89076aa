import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { defaults } from "../../src/domain/Settings.ts"
import { formatProblem } from "../../src/errors/SettingsError.ts"
import * as Live from "../../src/layers/live/SettingsSource.ts"
import * as Test from "../../src/layers/test/SettingsSource.ts"
import { SettingsSource } from "../../src/services/SettingsSource.ts"
import { contract } from "../contracts/SettingsSource.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"

const liveWith = (files: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, files)
    return { root, layer: Live.layer.pipe(Layer.provide(pathsBelow(root))) }
  })

contract("live", ({ text }) => Effect.map(liveWith({ "etc/azure-init.toml": text }), ({ layer }) => layer))
contract("test", ({ table }) => Effect.sync(() => Test.make(table).layer))

const loadWith = (files: Readonly<Record<string, string>>, config?: string) =>
  Effect.flatMap(
    liveWith(files),
    ({ layer, root }) =>
      SettingsSource.use((source) =>
        source.load(
          config === undefined ? Option.none() : Option.some(config.startsWith("/") ? `${root}${config}` : config)
        )
      ).pipe(Effect.provide(layer), Effect.map((loaded) => ({ ...loaded, root })))
  )

const interval = (seconds: number) => `[imds]\nretry_interval_secs = ${seconds}\n`

describe("SettingsSource: live", () => {
  it.effect("gives the defaults on a host without files", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({})
      assert.deepStrictEqual([loaded.settings, loaded.files, loaded.errors], [defaults, [], []])
    }))

  it.effect("reads both the paths of azure-init's code and of its documentation, in order, --config last", () =>
    Effect.gen(function*() {
      const files = {
        "etc/azure-init.toml": `${interval(1)}request_timeout_secs = 11\n`,
        "etc/azure-init/azure-init.toml": interval(2),
        "etc/azure-init.d/10-b.toml": interval(4),
        "etc/azure-init.d/10-a.toml": interval(3),
        "etc/azure-init.d/ignored.conf": interval(99),
        "etc/azure-init.d/deeper/x.toml": interval(98),
        "etc/azure-init/azure-init.toml.d/z.toml": interval(5),
        "extra.toml": interval(6)
      }
      const loaded = yield* loadWith(files)
      assert.deepStrictEqual(loaded.files.map((file) => file.slice(loaded.root.length)), [
        "/etc/azure-init.toml",
        "/etc/azure-init/azure-init.toml",
        "/etc/azure-init.d/10-a.toml",
        "/etc/azure-init.d/10-b.toml",
        "/etc/azure-init/azure-init.toml.d/z.toml"
      ])
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retryInterval), 5)
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.requestTimeout), 11)
      assert.sameMembers([...loaded.set], ["imds.retry_interval_secs", "imds.request_timeout_secs"])
      const withConfig = yield* loadWith(files, "/extra.toml")
      assert.strictEqual(Duration.toSeconds(withConfig.settings.imds.retryInterval), 6)
    }))

  it.effect("merges the *.toml of a --config directory", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({ "conf/a.toml": interval(1), "conf/b.toml": interval(2) }, "/conf")
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retryInterval), 2)
    }))

  it.effect("names a --config file that is missing, and looks for a relative one nowhere else", () =>
    Effect.gen(function*() {
      const absolute = yield* loadWith({}, "/none.toml")
      assert.include(absolute.errors.map(formatProblem).join(), "/none.toml: found ENOENT")
      // From the root directory this would be there: azure-init looks in every directory above.
      const { layer, root } = yield* liveWith({ "extra.toml": interval(6) })
      const load = (config: string) =>
        SettingsSource.use((source) => source.load(Option.some(config))).pipe(Effect.provide(layer))
      const above = yield* load(relative("/", join(root, "extra.toml")))
      assert.lengthOf(above.errors, 1)
      assert.deepStrictEqual(above.settings, defaults)
      const here = yield* load(relative(process.cwd(), join(root, "extra.toml")))
      assert.deepStrictEqual(here.errors, [])
      assert.strictEqual(Duration.toSeconds(here.settings.imds.retryInterval), 6)
    }))

  it.effect("names file, line and key of everything wrong, in every file", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({
        "etc/azure-init.toml":
          "# comment\n[imds]\nretry_interval_secs = \"soon\"\n\n[ssh]\n  query_sshd_config = 1\nodd = 2\n",
        "etc/azure-init.d/a.toml": "wireserver.read_timeout_secs = 0\n"
      })
      const place = (text: string) => text.slice(loaded.root.length)
      assert.deepStrictEqual(loaded.errors.map((problem) => place(formatProblem(problem))), [
        "/etc/azure-init.toml:6: ssh.query_sshd_config: found 1, expected true or false",
        "/etc/azure-init.toml:3: imds.retry_interval_secs: found \"soon\", expected a number of seconds from 0.01 to 86400",
        "/etc/azure-init.d/a.toml:1: wireserver.read_timeout_secs: found 0, expected a number of seconds from 0.01 to 86400"
      ])
      assert.deepStrictEqual(loaded.warnings.map(({ key, line }) => [key, line]), [["ssh.odd", 7]])
    }))

  it.effect("names the line of every kind of mistake, and none where it cannot be sure", () =>
    Effect.gen(function*() {
      const text = readFileSync(join(import.meta.dirname, "../fixtures/settings/many-mistakes.toml"), "utf8")
      const loaded = yield* loadWith({ "etc/azure-init.toml": text })
      const lines = (problems: typeof loaded.errors) => Object.fromEntries(problems.map(({ key, line }) => [key, line]))
      assert.deepStrictEqual(lines(loaded.errors), {
        distribution: 2,
        "imds.retry_interval_secs": 3,
        "wireserver.total_retry_timeout_secs": 4,
        "telemetry.kvp_diagnostics": 7,
        // The string of several lines says the same.
        "ssh.query_sshd_config": undefined,
        "ssh.authorized_keys_path": 15,
        "user_provisioners.backends": 18,
        "user_provisioners.groups": 22,
        hostname_provisioners: 24,
        "azure_init_log_path.path": 31
      })
      assert.deepStrictEqual(lines(loaded.warnings), { "imds.read_timeout_secs": 3, networking: 27 })
    }))

  it.effect("names file and line of a syntax error, and keeps what the other files say", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({
        "etc/azure-init.toml": interval(7),
        "etc/azure-init.d/broken.toml": "ok = 1\n[imds\nx = 2\n"
      })
      assert.deepStrictEqual(
        loaded.errors.map((problem) => formatProblem(problem).replace(/^.*\/etc/, "/etc")),
        ["/etc/azure-init.d/broken.toml:2: found the end of the line, expected ']'"]
      )
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retryInterval), 7)
    }))

  it.effect("does not pass over a settings file that cannot be read", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* liveWith({})
      mkdirSync(`${root}/etc/azure-init.d/a.toml`, { recursive: true })
      const loaded = yield* SettingsSource.use((source) => source.load(Option.none())).pipe(Effect.provide(layer))
      assert.include(loaded.errors.map(formatProblem).join(), "a.toml: found something that is not a regular file")
    }))

  it.effect("reads a settings file of 64 KiB, and none that is larger", () =>
    Effect.gen(function*() {
      const text = `${interval(7)}#`
      const whole = `${text}${" ".repeat(64 * 1024 - text.length)}`
      const { errors, settings } = yield* loadWith({ "etc/azure-init.toml": whole })
      assert.deepStrictEqual([errors, Duration.toSeconds(settings.imds.retryInterval)], [[], 7])
      const more = yield* loadWith({ "etc/azure-init.toml": `${whole} ` })
      assert.include(more.errors.map(formatProblem).join(), "found is larger than 65536 bytes")
    }))

  it.effect("takes no pipe and no device for a file that says nothing, and waits for neither", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* liveWith({ "etc/azure-init.toml": interval(7) })
      execFileSync("mkfifo", [`${root}/pipe.toml`])
      symlinkSync("/dev/null", `${root}/device.toml`)
      for (const name of ["pipe.toml", "device.toml"]) {
        const loaded = yield* SettingsSource.use((source) => source.load(Option.some(`${root}/${name}`))).pipe(
          Effect.provide(layer)
        )
        assert.deepStrictEqual(loaded.errors.map(formatProblem), [
          `${root}/${name}: found something that is not a regular file, expected a readable file or directory of settings`
        ])
        assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retryInterval), 7)
      }
    }))

  it.effect("refuses bytes that are not UTF-8 instead of replacing them", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* liveWith({})
      mkdirSync(`${root}/etc`, { recursive: true })
      writeFileSync(
        `${root}/etc/azure-init.toml`,
        Buffer.from("[azure_init_log_path]\npath = \"/caf\xe9\"\n", "latin1")
      )
      const loaded = yield* SettingsSource.use((source) => source.load(Option.none())).pipe(Effect.provide(layer))
      assert.deepStrictEqual(loaded.errors.map(({ found }) => found), ["bytes that are not UTF-8"])
      assert.deepStrictEqual(loaded.settings, defaults)
    }))

  it.effect("cuts what a syntax error quotes", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({ "etc/azure-init.toml": `[imds]\nx = ${"y".repeat(50_000)}\n` })
      assert.deepStrictEqual(loaded.errors.map(({ line }) => line), [2])
      assert.isBelow(loaded.errors.map(formatProblem).join().length, 400)
    }))

  it.effect("reads the TOML that people write", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({
        "etc/azure-init.toml": "\ufeff# BOM\r\n[imds]\r\n\"retry_interval_secs\" = 1_0e-1 # comment\r\n"
          + "[telemetry]\r\nkvp_filter = \"\"\"\r\nwarn,\\\r\n  libazureinit=info\"\"\"\r\n"
          + "[user_provisioners]\r\ngroups = [\r\n  'adm', # one\r\n  'video',\r\n]\r\n"
      })
      assert.deepStrictEqual(loaded.errors, [])
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retryInterval), 1)
      assert.deepStrictEqual(loaded.settings.telemetry.kvpFilter, Option.some("warn,libazureinit=info"))
      assert.deepStrictEqual([...loaded.settings.userProvisioners.groups], ["adm", "video"])
    }))
})
