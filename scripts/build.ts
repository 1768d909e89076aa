/** Builds `dist/azure-init.mjs` (for Node) and `dist/azure-init` (one file, no runtime needed) and prints their sizes. */
import { spawnSync } from "node:child_process"
import { mkdirSync, statSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const bun = join(root, "node_modules/.bin/bun")

// A dependency requires node:http from its own file name; the path of the build does not belong into what is shipped.
const pathless = "--define=__filename=\"/azure-init\""

const build = (outfile: string, flags: ReadonlyArray<string>): void => {
  const result = spawnSync(bun, ["build", "src/main.ts", "--minify", pathless, ...flags, "--outfile", outfile], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"]
  })
  if (result.status !== 0) {
    process.stderr.write(`bun build of ${outfile} failed with status ${result.status}\n`)
    process.exit(1)
  }
  process.stdout.write(`${outfile}: ${(statSync(join(root, outfile)).size / 1024 / 1024).toFixed(1)} MiB\n`)
}

mkdirSync(join(root, "dist"), { recursive: true })
build("dist/azure-init.mjs", ["--target=node", "--format=esm"])
// A file named .env or bunfig.toml in the working directory must not change what runs as root at boot.
build("dist/azure-init", [
  "--compile",
  "--bytecode",
  "--format=cjs",
  // A boot is too short for compiled code to pay: interpreting all of it took 150 ms and 61 MiB where the default took 183 ms and 71 MiB.
  "--compile-jit-policy=1000",
  // A CommonJS module has no import.meta, which two dependencies mention.
  "--define=import.meta={}"
])
