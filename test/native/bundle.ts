import { existsSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { rolldown } from "rolldown"

const own = import.meta.dirname

/** The repository's directory. */
export const root = join(own, "../..")

/** The boot runtime's program that runs a source, where cargo has made it; the tests' own build first. */
export const evaluator = (): string => {
  const found = ["release", "debug"].map((profile) => join(root, "runtime/target", profile, "evaluate")).find(
    existsSync
  )
  if (found !== undefined) return found
  process.stderr.write("The boot runtime is not built: cargo build --manifest-path runtime/Cargo.toml --bin evaluate\n")
  process.exit(2)
}

const replaced: Readonly<Record<string, string>> = {
  vitest: join(own, "vitest.ts"),
  "node:assert": join(own, "node/assert.ts"),
  "node:fs": join(own, "node/fs.ts"),
  "node:os": join(own, "node/os.ts"),
  "node:path": join(own, "node/path.ts"),
  "node:util": join(own, "node/util.ts")
}

/**
 * Writes a program for the boot runtime as one file: `Platform.ts`, vitest and some of `node:*` replaced, the Web's
 * globals before everything else. `source` is its main module. Rejects when it imports what the runtime does not have.
 */
export const bundle = async (source: string, outfile: string): Promise<void> => {
  const entry = "\0entry"
  const build = await rolldown({
    input: entry,
    platform: "neutral",
    resolve: { mainFields: ["module", "main"], conditionNames: ["import", "module", "default"] },
    logLevel: "silent",
    plugins: [{
      name: "boot-runtime",
      resolveId: (id) => {
        if (id === entry) return id
        if (id.endsWith("layers/Platform.ts")) return join(root, "src/layers/platform/Native.ts")
        if (id.endsWith("support/natives.ts")) return join(own, "natives.ts")
        const path = replaced[id]
        if (path !== undefined) return path
        if (id.startsWith("node:")) throw new Error(`${id} is not available on the boot runtime`)
        return null
      },
      load: (id) =>
        id === entry
          ? [
            `import ${JSON.stringify(join(root, "src/layers/platform/globals/index.ts"))}`,
            ...["chaiGlobals.ts", "buffer.ts", "process.ts"].map((name) => `import ${JSON.stringify(join(own, name))}`),
            source
          ].join("\n")
          : null,
      transform: (code, id) =>
        id.startsWith(join(root, "test")) || id.startsWith(join(root, "src"))
          ? code
            .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
            .replaceAll("import.meta.dirname", JSON.stringify(join(id, "..")))
          : null
    }]
  })
  await build.write({ file: outfile, format: "esm", codeSplitting: false })
  await build.close()
}
