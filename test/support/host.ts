import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { mkdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { defaults, type Settings } from "../../src/domain/Settings.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
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

/** The places of a host below `root`, and the calls to work on it with. */
export const pathsBelow = (root: string) => Layer.merge(Layer.succeed(Paths, rooted(root)), linux)

/** The default settings, with changes. */
export const settingsWith = (changes: Partial<Settings> = {}) =>
  Layer.succeed(CurrentSettings, { ...defaults, ...changes })
