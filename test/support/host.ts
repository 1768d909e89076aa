import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { defaults, type Settings } from "../../src/domain/Settings.ts"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Linux } from "../../src/services/Linux.ts"
import { Paths, rooted } from "../../src/services/Paths.ts"
import { linux } from "./watchedFiles.ts"

/** A directory of the test's own, removed with its scope; the root prefix of a host that a live layer works on. */
export const temporaryRoot = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "azure-init-test-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Writes files below a root, directories included; contents by path. */
export const writeFiles = (root: string, files: Readonly<Record<string, string>>) =>
  Effect.sync(() => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
  })

/** A kernel whose host name is a file below the root; it refuses another one where that file is missing. */
const kernelBelow = (root: string) => {
  const file = rooted(root).kernelHostname
  return Layer.effect(
    Linux,
    Linux.useSync((of) =>
      Linux.of({
        ...of,
        setHostname: (name) =>
          existsSync(file)
            ? Effect.sync(() => writeFileSync(file, `${name}\n`))
            : Effect.fail(
              new LinuxError({ code: "EPERM", operation: "sethostname", path: "", detail: "not permitted" })
            )
      })
    )
  ).pipe(Layer.provideMerge(linux))
}

/** The places of a host below `root`, and the calls to work on it with. */
export const pathsBelow = (root: string) => Layer.merge(Layer.succeed(Paths, rooted(root)), kernelBelow(root))

/** The default settings, with changes. */
export const settingsWith = (changes: Partial<Settings> = {}) =>
  Layer.succeed(CurrentSettings, { ...defaults, ...changes })
