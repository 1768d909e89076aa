import { commentedFile, jsonSchema, withKeys } from "./settings.ts"

/** A file of the repository that is generated, whole or in part. */
export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string
  /** The text that the file has to have, from the one that it has. */
  readonly text: (present: string) => string
}

/** The files that `npm run generate` writes. */
export const generated: ReadonlyArray<GeneratedFile> = [
  { path: "config/azure-init.toml", text: commentedFile },
  { path: "config/azure-init.schema.json", text: jsonSchema },
  { path: "docs/configuration.md", text: withKeys }
]
