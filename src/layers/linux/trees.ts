import * as Effect from "effect/Effect"
import { LinuxError } from "../../errors/LinuxError.ts"
import { type Entry, type File, type Linux, type Place, show } from "../../services/Linux.ts"

/** Whole directories, from one open directory to the next: what is renamed or linked meanwhile leads nowhere else. */

/** How much of a file is copied at once, in bytes. */
const portion = 64 * 1024

/**
 * Removes what stands there, if anything, with all that is below a directory. Symbolic links are removed, never
 * followed.
 */
export const removeTree = (linux: Linux["Service"], place: Place): Effect.Effect<void, LinuxError> =>
  Effect.catch(linux.unlink(place), (error) => {
    if (error.code === "ENOENT") return Effect.void
    if (error.code !== "EISDIR") return Effect.fail(error)
    const below = Effect.scoped(Effect.gen(function*() {
      const directory = yield* linux.open(place, { directory: true, noFollow: true })
      const entries = yield* linux.list({ directory, name: "." })
      yield* Effect.forEach(entries, ({ name }) => removeTree(linux, { directory, name }), { discard: true })
    }))
    return Effect.andThen(below, linux.rmdir(place))
  })

/** Whom a copy belongs to. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Copies all entries of a directory into another, which has none of them: files, directories and symbolic links, with
 * their modes, for an owner. Anything else ends it.
 */
export const copyEntries = (
  linux: Linux["Service"],
  from: File,
  to: File,
  owner: Owner
): Effect.Effect<void, LinuxError> =>
  Effect.flatMap(linux.list({ directory: from, name: "." }), (entries) =>
    Effect.forEach(
      entries,
      ({ kind, name }) => {
        const [source, target]: readonly [Entry, Entry] = [{ directory: from, name }, { directory: to, name }]
        switch (kind) {
          case "directory":
            return copyDirectory(linux, source, target, owner)
          case "file":
            return copyFile(linux, source, target, owner)
          case "link":
            return Effect.flatMap(linux.readLink(source), (text) => linux.symlink(text, target)).pipe(
              Effect.andThen(linux.lchown(target, owner.uid, owner.gid))
            )
          case "other":
            return Effect.fail(
              new LinuxError({
                operation: "copy",
                path: show(source),
                code: "EINVAL",
                detail: "is no file, directory or symbolic link"
              })
            )
        }
      },
      { discard: true }
    ))

const copyDirectory = (linux: Linux["Service"], source: Entry, target: Entry, owner: Owner) =>
  Effect.scoped(Effect.gen(function*() {
    const from = yield* linux.open(source, { directory: true, noFollow: true })
    yield* linux.mkdir(target, 0o700)
    const to = yield* linux.open(target, { directory: true, noFollow: true })
    yield* copyEntries(linux, from, to, owner)
    yield* handOver(from, to, owner)
  }))

const copyFile = (linux: Linux["Service"], source: Entry, target: Entry, owner: Owner) =>
  Effect.scoped(Effect.gen(function*() {
    const from = yield* linux.open(source, { noFollow: true })
    const to = yield* linux.open(target, { access: "write", create: 0o600, exclusive: true, noFollow: true })
    for (;;) {
      const bytes = yield* from.read(portion)
      if (bytes.length === 0) break
      yield* to.write(bytes)
    }
    yield* handOver(from, to, owner)
  }))

/** The mode comes last: a new owner takes bits of it away (chown(2)). */
const handOver = (from: File, to: File, owner: Owner) =>
  Effect.flatMap(from.stat, ({ mode }) => Effect.andThen(to.chown(owner.uid, owner.gid), to.chmod(mode)))
