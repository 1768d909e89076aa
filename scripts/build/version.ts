import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./root.ts"

const git = (...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

const manifest: { readonly version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const fromGit = (): string => {
  const described = git("describe", "--dirty", "--tags") ?? git("rev-parse", "--short=7", "HEAD")
  return described === undefined ? manifest.version : `${manifest.version}-${described}`
}

/**
 * The version as azure-init's build script makes it (`build.rs`): `AZURE_INIT_VERSION`, or the package's with what
 * `git describe` says, or with the commit where no tag is, or alone outside of a repository.
 */
export const version: string = process.env.AZURE_INIT_VERSION ?? fromGit()

/** The commit that is built, whole. */
export const commit: string = git("rev-parse", "HEAD") ?? "unknown"
