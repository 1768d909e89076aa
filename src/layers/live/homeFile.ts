import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import type { UserAccount } from "../../domain/UserAccount.ts"
import { FileError } from "../../errors/FileError.ts"
import { attempt, syncDirectory, writeAtomic } from "./files.ts"

/** What {@link writeUserFile} wrote, for relabelling: the directory when it lies below the home, and the file. */
export interface Written {
  readonly changed: boolean
  readonly touched: ReadonlyArray<string>
}

/** An open directory: whatever happens to its name, entries are reached through the descriptor. */
interface Directory {
  readonly handle: Fs.FileHandle
  /** Its name, without the root prefix and free of symbolic links. */
  readonly path: string
  readonly uid: number
  /** `home` and what lies below it is in the user's hands: nothing there is trusted. */
  readonly place: "outside" | "home" | "below"
}

/** As many symbolic links as Linux itself follows in one path (`path_resolution(7)`). */
const maximumLinks = 40

/**
 * Writes a file of the user's, mode 0600, that sshd's StrictModes accepts. `path` is absolute, without the `root` prefix.
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
export const writeUserFile = (
  root: string,
  account: UserAccount,
  path: string,
  content: string
): Effect.Effect<Written, FileError> =>
  Effect.suspend(() => {
    const names: Names = new Map()
    return walk(names, root, account, path, content).pipe(Effect.mapError((error) => named(names, error)))
  }).pipe(Effect.scoped)

/** The names of the open directories, by descriptor. */
type Names = Map<number, string>

/** The error with names in place of our descriptors, by which the system calls what lies in an open directory. */
const named = (names: Names, { code, detail, operation, path }: FileError): FileError => {
  const name = (text: string) => text.replaceAll(/\/proc\/self\/fd\/(\d+)/g, (all, fd) => names.get(Number(fd)) ?? all)
  return new FileError({ operation, path: name(path), detail: name(detail), ...(code === undefined ? {} : { code }) })
}

const walk = (
  names: Names,
  root: string,
  account: UserAccount,
  path: string,
  content: string
): Effect.Effect<Written, FileError, Scope.Scope> =>
  Effect.gen(function*() {
    const agent = process.getuid?.() ?? 0
    const trusted = (uid: number) => uid === 0 || uid === agent
    const refuse = (place: string, detail: string) =>
      new FileError({ operation: "use", path: `${root}${place}`, detail })

    const home = yield* attempt("look at", `${root}${account.home}`, () => Fs.stat(`${root}${account.home}`)).pipe(
      Effect.catch((error) =>
        error.code === "ENOENT" && !path.startsWith(`${account.home}/`) ? Effect.succeed(undefined) : Effect.fail(error)
      )
    )

    /** The first directory outside the home that others can write; the fault of the file only when it lies outside as well. */
    let exposed: string | undefined

    const check = Effect.fnUntraced(function*(parent: Directory | undefined, handle: Fs.FileHandle, name: string) {
      names.set(handle.fd, NodePath.posix.join(root, name))
      const stat = yield* attempt("look at", `${root}${name}`, () => handle.stat())
      const isHome = stat.dev === home?.dev && stat.ino === home.ino
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
          yield* attempt("set the mode of", `${root}${name}`, () => handle.chmod(stat.mode & 0o7755))
          yield* Effect.logWarning("Took write permission from group and others, with which sshd refuses the keys", {
            path: `${root}${name}`
          })
        }
      }
      return { handle, path: name, uid: stat.uid, place } satisfies Directory
    })

    const enter = Effect.fnUntraced(function*(parent: Directory, name: string) {
      const path = NodePath.posix.join(parent.path, name)
      const at = entry(parent, name)
      const found = yield* kindOf(at, `${root}${path}`)
      if (found?.kind === "link" && parent.place === "outside") {
        if (!trusted(parent.uid) || exposed !== undefined || !trusted(found.uid)) {
          return yield* refuse(
            path,
            "is a symbolic link that somebody else than root can change; replace it with a directory"
          )
        }
        const target = yield* attempt("read", `${root}${path}`, () => Fs.readlink(at))
        return NodePath.posix.resolve(parent.path, target)
      }
      if (found !== undefined && found.kind !== "directory") {
        if (parent.place === "outside") return yield* refuse(path, "is no directory")
        yield* moveAside(root, parent, name)
      }
      const fresh = found?.kind !== "directory"
      if (fresh) {
        yield* attempt("create", `${root}${path}`, () => Fs.mkdir(at, 0o700))
      }
      const handle = yield* open(at, `${root}${path}`)
      if (fresh) {
        yield* attempt("set the owner and mode of", `${root}${path}`, async () => {
          if (parent.place === "outside") await handle.chmod(0o755)
          else {
            await handle.chown(account.uid, account.gid)
            await handle.chmod(0o700)
          }
        })
        yield* syncDirectory(entry(parent, "."))
      }
      return yield* check(parent, handle, path)
    })

    const top = yield* check(undefined, yield* open(root === "" ? "/" : root, root === "" ? "/" : root), "/")
    // The prefix of a test lies below a directory of everybody's; what counts begins below it.
    exposed = undefined

    let links = 0
    let directory: Directory = top
    const ahead = components(NodePath.posix.dirname(path))
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
    if (directory.place === "below") {
      yield* attempt("set the owner and mode of", `${root}${directory.path}`, async () => {
        await handle.chown(account.uid, account.gid)
        await handle.chmod(0o700)
      })
    }

    const name = NodePath.posix.basename(path)
    const shown = NodePath.posix.join(root, directory.path, name)
    const touched = directory.place === "below" ? [NodePath.posix.join(root, directory.path), shown] : [shown]
    if (yield* isRight(entry(directory, name), account, content)) return { changed: false, touched }
    const found = yield* kindOf(entry(directory, name), shown)
    if (found?.kind === "directory") {
      if (directory.place === "outside") return yield* refuse(path, "is a directory")
      yield* moveAside(root, directory, name)
    }
    yield* writeAtomic(entry(directory, name), content, { mode: 0o600, owner: account })
    return { changed: true, touched }
  })

