import * as Schema from "effect/Schema"
import { PlaybookFile } from "./playbook.ts"

/**
 * The JSON Schema (draft 2020-12) of playbooks, for editors and other programs; `config/azure-fabric.schema.json` is
 * its text.
 */
export const playbookSchema = (): string => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(PlaybookFile, { onExcessProperty: "error" })
  const document = { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema, $defs: definitions }
  return `${JSON.stringify(document, null, 2)}\n`
}
