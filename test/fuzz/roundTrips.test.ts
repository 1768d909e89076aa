import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Toml from "effect/encoding/Toml"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { decodeOvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { decodeSettings, renderSettings } from "../../src/domain/SettingsDocument.ts"
import * as SshPublicKey from "../../src/domain/SshPublicKey.ts"

/** Text that XML 1.0 can hold; carriage returns are left out, since a parser turns them into line feeds. */
const xmlText = Schema.String.check(
  Schema.isPattern(/^[\t\n\x20-\uD7FF\uE000-\uFFFD]{1,60}$/),
  Schema.makeFilter((text) => text.trim() !== "" && text !== "REDACTED")
)

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

describe("round trips", () => {
  it.effect.prop(
    "OVF: any text comes back from its element, the password as it is",
    [xmlText, xmlText, Schema.Boolean],
    (
      [name, password, disabled]
    ) =>
      Effect.gen(function*() {
        const set = [
          `<UserName>${escape(name)}</UserName>`,
          `<UserPassword>${escape(password)}</UserPassword>`,
          `<DisableSshPasswordAuthentication>${disabled}</DisableSshPasswordAuthentication>`
        ].join("")
        const environment = yield* decodeOvfEnvironment(
          `<E><ProvisioningSection><LinuxProvisioningConfigurationSet>${set}</LinuxProvisioningConfigurationSet></ProvisioningSection></E>`
        )
        assert.deepStrictEqual(environment.username, Option.some(name.trim()))
        assert.deepStrictEqual(Option.map(environment.password, Redacted.value), Option.some(password))
        assert.deepStrictEqual(environment.disablePasswordAuthentication, Option.some(disabled))
      })
  )

  it.effect.prop(
    "keys: 32 bytes and any comment make a line that decodes to itself",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), Schema.String],
    ([bytes, comment]) =>
      Effect.gen(function*() {
        const field = (content: Uint8Array) => {
          const length = Buffer.alloc(4)
          length.writeUInt32BE(content.length)
          return Buffer.concat([length, content])
        }
        const point = Buffer.alloc(32)
        point.set(bytes.slice(0, 32))
        const blob = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(point)]).toString("base64")
        const line = `ssh-ed25519 ${blob} ${comment.replaceAll(/[\r\n]/g, " ")}`
        const { keys } = yield* SshPublicKey.decodeAll([line])
        assert.deepStrictEqual(keys.map((key) => key.blob), [blob])
        const again = yield* SshPublicKey.decodeAll(keys.map(SshPublicKey.toLine))
        assert.deepStrictEqual(again, { keys, rejected: [] })
      })
  )

  it.prop(
    "settings: what is rendered is read as the same",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 86_400_000 })),
      Schema.String,
      Schema.Boolean,
      Schema.Array(Schema.String.check(Schema.isPattern(/^[a-z_][a-z0-9_.-]{0,31}$/)))
    ],
    ([milliseconds, any, flag, groups]) => {
      // A file in UTF-8 has no half characters.
      const text = any.replaceAll(/\p{Surrogate}/gu, "")
      const { settings, wrong } = decodeSettings({
        imds: { retry_interval_secs: milliseconds / 1000 },
        telemetry: { kvp_filter: text, kvp_diagnostics: flag },
        azure_init_log_path: { path: `/var/log/${text.replaceAll(/[\0\n/.]/g, "")}` },
        user_provisioners: { groups }
      })
      assert.deepStrictEqual(wrong, [])
      const read = Result.getOrThrow(Toml.parse(renderSettings(settings)))
      const again = decodeSettings(read)
      assert.deepStrictEqual([again.wrong, again.unknown], [[], []])
      assert.strictEqual(renderSettings(again.settings), renderSettings(settings))
    }
  )
})
