import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { root } from "./root.ts"

/**
 * Compiles the agent with Bun, as long as a live layer imports `node:*`, which the boot runtime does not have.
 */
export const executableByBun = (file: string): void => {
  const flags = [
    "--minify",
    "--define=__filename=\"/azure-init\"",
    "--compile",
    "--bytecode",
    "--format=cjs",
    "--compile-jit-policy=1000",
    "--define=import.meta={}"
  ]
  const { status } = spawnSync(join(root, "node_modules/.bin/bun"), [
    "build",
    "src/main.ts",
    ...flags,
    "--outfile",
    file
  ], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"]
  })
  if (status !== 0) {
    process.stderr.write(`bun build of ${file} failed with status ${status}\n`)
    process.exit(1)
  }
}
