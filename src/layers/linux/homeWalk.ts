import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import type { UserAccount } from "../../domain/UserAccount.ts"
import { FileError } from "../../errors/FileError.ts"
import { type Entry, type File, Linux, show, type Stat } from "../../services/Linux.ts"
import { attempt, randomName } from "./files.ts"

/** An open directory: whatever happens to its name, entries are reached through the descriptor. */
export interface Directory {
  readonly handle: File
  /** Its name, without the root prefix and free of symbolic links. */
  readonly path: string
  readonly uid: number
  /** `home` and what lies below it is in the user's hands: nothing there is trusted. */
  readonly zone: "outside" | "home" | "below"
}

/** One walk: what it works with, and what it has found on its way. */
interface Walk {
  readonly linux: Linux["Service"]
  readonly path: Path.Path
  /** In front of every path; empty on a real host. */
  readonly root: string
  readonly account: UserAccount
  /** `undefined` for an account whose home does not exist. */
  readonly home: Stat | undefined
  /**
   * The first directory outside the home that others can write; the fault of the file only when it lies outside as
   * well.
   */
  exposed: string | undefined
}

/** As many symbolic links as Linux itself follows in one path (path_resolution(7)). */
const maximumLinks = 40

/** What is there, without following a link; `undefined` for nothing. */
export const look = (linux: Linux["Service"], place: Entry): Effect.Effect<Stat | undefined, FileError> =>
  attempt("look at", place, linux.lstat(place)).pipe(
    Effect.catchIf((error) => error.code === "ENOENT", () => Effect.undefined)
  )

/** Renames what stands where something of the agent's belongs to `NAME.azure-init-RANDOM`: its owner loses nothing. */
export const moveAside = Effect.fnUntraced(function*(linux: Linux["Service"], place: Entry) {
  const aside = `${place.name}.azure-init-${randomName(4)}`
  yield* attempt("rename", place, linux.rename(place, { directory: place.directory, name: aside }))
  yield* Effect.logWarning("Renamed what stood in the way of the SSH keys", { path: show(place), renamed_to: aside })
})

/** Gives a directory to the user, 0700. */
export const giveTo = (account: UserAccount, handle: File): Effect.Effect<void, FileError> =>
  attempt(
    "set the owner and mode of",
    handle.path,
    Effect.andThen(handle.chown(account.uid, account.gid), handle.chmod(0o700))
  )

/** The error of a place that is not fit for the file; `place` lacks the root prefix. */
const refuse = ({ root }: Pick<Walk, "root">, place: string, detail: string): FileError =>
  new FileError({ operation: "use", path: `${root}${place}`, detail })

const isTrusted = ({ linux }: Walk, uid: number): boolean => uid === 0 || uid === linux.euid

const open = ({ linux }: Walk, place: string | Entry) =>
  attempt("open", place, linux.open(place, { directory: true, noFollow: true }))

const zoneOf = (walk: Walk, parent: Directory | undefined, stat: Stat): Directory["zone"] => {
  if (stat.device === walk.home?.device && stat.inode === walk.home.inode) return "home"
  return parent === undefined || parent.zone === "outside" ? "outside" : "below"
}

/** Whose a directory is, and who can write to it. */
const check = Effect.fnUntraced(
  function*(walk: Walk, parent: Directory | undefined, handle: File, path: string) {
    const { account, root } = walk
    const stat = yield* attempt("look at", `${root}${path}`, handle.stat)
    const zone = zoneOf(walk, parent, stat)
    if (!isTrusted(walk, stat.uid) && stat.uid !== account.uid) {
      const detail = `belongs to uid ${stat.uid}, neither ${account.name} nor root; give it to ${account.name}`
      return yield* refuse(walk, path, detail)
    }
    if ((stat.mode & 0o022) !== 0) {
      if (zone === "outside") walk.exposed ??= path
      else {
        yield* attempt("set the mode of", `${root}${path}`, handle.chmod(stat.mode & 0o7755))
        yield* Effect.logWarning("Took write permission from group and others, with which sshd refuses the keys", {
          path: `${root}${path}`
        })
      }
    }
    return { handle, path, uid: stat.uid, zone } satisfies Directory
  }
)

