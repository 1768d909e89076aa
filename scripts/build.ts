/**
 * Builds `dist/azure-init.mjs` (for Node) and `dist/azure-init` (static, no runtime needed), and prints their sizes.
 *
 *     node scripts/build.ts [--target TRIPLE]...
 *
 * Without cargo only the bundle is built. `--target` builds `dist/TRIPLE/azure-init` in place of the host's executable.
 */
import { rmSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { parseArgs } from "node:util"
import { bundleForNode } from "./build/bundle.ts"
import { executable, hostTarget, missingCargo } from "./build/executable.ts"
import { root } from "./build/root.ts"

const { values } = parseArgs({ options: { target: { type: "string", multiple: true } } })

const show = (path: string): void => {
  process.stdout.write(`${relative(root, path)}: ${(statSync(path).size / 1024 / 1024).toFixed(1)} MiB\n`)
}

const bundle = join(root, "dist/azure-init.mjs")
await bundleForNode(bundle)
show(bundle)

const missing = missingCargo()
const targets = (values.target ?? []).map((target) => ({ target, file: join(root, "dist", target, "azure-init") }))
const wanted = values.target === undefined && missing === undefined
  ? [{ target: hostTarget(), file: join(root, "dist/azure-init") }]
  : targets
if (missing !== undefined) {
  // What an earlier build has left behind would pass for this one's.
  rmSync(join(root, "dist/azure-init"), { force: true })
  process.stdout.write(`dist/azure-init: not built, ${missing}; dist/azure-init.mjs does the same on Node 22.19\n`)
  if (targets.length > 0) process.exit(1)
}
for (const { file, target } of wanted) {
  await executable(target, file)
  show(file)
}