/** The name of an entry of an open directory: `openat(2)` by way of `/proc`, which Node does not offer otherwise. */
const entry = (directory: Directory, name: string): string =>
  name === "." ? `/proc/self/fd/${directory.handle.fd}` : `/proc/self/fd/${directory.handle.fd}/${name}`

const components = (path: string): Array<string> =>
  NodePath.posix.normalize(path).split("/").filter((name) => name !== "")

const open = (path: string, shown: string): Effect.Effect<Fs.FileHandle, FileError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(
      "open",
      shown,
      () => Fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    ),
    (handle) => Effect.ignore(attempt("close", shown, () => handle.close()))
  )

const kindOf = (path: string, shown: string) =>
  attempt("look at", shown, () => Fs.lstat(path)).pipe(
    Effect.map((stat) => ({
      uid: stat.uid,
      kind: stat.isDirectory() ? "directory" as const : stat.isSymbolicLink() ? "link" as const : "other" as const
    })),
    Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(error))
  )

const moveAside = Effect.fnUntraced(function*(root: string, directory: Directory, name: string) {
  const aside = `${name}.azure-init-${Crypto.randomBytes(4).toString("hex")}`
  const path = NodePath.posix.join(root, directory.path, name)
  yield* attempt("rename", path, () => Fs.rename(entry(directory, name), entry(directory, aside)))
  yield* Effect.logWarning("Renamed what stood in the way of the SSH keys", { path, renamed_to: aside })
})

/** Whether this very content is there already, as a plain file of the user's with no second name. */
const isRight = (path: string, account: UserAccount, content: string): Effect.Effect<boolean> =>
  attempt("read", path, async () => {
    // Without O_NONBLOCK a named pipe of the user's would hold us for ever.
    const file = await Fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stat = await file.stat()
      return stat.isFile() && stat.nlink === 1 && stat.uid === account.uid && stat.gid === account.gid
        && (stat.mode & 0o7777) === 0o600 && stat.size === Buffer.byteLength(content)
        && await file.readFile("utf8") === content
    } finally {
      await file.close()
    }
  }).pipe(Effect.orElseSucceed(() => false))
