import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { realpathSync, type Stats } from "node:fs"
import Fs from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { basename, dirname, join } from "node:path"

/** What {@link watchFiles} changes. */
export interface Watch {
  /** The owner that `stat` and `lstat` show for a path, where only root could make one; the real one where it is `undefined`. */
  readonly ownerOf?: (path: string) => { readonly uid?: number; readonly gid?: number } | undefined
  /** Comes just before a call; what it throws is the call's failure. */
  readonly before?: (call: string) => void
  /** The most bytes that one `read` or `write` of a handle takes, as of a slow or signalled device; any number by default. */
  readonly portion?: number
}

/** The real path that a name means, the last part not followed: `/proc/self/fd/N/name` is a name in an open directory. */
const real = (path: string): string => {
  try {
    return /^\/proc\/self\/fd\/\d+$/.test(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path))
  } catch {
    return path
  }
}

/** The calls of a handle that are noted, with what is shown of their arguments. */
const handleCalls = {
  read: () => "",
  readFile: () => "",
  write: () => "",
  writeFile: () => "",
  truncate: (size: unknown) => ` ${String(size)}`,
  chmod: (mode: unknown) => ` ${Number(mode).toString(8)}`,
  chown: (uid: unknown, gid: unknown) => ` ${String(uid)}:${String(gid)}`,
  sync: () => "",
  close: () => ""
}

/**
 * Notes the calls of `node:fs/promises` while the scope is open, in order, as `sync /path`. The calls still do their work on real files.
 */
export const watchFiles = (watch: Watch = {}): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> => {
  const { lstat, mkdir, open, readdir, readlink, rename, rm, stat } = Fs
  const calls: Array<string> = []
  const note = (call: string) => {
    calls.push(call)
    watch.before?.(call)
  }
  const shown = (path: string, stats: Stats): Stats => Object.assign(stats, watch.ownerOf?.(path))
  const replace = (replacement: Partial<typeof Fs>) =>
    Effect.sync(() => {
      Object.assign(Fs, replacement)
      syncBuiltinESMExports()
    })
  const watched: Partial<typeof Fs> = {
    open: async (name, flags, mode) => {
      const path = real(String(name))
      note(`open ${path}`)
      const handle = await open(name, flags, mode)
      for (const [call, args] of Object.entries(handleCalls)) {
        const original: unknown = Reflect.get(handle, call)
        if (typeof original !== "function") continue
        Reflect.set(handle, call, async (...given: ReadonlyArray<unknown>) => {
          note(`${call} ${path}${args(given[0], given[1])}`)
          const [bytes, offset, length, ...more] = given
          const short = watch.portion !== undefined && (call === "read" || call === "write") &&
            typeof length === "number"
          return await Reflect.apply(
            original,
            handle,
            short ? [bytes, offset, Math.min(length, watch.portion), ...more] : given
          )
        })
      }
      const status: unknown = Reflect.get(handle, "stat")
      if (typeof status === "function") {
        Reflect.set(handle, "stat", async () => {
          note(`fstat ${path}`)
          return shown(path, await Reflect.apply(status, handle, []))
        })
      }
      return handle
    },
    rename: async (from, to) => {
      note(`rename ${real(String(from))} ${real(String(to))}`)
      await rename(from, to)
    },
    rm: async (path, options) => {
      note(`rm ${real(String(path))}`)
      await rm(path, options)
    }
  }
  Object.assign(watched, {
    stat: async (name: string) => {
      note(`stat ${real(name)}`)
      return shown(real(name), await stat(name))
    },
    lstat: async (name: string) => {
      note(`lstat ${real(name)}`)
      return shown(real(name), await lstat(name))
    },
    mkdir: async (name: string, options: { readonly recursive?: boolean; readonly mode?: number }) => {
      note(`mkdir ${real(name)} ${options.mode?.toString(8)}`)
      return await mkdir(name, options)
    },
    readdir: async (name: string) => {
      note(`readdir ${real(name)}`)
      return await readdir(name)
    },
    readlink: async (name: string) => {
      note(`readlink ${real(name)}`)
      return await readlink(name)
    }
  })
  return Effect.as(
    Effect.acquireRelease(replace(watched), () => replace({ lstat, mkdir, open, readdir, readlink, rename, rm, stat })),
    calls
  )
}

/** The failure of a disk, for {@link Watch.before}. */
export const diskError = (): Error => Object.assign(new Error("EIO: i/o error"), { code: "EIO" })
