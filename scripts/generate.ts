/** Writes the files that are made of the settings' table: `node scripts/generate.ts`. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./build/root.ts"
import { generated } from "./generate/files.ts"

for (const { path, text } of generated) {
  const file = join(root, path)
  writeFileSync(file, text(readFileSync(file, "utf8")))
}
