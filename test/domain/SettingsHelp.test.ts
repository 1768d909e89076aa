/** The files that `npm run generate` writes are as it would write them, and say what the agent does. */
import { assert, describe, it } from "@effect/vitest"
import * as Toml from "effect/encoding/Toml"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fromJsonSchemaDocument } from "effect/SchemaRepresentation"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { generated } from "../../scripts/generate/files.ts"
import { withKeys } from "../../scripts/generate/settings.ts"
import { decodeSettings } from "../../src/domain/SettingsDocument.ts"

const read = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8")

describe("generated files", () => {
  it.each(generated)("$path is not stale", ({ path, text }) => {
    const present = read(path)
    assert.strictEqual(present, text(present), "stale: run `npm run generate`")
  })

  it("keep what stands around the table of keys", () => {
    const present = read("docs/configuration.md")
    const changed = present.replace("`imds.endpoint` *", "`imds.endpiont`  ").replace("## Environment", "## Variables")
    assert.notStrictEqual(changed, present)
    assert.strictEqual(withKeys(changed), present.replace("## Environment", "## Variables"))
  })
})

describe("the JSON Schema of settings", () => {
  const schema = fromJsonSchemaDocument(
    { dialect: "draft-2020-12", schema: JSON.parse(read("config/azure-init.schema.json")), definitions: {} },
    { patterns: "apply" }
  )
  // The import takes `additionalProperties: false` for granted, and leaves it to the decoder.
  const decode = Schema.decodeUnknownOption(Schema.toType(schema), { onExcessProperty: "error" })
  const isValid = (table: unknown): boolean => Option.isSome(decode(table))

  const tables: ReadonlyArray<readonly [toml: string, valid: boolean]> = [
    ["", true],
    ["distribution = \"gentoo\"", false],
    ["imds = 3", false],
    ["[ssh]\nquery_sshd_config = 1", false],
    ["[ssh]\nauthorized_keys_path = \"keys/../../etc/passwd\"", false],
    ["[ssh]\nauthorized_keys_path = \"keys..old\"", true],
    ["[hostname_provisioners]\nbackends = []", false],
    ["[hostname_provisioners]\nbackends = [\"hostnamectl\"]", true],
    ["[user_provisioners]\ngroups = [\"-x\"]", false],
    ["[imds]\nretry_interval_secs = 0", false],
    ["[imds]\ngrace_with_media_secs = 0", true],
    ["[imds]\ntotal_retry_timeout_secs = 86_401", false],
    ["[imds]\nconnection_timeout_secs = \"30\"", false],
    ["[imds]\nendpoint = \"http://169.254.169.254/metadata\"", false],
    ["[wireserver]\nhealth_endpoint = \"https://168.63.129.16/\"", false],
    ["[azure_init_data_dir]\npath = \"/var/../etc\"", false],
    ["[azure_init_data_dir]\npath = \"/var/\\n/../etc\"", false],
    ["[azure_init_log_path]\npath = \"var/log\"", false]
  ]

  it.each(tables)("judges %j as the agent does", (toml, valid) => {
    const table = Result.getOrThrow(Toml.parse(toml))
    assert.strictEqual(isValid(table), valid)
    assert.strictEqual(decodeSettings(table).wrong.length === 0, valid)
  })

  it("takes the commented file with every key", () => {
    const file = read("config/azure-init.toml").replaceAll(/^# (?=\w+ = )/gm, "")
    assert.isTrue(isValid(Result.getOrThrow(Toml.parse(file))))
  })

  it.each(["[networking]", "[imds]\nread_timeout_secs = 3"])("has no place for %j", (toml) => {
    const table = Result.getOrThrow(Toml.parse(toml))
    assert.isFalse(isValid(table))
    assert.strictEqual(decodeSettings(table).unknown.length, 1)
  })
})