/** Makes the directory of this name: root's and 0755 outside the home, the user's and 0700 in it. */
const makeDirectory = Effect.fnUntraced(function*(walk: Walk, parent: Directory, at: Entry) {
  yield* attempt("create", at, walk.linux.mkdir(at, 0o700))
  const handle = yield* open(walk, at)
  yield* parent.zone === "outside"
    ? attempt("set the owner and mode of", handle.path, handle.chmod(0o755))
    : giveTo(walk.account, handle)
  yield* attempt("sync", parent.handle.path, parent.handle.sync)
  return handle
})

/** Enters a directory, or gives the path that stands for it, where it is a link that only root can have made. */
const enter = Effect.fnUntraced(function*(walk: Walk, parent: Directory, name: string) {
  const { linux } = walk
  const path = walk.path.join(parent.path, name)
  const at: Entry = { directory: parent.handle, name }
  const found = yield* look(linux, at)
  if (found?.kind === "link" && parent.zone === "outside") {
    if (!isTrusted(walk, parent.uid) || walk.exposed !== undefined || !isTrusted(walk, found.uid)) {
      const detail = "is a symbolic link that somebody else than root can change; replace it with a directory"
      return yield* refuse(walk, path, detail)
    }
    return walk.path.resolve(parent.path, yield* attempt("read", at, linux.readLink(at)))
  }
  if (found?.kind === "directory") return yield* check(walk, parent, yield* open(walk, at), path)
  if (found !== undefined) {
    if (parent.zone === "outside") return yield* refuse(walk, path, "is no directory")
    yield* moveAside(linux, at)
  }
  return yield* check(walk, parent, yield* makeDirectory(walk, parent, at), path)
})

/** The home's identity; an account may lack it when the file lies elsewhere. */
const homeOf = (linux: Linux["Service"], root: string, account: UserAccount, path: string) =>
  attempt("look at", `${root}${account.home}`, linux.stat(`${root}${account.home}`)).pipe(
    Effect.catchIf(
      (error) => error.code === "ENOENT" && !path.startsWith(`${account.home}/`),
      () => Effect.undefined
    )
  )

const components = (path: string): Array<string> => path.split("/").filter((name) => name !== "")

/**
 * Walks to the directory of `path` (absolute, without the `root` prefix), from the root, one open directory after the
 * other, so that nobody can swap one on the way; makes what is missing.
 *
 * - Below the home no symbolic link is followed. What is no directory is moved aside. Directories belong to the user or
 *   root, or the walk fails. Write permission of group and others is taken away, since sshd would refuse the file.
 *   Missing ones are made 0700, the user's.
 * - Outside the home, a symbolic link is followed when it is root's in a directory that only root can write. Missing
 *   directories are made 0755, root's. A directory that sshd would refuse fails the walk.
 */
export const walkTo = Effect.fnUntraced(function*(root: string, account: UserAccount, path: string) {
  const linux = yield* Linux
  const paths = yield* Path.Path
  const walk: Walk = {
    linux,
    path: paths,
    root,
    account,
    home: yield* homeOf(linux, root, account, path),
    exposed: undefined
  }
  const top = yield* check(walk, undefined, yield* open(walk, root === "" ? "/" : root), "/")
  // The prefix of a test lies below a directory of everybody's; what counts begins below it.
  walk.exposed = undefined

  let links = 0
  let directory: Directory = top
  const ahead = components(paths.normalize(paths.dirname(path)))
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    const entered: Directory | string = yield* enter(walk, directory, name)
    if (typeof entered !== "string") {
      directory = entered
      continue
    }
    if (++links > maximumLinks) return yield* refuse(walk, path, "leads through too many symbolic links")
    ahead.unshift(...components(paths.normalize(entered)))
    directory = top
  }
  if (directory.zone === "outside" && walk.exposed !== undefined) {
    const detail = "can be written by group or others, so sshd refuses what is in it; chmod go-w"
    return yield* refuse(walk, walk.exposed, detail)
  }
  return directory
})
