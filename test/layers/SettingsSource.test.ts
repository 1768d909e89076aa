import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { mkdirSync } from "node:fs"
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
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retry_interval_secs), 5)
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.request_timeout_secs), 11)
      const withConfig = yield* loadWith(files, "/extra.toml")
      assert.strictEqual(Duration.toSeconds(withConfig.settings.imds.retry_interval_secs), 6)
    }))

  it.effect("merges the *.toml of a --config directory", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({ "conf/a.toml": interval(1), "conf/b.toml": interval(2) }, "/conf")
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retry_interval_secs), 2)
    }))

  it.effect("names a --config file that is missing, and looks for a relative one nowhere else", () =>
    Effect.gen(function*() {
      const absolute = yield* loadWith({}, "/none.toml")
      assert.include(absolute.errors.map(formatProblem).join(), "/none.toml: found ENOENT")
      const relative = yield* loadWith({}, "no-such-file-anywhere.toml")
      assert.lengthOf(relative.errors, 1)
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

  it.effect("names file and line of a syntax error, and keeps what the other files say", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({
        "etc/azure-init.toml": interval(7),
        "etc/azure-init.d/broken.toml": "ok = 1\n[imds\nx = 2\n"
      })
      assert.deepStrictEqual(loaded.errors.map(({ expected, line }) => [line, expected]), [[2, "a TOML 1.0 document"]])
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retry_interval_secs), 7)
    }))

  it.effect("does not pass over a settings file that cannot be read", () =>
    Effect.gen(function*() {
      const { layer, root } = yield* liveWith({})
      mkdirSync(`${root}/etc/azure-init.d/a.toml`, { recursive: true })
      const loaded = yield* SettingsSource.use((source) => source.load(Option.none())).pipe(Effect.provide(layer))
      assert.include(loaded.errors.map(formatProblem).join(), "a.toml: found EISDIR")
    }))

  it.effect("reads the TOML that people write", () =>
    Effect.gen(function*() {
      const loaded = yield* loadWith({
        "etc/azure-init.toml": "\ufeff# BOM\r\n[imds]\r\n\"retry_interval_secs\" = 1_0e-1 # comment\r\n"
          + "[telemetry]\r\nkvp_filter = \"\"\"\r\nwarn,\\\r\n  libazureinit=info\"\"\"\r\n"
          + "[user_provisioners]\r\ngroups = [\r\n  'adm', # one\r\n  'video',\r\n]\r\n"
      })
      assert.deepStrictEqual(loaded.errors, [])
      assert.strictEqual(Duration.toSeconds(loaded.settings.imds.retry_interval_secs), 1)
      assert.deepStrictEqual(loaded.settings.telemetry.kvp_filter, Option.some("warn,libazureinit=info"))
      assert.deepStrictEqual([...loaded.settings.user_provisioners.groups], ["adm", "video"])
    }))
})
