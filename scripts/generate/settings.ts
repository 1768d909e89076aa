import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Entry, type Key, table } from "../../src/domain/Settings.ts"
import { renderValue } from "../../src/domain/SettingsDocument.ts"
import { type KeyHelp, type OptionalKeyHelp, settingsHelp } from "../../src/domain/SettingsHelp.ts"

/** A key with its documentation. */
interface DocumentedKey {
  readonly key: Key<unknown>
  readonly help: KeyHelp | OptionalKeyHelp
}

/** The keys of one TOML table; without a name those in front of all tables. */
interface DocumentedSection {
  readonly name?: string
  readonly keys: ReadonlyArray<DocumentedKey>
}

type Help = KeyHelp | OptionalKeyHelp | Readonly<Record<string, KeyHelp | OptionalKeyHelp>>

const isKeyHelp = (help: Help | undefined): help is KeyHelp | OptionalKeyHelp => typeof help?.does === "string"

const documented = (key: Key<unknown>, help: Help | undefined): ReadonlyArray<DocumentedKey> =>
  isKeyHelp(help) ? [{ key, help }] : []

const sections = (): ReadonlyArray<DocumentedSection> => {
  const helps: Readonly<Record<string, Help>> = settingsHelp
  return Object.entries<Entry>(table()).map(([name, entry]) => {
    const help = helps[name]
    if (entry._tag === "Key") return { keys: documented(entry, help) }
    const ofKeys: Readonly<Record<string, KeyHelp>> = help === undefined || isKeyHelp(help) ? {} : help
    return {
      name: entry.name,
      keys: Object.entries(entry.keys).flatMap(([name, key]) => documented(key, ofKeys[name]))
    }
  })
}

/** The default as TOML; nothing for a key that has none. */
const defaultOf = ({ default: value }: Key<unknown>): string | undefined =>
  Option.isOption(value) ? undefined : renderValue(value).replaceAll("\",\"", "\", \"")

/** Breaks a text into lines of at most 120 columns; the first begins with `first`, the others with `rest`. */
const wrap = (text: string, first: string, rest: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = first
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > 120) {
      lines.push(line)
      line = rest
    }
    line = `${line} ${word}`
  }
  return [...lines, line]
}

const header =
  `# Settings of azure-init. Every key is optional. What stands after "#" is the default, or an example where a default is
# described.
#
# Files are read in this order, and later ones take precedence: /etc/azure-init.toml, /etc/azure-init/azure-init.toml,
# /etc/azure-init.d/*.toml, /etc/azure-init/azure-init.toml.d/*.toml, and the file or directory of --config or
# AZURE_INIT_CONFIG.
`

const keyLines = ({ help, key }: DocumentedKey): ReadonlyArray<string> => {
  const example = "example" in help ? renderValue(help.example) : undefined
  const value = key.default === true || key.default === false ? [] : [`Value: ${key.type.expected}.`]
  const unset = "unset" in help ? [`Default: ${help.unset}.`] : []
  return [
    ...[help.does, ...value, ...unset].flatMap((text) => wrap(text.replaceAll("`", ""), "#", "#")),
    `# ${key.name} = ${defaultOf(key) ?? example}`,
    ""
  ]
}

/** The text of `config/azure-init.toml`: every key, commented out, with what it does and its default. */
export const commentedFile = (): string =>
  [
    header,
    ...sections().map(({ keys, name }) =>
      [...(name === undefined ? [] : [`[${name}]`]), ...keys.flatMap(keyLines)].join("\n")
    )
  ].join("\n")

/** A default as JSON; nothing for a key that has none. */
const jsonDefault = ({ default: value }: Key<unknown>): Readonly<Record<string, unknown>> =>
  Option.isOption(value) ? {} : { default: Duration.isDuration(value) ? Duration.toSeconds(value) : value }

const property = ({ help, key }: DocumentedKey): Readonly<Record<string, unknown>> => ({
  ...Schema.toJsonSchemaDocument(key.type.schema()).schema,
  description: `${help.does.replaceAll("`", "")} Value: ${key.type.expected}.`,
  ...jsonDefault(key)
})

const propertiesOf = (keys: ReadonlyArray<DocumentedKey>) =>
  Object.fromEntries(keys.map((documented) => [documented.key.name, property(documented)]))

/** The text of `config/azure-init.schema.json`: the JSON Schema (draft 2020-12) of settings files, for editors. */
export const jsonSchema = (): string => {
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Settings of azure-init",
    type: "object",
    properties: Object.assign(
      {},
      ...sections().map(({ keys, name }) =>
        name === undefined
          ? propertiesOf(keys)
          : { [name]: { type: "object", properties: propertiesOf(keys), additionalProperties: false } }
      )
    ),
    additionalProperties: false
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

/** A key as an item of a list in Markdown. */
const item = (section: string | undefined, { help, key }: DocumentedKey): string => {
  const name = `\`${section === undefined ? "" : `${section}.`}${key.name}\`${help.extension === true ? " *" : ""}`
  const value = key.type.expected.replaceAll(/"[^"]*"/g, "`$&`").replaceAll("'..'", "`..`")
  const usual = "unset" in help ? help.unset : `\`${defaultOf(key)}\``
  return wrap(`${name}: ${value}; default ${usual}. ${help.does}`, "-", " ").join("\n")
}

const begin = "<!-- Keys of the settings, written by `npm run generate` -->\n\n"
const end = "\n<!-- End of the keys -->\n"

/** The text of `docs/configuration.md` with the list of keys as it has to be. */
export const withKeys = (document: string): string => {
  const [before = "", rest = ""] = document.split(begin)
  const [, after = ""] = rest.split(end)
  const items = sections().flatMap(({ keys, name }) => keys.map((key) => item(name, key)))
  return `${before}${begin}${items.join("\n")}\n${end}${after}`
}
