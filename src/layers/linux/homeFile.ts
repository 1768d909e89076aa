import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import type { UserAccount } from "../../domain/UserAccount.ts"
import { FileError } from "../../errors/FileError.ts"
import { type Entry, type File, Linux, show } from "../../services/Linux.ts"
import { attempt, files, randomName } from "./files.ts"

/** What {@link writeUserFile} wrote, for relabelling: the directory when it lies below the home, and the file. */
export interface Written {
  readonly changed: boolean
  readonly touched: ReadonlyArray<string>
}

/** An open directory: whatever happens to its name, entries are reached through the descriptor. */
interface Directory {
  readonly handle: File
  /** Its name, without the root prefix and free of symbolic links. */
  readonly path: string
  readonly uid: number
  /** `home` and what lies below it is in the user's hands: nothing there is trusted. */
  readonly place: "outside" | "home" | "below"
}

const encoder = new TextEncoder()

/** As many symbolic links as Linux itself follows in one path (`path_resolution(7)`). */
const maximumLinks = 40

/**
 * Makes what writes a file of the user's, mode 0600, that sshd's StrictModes accepts. `path` is absolute, without the `root` prefix.
 *
 * The path is walked from the root, one open directory after the other, so nobody can swap a directory under us:
 *
 * - Below the home no symbolic link is followed. What stands where a directory or the file belongs, and is none, is renamed to
 *   `NAME.azure-init-RANDOM`, so the owner gets in and loses nothing; a symbolic link in place of the file is replaced.
 * - The home and what is below belongs to the user or root, or the walk fails. Write permission of group and others is taken
 *   away, since sshd would refuse the file. Missing directories are made 0700; the file's own directory becomes the user's, 0700, except the home.
 * - Outside the home, symbolic links are followed when they are root's in a directory that only root can write. Missing directories are made 0755, root's. A
 *   directory that sshd would refuse fails the walk.
 *
 * Nothing is written when the file is right already.
 */
export const writeUserFile: Effect.Effect<
  (root: string, account: UserAccount, path: string, content: string) => Effect.Effect<Written, FileError>,
  never,
  Linux | Path.Path
