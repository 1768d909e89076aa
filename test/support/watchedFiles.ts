import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type * as Scope from "effect/Scope"
import { realpathSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { type File, Linux, type Place, type Stat } from "../../src/services/Linux.ts"

/** What {@link watchFiles} changes. */
export interface Watch {
  /**
   * The owner that `stat` and `lstat` show for a path, where only root could make one; the real one where it is
   * `undefined`.
   */
  readonly ownerOf?: (path: string) => { readonly uid?: number; readonly gid?: number } | undefined
  /** Comes just before a call; what it throws is the call's failure. */
  readonly before?: (call: string) => void
}

interface Watching extends Watch {
  readonly calls: Array<string>
}

let watching: Watching | undefined

/** The real path that a name means, the last part not followed. */
const real = (place: Place): string => {
  if (typeof place !== "string") {
    const directory = realNames.get(place.directory) ?? place.directory.path
    return place.name === "." ? directory : join(directory, place.name)
  }
  try {
    return join(realpathSync(dirname(place)), basename(place))
  } catch {
    return place
  }
}

/** The real paths of open files, by the names that they were opened with. */
const realNames = new WeakMap<File, string>()

/** Notes a call, then makes it. */
const noted = <A, R>(
  call: string,
  path: string,
  work: Effect.Effect<A, LinuxError, R>
): Effect.Effect<A, LinuxError, R> =>
  Effect.suspend(() => {
    if (watching === undefined) return work
    watching.calls.push(call)
    try {
      watching.before?.(call)
    } catch (thrown) {
      const { code = "EIO", message = String(thrown) }: { readonly code?: string; readonly message?: string } =
        thrown instanceof Error ? thrown : {}
      return Effect.fail(new LinuxError({ operation: call, path, code, detail: message.replace(/^[A-Z]+: /, "") }))
    }
    return work
  })

const shown = (path: string) => (stat: Stat): Stat => ({ ...stat, ...watching?.ownerOf?.(path) })

const watchedFile = (file: File, path: string, writable: boolean): File => {
  const own: File = {
    path: file.path,
    get stat() {
      return Effect.map(noted(`fstat ${path}`, path, file.stat), shown(path))
    },
    read: (maximum) => noted(`read ${path}`, path, file.read(maximum)),
    readAt: (offset, maximum) => noted(`read ${path}`, path, file.readAt(offset, maximum)),
    write: (content) => noted(`writeFile ${path}`, path, file.write(content)),
    writeAt: (offset, bytes) => noted(`write ${path}`, path, file.writeAt(offset, bytes)),
    writeUnsafe: (content) => file.writeUnsafe(content),
    truncate: (size) => noted(`truncate ${path} ${size}`, path, file.truncate(size)),
    get sync() {
      return noted(`sync ${path}`, path, file.sync)
    },
    chmod: (mode) => noted(`chmod ${path} ${mode.toString(8)}`, path, file.chmod(mode)),
    chown: (uid, gid) => noted(`chown ${path} ${uid}:${gid}`, path, file.chown(uid, gid)),
    // As fcntl(2) has it; flock(2), and with it Node, asks for less.
    tryLock: writable
      ? file.tryLock
      : Effect.fail(new LinuxError({ operation: "fcntl", path, code: "EBADF", detail: "bad file descriptor" }))
  }
  inner.set(own, file)
  realNames.set(own, path)
  return own
}

/** The platform's own file of a watched one, which is what the platform knows. */
const inner = new WeakMap<File, File>()
const platformPlace = (place: Place): Place =>
  typeof place === "string" ? place : { ...place, directory: inner.get(place.directory) ?? place.directory }

const watched = (linux: Linux["Service"]): Linux["Service"] => ({
  ...linux,
  open: (place, options) =>
    Effect.suspend(() => {
      const path = real(place)
      const call = options?.create === undefined ? `open ${path}` : `create ${path} ${options.create.toString(8)}`
      return Effect.tap(
        Effect.map(
          noted(call, path, linux.open(platformPlace(place), options)),
          (file) => watchedFile(file, path, options?.access === "write" || options?.access === "readWrite")
        ),
        () => Effect.addFinalizer(() => Effect.ignore(noted(`close ${path}`, path, Effect.void)))
      )
    }),
  readFile: (place, options) =>
    Effect.suspend(() => {
      const path = real(place)
      const read = noted(`read ${path}`, path, linux.readFile(platformPlace(place), options))
      return noted(
        `open ${path}`,
        path,
        Effect.ensuring(read, Effect.ignore(noted(`close ${path}`, path, Effect.void)))
      )
    }),
  stat: (place) =>
    Effect.suspend(() =>
      Effect.map(noted(`stat ${real(place)}`, real(place), linux.stat(platformPlace(place))), shown(real(place)))
    ),
  lstat: (place) =>
    Effect.suspend(() =>
      Effect.map(noted(`lstat ${real(place)}`, real(place), linux.lstat(platformPlace(place))), shown(real(place)))
    ),
  list: (place) => Effect.suspend(() => noted(`readdir ${real(place)}`, real(place), linux.list(platformPlace(place)))),
  mkdir: (place, mode) =>
    Effect.suspend(() =>
      noted(`mkdir ${real(place)} ${mode.toString(8)}`, real(place), linux.mkdir(platformPlace(place), mode))
    ),
  unlink: (place) => Effect.suspend(() => noted(`rm ${real(place)}`, real(place), linux.unlink(platformPlace(place)))),
  rename: (from, to) =>
    Effect.suspend(() =>
      noted(`rename ${real(from)} ${real(to)}`, real(to), linux.rename(platformPlace(from), platformPlace(to)))
    ),
  rmdir: (place) => linux.rmdir(platformPlace(place)),
  symlink: (target, place) => linux.symlink(target, platformPlace(place)),
  chmod: (place, mode) =>
    Effect.suspend(() =>
      noted(`chmod ${real(place)} ${mode.toString(8)}`, real(place), linux.chmod(platformPlace(place), mode))
    ),
  lchown: (place, uid, gid) => linux.lchown(platformPlace(place), uid, gid),
  // What would change this machine is not for unit tests.
  signal: () => Effect.die(new Error("a unit test signals a process of this machine")),
  setHostname: () => Effect.die(new Error("a unit test sets the name of this machine")),
  mount: () => Effect.die(new Error("a unit test mounts")),
  unmount: () => Effect.die(new Error("a unit test unmounts")),
  eject: () => Effect.die(new Error("a unit test ejects")),
  readLink: (place) =>
    Effect.suspend(() => noted(`readlink ${real(place)}`, real(place), linux.readLink(platformPlace(place))))
})

/** The platform's files, which {@link watchFiles} sees. */
export const linux: Layer.Layer<Linux | Path.Path> = Layer.effect(Linux, Linux.useSync(watched)).pipe(
  Layer.provideMerge(Platform.linux)
)

/**
 * Notes the calls of {@link linux} while the scope is open, in order, as `sync /path`; an open that may make the file
 * is `create /path 600`. The calls still do their work on real files.
 */
export const watchFiles = (watch: Watch = {}): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> => {
  const own: Watching = { ...watch, calls: [] }
  return Effect.as(
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = watching
        watching = own
        return before
      }),
      (before) =>
        Effect.sync(() => {
          watching = before
        })
    ),
    own.calls
  )
}

/** The failure of a disk, for {@link Watch.before}. */
export const diskError = (): Error => Object.assign(new Error("EIO: i/o error"), { code: "EIO" })
