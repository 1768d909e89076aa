import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import type { UserAccount } from "../../domain/UserAccount.ts"
import { FileError } from "../../errors/FileError.ts"
import { type Entry, Linux, show } from "../../services/Linux.ts"
import { files } from "./files.ts"
import { giveTo, look, moveAside, walkTo } from "./homeWalk.ts"

/**
 * The paths that {@link writeUserFile} wrote, for relabelling: the directory when it lies below the home, and the file.
 */
export type Written = ReadonlyArray<string>

const encoder = new TextEncoder()

/** Whether this very content is there already, as a plain file of the user's with no second name. */
const isRight = (
  linux: Linux["Service"],
  place: Entry,
  account: UserAccount,
  content: Uint8Array
): Effect.Effect<boolean> =>
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

/**
 * Makes what writes a file of the user's, mode 0600, that sshd's StrictModes accepts. `path` is absolute, without the
 * `root` prefix.
 *
 * {@link walkTo} leads to its directory, which becomes the user's, 0700, when it lies below the home. A symbolic link
 * in place of the file is replaced, a directory moved aside. Nothing is written when the file is right already.
 */
export const writeUserFile: Effect.Effect<
  (root: string, account: UserAccount, path: string, content: string) => Effect.Effect<Written, FileError>,
  never,
  Linux | Path.Path
> = Effect.gen(function*() {
  const context = yield* Effect.context<Linux | Path.Path>()
  const linux = yield* Linux
  const { basename } = yield* Path.Path
  const { writeAtomic } = yield* files

  return Effect.fnUntraced(function*(root, account, path, content) {
    const { handle, zone } = yield* Effect.provideContext(walkTo(root, account, path), context)
    if (zone === "below") yield* giveTo(account, handle)
    const file: Entry = { directory: handle, name: basename(path) }
    const written = zone === "below" ? [handle.path, show(file)] : [show(file)]
    if (yield* isRight(linux, file, account, encoder.encode(content))) return written
    const found = yield* look(linux, file)
    if (found?.kind === "directory") {
      if (zone === "outside") {
        return yield* new FileError({ operation: "use", path: `${root}${path}`, detail: "is a directory" })
      }
      yield* moveAside(linux, file)
    }
    yield* writeAtomic(file, content, { mode: 0o600, owner: account })
    return written
  }, Effect.scoped)
})
