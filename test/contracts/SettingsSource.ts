import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { defaults } from "../../src/domain/Settings.ts"
import { SettingsSource } from "../../src/services/SettingsSource.ts"

/** A small settings table, as TOML and as the table it is. */
export interface Sample {
  readonly text: string
  readonly table: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What every {@link SettingsSource} does; `build` gives one whose only file says the sample. */
export const contract = (
  name: string,
  build: (sample: Sample) => Effect.Effect<Layer.Layer<SettingsSource>, never, Scope.Scope>
) => {
  const load = (sample: Sample) =>
    Effect.flatMap(
      build(sample),
      (layer) => SettingsSource.use((source) => source.load(Option.none())).pipe(Effect.provide(layer))
    )

  describe(`SettingsSource: ${name}`, () => {
    it.effect("gives the defaults for a file that says nothing", () =>
      Effect.gen(function*() {
        const loaded = yield* load({ text: "", table: {} })
        assert.deepStrictEqual([loaded.settings, loaded.errors, loaded.warnings], [defaults, [], []])
        assert.lengthOf(loaded.files, 1)
      }))

    it.effect("gives what the file says", () =>
      Effect.gen(function*() {
        const loaded = yield* load({
          text: "[ssh]\nquery_sshd_config = false\n",
          table: { ssh: { query_sshd_config: false } }
        })
        assert.isFalse(loaded.settings.ssh.querySshdConfig)
      }))

    it.effect("tells which keys the file sets, to whatever value", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual([...(yield* load({ text: "", table: {} })).set], [])
        const loaded = yield* load({
          text: "[ssh]\nquery_sshd_config = true\n",
          table: { ssh: { query_sshd_config: true } }
        })
        assert.deepStrictEqual([...loaded.set], ["ssh.query_sshd_config"])
      }))

    it.effect("never fails: names the file and the key of a wrong value, and keeps the right ones", () =>
      Effect.gen(function*() {
        const loaded = yield* load({
          text: "[imds]\nretry_interval_secs = -1\nrequest_timeout_secs = 7\n[nonsense]\nx = 1\n",
          table: { imds: { retry_interval_secs: -1, request_timeout_secs: 7 }, nonsense: { x: 1 } }
        })
        assert.deepStrictEqual(loaded.errors.map(({ found, key }) => [key, found]), [[
          "imds.retry_interval_secs",
          "-1"
        ]])
        assert.deepStrictEqual(loaded.warnings.map(({ key }) => key), ["nonsense"])
        assert.strictEqual(loaded.errors[0]?.file, loaded.files[0])
        assert.deepStrictEqual(loaded.settings.imds.retryInterval, defaults.imds.retryInterval)
        assert.notDeepEqual(loaded.settings.imds.requestTimeout, defaults.imds.requestTimeout)
      }))
  })
}