> = Effect.gen(function*() {
  const linux = yield* Linux
  const { basename, dirname, join, normalize, resolve } = yield* Path.Path
  const { writeAtomic } = yield* files

  const components = (path: string): Array<string> => normalize(path).split("/").filter((name) => name !== "")

  const open = (place: string | Entry) => attempt("open", place, linux.open(place, { directory: true, noFollow: true }))

  const look = (place: Entry) =>
    attempt("look at", place, linux.lstat(place)).pipe(
      Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(error))
    )

  const moveAside = Effect.fnUntraced(function*(place: Entry) {
    const aside = `${place.name}.azure-init-${randomName(4)}`
    yield* attempt("rename", place, linux.rename(place, { directory: place.directory, name: aside }))
    yield* Effect.logWarning("Renamed what stood in the way of the SSH keys", { path: show(place), renamed_to: aside })
  })

  /** Whether this very content is there already, as a plain file of the user's with no second name. */
  const isRight = (place: Entry, account: UserAccount, content: Uint8Array): Effect.Effect<boolean> =>
    Effect.gen(function*() {
      const file = yield* linux.open(place, { noFollow: true })
      const stat = yield* file.stat
      if (
        stat.kind !== "file" || stat.links !== 1 || stat.uid !== account.uid || stat.gid !== account.gid
        || stat.mode !== 0o600 || stat.size !== content.length
      ) return false
      const found = yield* file.readAt(0, content.length)
      return found.length === content.length && found.every((byte, index) => byte === content[index])
    }).pipe(Effect.scoped, Effect.orElseSucceed(() => false))

  const own = (handle: File, account: UserAccount) =>
    attempt(
      "set the owner and mode of",
      handle.path,
      Effect.andThen(handle.chown(account.uid, account.gid), handle.chmod(0o700))
    )

  return Effect.fnUntraced(function*(root, account, path, content) {
    const trusted = (uid: number) => uid === 0 || uid === linux.euid
    const refuse = (place: string, detail: string) =>
      new FileError({ operation: "use", path: `${root}${place}`, detail })

    const home = yield* attempt("look at", `${root}${account.home}`, linux.stat(`${root}${account.home}`)).pipe(
      Effect.catch((error) =>
        error.code === "ENOENT" && !path.startsWith(`${account.home}/`) ? Effect.succeed(undefined) : Effect.fail(error)
      )
    )

    /** The first directory outside the home that others can write; the fault of the file only when it lies outside as well. */
    let exposed: string | undefined

    const check = Effect.fnUntraced(function*(parent: Directory | undefined, handle: File, name: string) {
      const stat = yield* attempt("look at", `${root}${name}`, handle.stat)
      const isHome = stat.device === home?.device && stat.inode === home.inode
      const place = isHome ? "home" : parent === undefined || parent.place === "outside" ? "outside" : "below"
      if (!trusted(stat.uid) && stat.uid !== account.uid) {
        return yield* refuse(
          name,
          `belongs to uid ${stat.uid}, neither ${account.name} nor root; give it to ${account.name}`
        )
      }
      if ((stat.mode & 0o022) !== 0) {
        if (place === "outside") exposed ??= name
        else {
          yield* attempt("set the mode of", `${root}${name}`, handle.chmod(stat.mode & 0o7755))
          yield* Effect.logWarning("Took write permission from group and others, with which sshd refuses the keys", {
            path: `${root}${name}`
          })
        }
      }
      return { handle, path: name, uid: stat.uid, place } satisfies Directory
    })

    const enter = Effect.fnUntraced(function*(parent: Directory, name: string) {
      const path = join(parent.path, name)
      const at: Entry = { directory: parent.handle, name }
      const found = yield* look(at)
      if (found?.kind === "link" && parent.place === "outside") {
        if (!trusted(parent.uid) || exposed !== undefined || !trusted(found.uid)) {
          return yield* refuse(
            path,
            "is a symbolic link that somebody else than root can change; replace it with a directory"
          )
        }
        return resolve(parent.path, yield* attempt("read", at, linux.readLink(at)))
      }
      if (found !== undefined && found.kind !== "directory") {
        if (parent.place === "outside") return yield* refuse(path, "is no directory")
        yield* moveAside(at)
      }
      const fresh = found?.kind !== "directory"
      if (fresh) yield* attempt("create", at, linux.mkdir(at, 0o700))
      const handle = yield* open(at)
      if (fresh) {
        yield* parent.place === "outside"
          ? attempt("set the owner and mode of", handle.path, handle.chmod(0o755))
          : own(handle, account)
        yield* attempt("sync", parent.handle.path, parent.handle.sync)
      }
      return yield* check(parent, handle, path)
    })

    const top = yield* check(undefined, yield* open(root === "" ? "/" : root), "/")
    // The prefix of a test lies below a directory of everybody's; what counts begins below it.
    exposed = undefined

    let links = 0
    let directory: Directory = top
    const ahead = components(dirname(path))
    for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
      const entered: Directory | string = yield* enter(directory, name)
      if (typeof entered !== "string") {
        directory = entered
        continue
      }
      if (++links > maximumLinks) return yield* refuse(path, "leads through too many symbolic links")
      ahead.unshift(...components(entered))
      directory = top
    }

    if (directory.place === "outside" && exposed !== undefined) {
      return yield* refuse(exposed, "can be written by group or others, so sshd refuses what is in it; chmod go-w")
    }
    const { handle } = directory
    if (directory.place === "below") yield* own(handle, account)

    const file: Entry = { directory: handle, name: basename(path) }
    const touched = directory.place === "below" ? [handle.path, show(file)] : [show(file)]
    if (yield* isRight(file, account, encoder.encode(content))) return { changed: false, touched }
    const found = yield* look(file)
    if (found?.kind === "directory") {
      if (directory.place === "outside") return yield* refuse(path, "is a directory")
      yield* moveAside(file)
    }
    yield* writeAtomic(file, content, { mode: 0o600, owner: account })
    return { changed: true, touched }
  }, Effect.scoped)
})
