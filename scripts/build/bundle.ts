import { rmSync } from "node:fs"
import { join } from "node:path"
import { type InputOptions, type OutputOptions, type Plugin, rolldown } from "rolldown"
import { root } from "./root.ts"
import { commit, version } from "./version.ts"

const platform = join(root, "src/layers/platform")

/** What `src/domain/Version.ts` reads: texts, and names of the platform's. */
const define = (engine: string, target: string) => ({
  AZURE_INIT_VERSION: JSON.stringify(version),
  AZURE_INIT_COMMIT: JSON.stringify(commit),
  AZURE_INIT_ENGINE: engine,
  AZURE_INIT_TARGET: target
})

const common = {
  cwd: root,
  onLog: (level, log, show) => show(level === "warn" ? "error" : level, log)
} satisfies InputOptions

const write = async (input: InputOptions, output: OutputOptions): Promise<void> => {
  const bundle = await rolldown({ ...common, ...input })
  try {
    await bundle.write({ format: "esm", minify: true, comments: false, ...output })
  } finally {
    await bundle.close()
  }
}

/** Writes the agent for Node as one file. */
export const bundleForNode = (file: string): Promise<void> =>
  write(
    {
      input: join(root, "src/main.ts"),
      platform: "node",
      // A dependency requires node:http from its own file name; the path of the build does not belong into what is
      // shipped.
      transform: { define: { ...define("navigator.userAgent", "process.arch"), __filename: "\"/azure-init\"" } }
    },
    { file, codeSplitting: false }
  )

const entry = "azure-init:main"

/** Puts the boot runtime's platform in place of Node's, and the Web's globals before everything else. */
const onTheRuntime: Plugin = {
  name: "boot-runtime",
  resolveId: (id, importer) => {
    if (id === entry) return id
    if (id.startsWith("node:") || id.startsWith("@effect/platform-node")) {
      throw new Error(`${importer} imports ${id}, which the boot runtime does not have`)
    }
    return id.endsWith("/Platform.ts") && importer?.startsWith(join(root, "src"))
      ? join(platform, "Native.ts")
      : undefined
  },
  // Bytecode without file names has no import().
  renderChunk: (code) => code.replaceAll(/\bimport\((["'`]\.\/[\w.-]+["'`])\)/g, "natives.importModule($1)"),
  load: (id) =>
    id === entry
      ? [join(platform, "globals/index.ts"), join(root, "src/main.ts")].map((file) => `import "${file}"\n`).join("")
      : undefined
}

/**
 * Writes the agent for the boot runtime: `main.js`, and a module for each dynamic import, which is loaded when it is
 * asked for.
 */
export const bundleForRuntime = async (directory: string): Promise<void> => {
  rmSync(directory, { recursive: true, force: true })
  await write(
    {
      input: { main: entry },
      platform: "neutral",
      resolve: { mainFields: ["module", "main"] },
      plugins: [onTheRuntime],
      transform: { target: "es2023", define: { ...define("natives.engine", "natives.target"), "import.meta": "{}" } }
    },
    { dir: directory, entryFileNames: "[name].js", chunkFileNames: "[name].js" }
  )
}
