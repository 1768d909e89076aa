/** The part of `node:fs` that tests set their hosts up with, for the boot runtime. */

type PathLike = string | URL

const { AT_FDCWD = -100, O_RDONLY = 0, O_WRONLY = 0, O_CREAT = 0, O_TRUNC = 0, O_DIRECTORY = 0 } = natives.constants

const pathOf = (path: PathLike): string => typeof path === "string" ? path : decodeURIComponent(path.pathname)

/** Throws as Node does for a negative errno. */
const checked = <A>(operation: string, path: string, result: A | number): A => {
  if (typeof result !== "number" || result >= 0) return result as A
  const code = natives.errorName(result)
  throw Object.assign(new Error(`${code}: ${natives.errorText(result)}, ${operation} '${path}'`), { code })
}

const withFile = <A>(path: string, flags: number, mode: number, use: (file: number) => A): A => {
  const file = checked<number>("open", path, natives.openat(AT_FDCWD, path, flags, mode))
  try {
    return use(file)
  } finally {
    natives.close(file)
  }
}

interface Options {
  readonly encoding?: string
  readonly mode?: number
  readonly recursive?: boolean
  readonly force?: boolean
}

export function readFileSync(path: PathLike, encoding: string | Options): string
export function readFileSync(path: PathLike): Buffer
export function readFileSync(path: PathLike, encoding?: string | Options): string | Uint8Array {
  const bytes = withFile(pathOf(path), O_RDONLY, 0, (file) => {
    const parts: Array<Uint8Array> = []
    for (;;) {
      const part = checked<Uint8Array>("read", pathOf(path), natives.read(file, 1 << 20))
      if (part.length === 0) break
      parts.push(part)
    }
    if (parts.length === 1 && parts[0] !== undefined) return parts[0]
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
    let offset = 0
    for (const part of parts) {
      all.set(part, offset)
      offset += part.length
    }
    return all
  })
  if (encoding === undefined) return Buffer.from(bytes)
  return encoding === "latin1" ? natives.decodeLatin1(bytes) : natives.decodeUtf8(bytes, false) ?? ""
}

export const writeFileSync = (path: PathLike, content: string | Uint8Array, options: Options = {}): void =>
  withFile(pathOf(path), O_WRONLY | O_CREAT | O_TRUNC, options.mode ?? 0o666, (file) => {
    let bytes = typeof content === "string" ? natives.encodeUtf8(content) : content
    while (bytes.length > 0) bytes = bytes.subarray(checked<number>("write", pathOf(path), natives.write(file, bytes)))
  })

class Stats {
  readonly mode: number
  readonly size: number
  readonly uid: number
  readonly gid: number
  readonly ino: number
  readonly nlink: number
  readonly mtimeMs: number

  constructor(stat: Exclude<ReturnType<typeof natives.fstat>, number>) {
    this.mode = stat.mode
    this.size = stat.size
    this.uid = stat.uid
    this.gid = stat.gid
    this.ino = stat.ino
    this.nlink = stat.nlink
    this.mtimeMs = stat.mtimeMs
  }

  isFile(): boolean {
    return (this.mode & 0o170000) === 0o100000
  }

  isDirectory(): boolean {
    return (this.mode & 0o170000) === 0o040000
  }

  isSymbolicLink(): boolean {
    return (this.mode & 0o170000) === 0o120000
  }
}

const stat = (path: PathLike, follow: boolean) =>
  new Stats(checked("stat", pathOf(path), natives.fstatat(AT_FDCWD, pathOf(path), follow)))

export const statSync = (path: PathLike) => stat(path, true)
export const lstatSync = (path: PathLike) => stat(path, false)
export const existsSync = (path: PathLike): boolean => typeof natives.fstatat(AT_FDCWD, pathOf(path), true) !== "number"

export const mkdirSync = (path: PathLike, options: Options = {}): void => {
  const name = pathOf(path)
  const parent = name.replace(/\/+[^/]*$/, "")
  if (options.recursive === true && existsSync(name)) return
  if (options.recursive === true && parent !== "" && parent !== name) mkdirSync(parent, options)
  checked("mkdir", name, natives.mkdirat(AT_FDCWD, name, options.mode ?? 0o777))
}

export const readdirSync = (path: PathLike): Array<string> =>
  withFile(
    pathOf(path),
    O_RDONLY | O_DIRECTORY,
    0,
    (file) => checked("readdir", pathOf(path), natives.readdir(file)).map(({ name }) => name).sort()
  )

/** Removes an entry of a directory that is open; a path of the whole could be longer than the kernel takes. */
const removeIn = (parent: number, name: string, recursive: boolean): void => {
  const { mode } = checked<Exclude<ReturnType<typeof natives.fstatat>, number>>(
    "lstat",
    name,
    natives.fstatat(parent, name, false)
  )
  const isDirectory = (mode & 0o170000) === 0o040000
  if (isDirectory && recursive) {
    const directory = checked<number>("open", name, natives.openat(parent, name, O_RDONLY | O_DIRECTORY, 0))
    try {
      for (const each of checked("readdir", name, natives.readdir(directory))) removeIn(directory, each.name, true)
    } finally {
      natives.close(directory)
    }
  }
  checked("rm", name, natives.unlinkat(parent, name, isDirectory))
}

export const rmSync = (path: PathLike, options: Options = {}): void => {
  const name = pathOf(path)
  if (options.force === true && typeof natives.fstatat(AT_FDCWD, name, false) === "number") return
  removeIn(AT_FDCWD, name, options.recursive === true)
}

export const mkdtempSync = (prefix: string): string => {
  const path = `${prefix}${[...natives.getrandom(6)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`
  mkdirSync(path, { mode: 0o700 })
  return path
}

export const symlinkSync = (target: string, path: PathLike): void => {
  checked("symlink", pathOf(path), natives.symlinkat(target, AT_FDCWD, pathOf(path)))
}

export const chmodSync = (path: PathLike, mode: number): void => {
  checked("chmod", pathOf(path), natives.fchmodat(AT_FDCWD, pathOf(path), mode))
}

export const realpathSync = (path: PathLike): string =>
  checked<string>("realpath", pathOf(path), natives.realpath(pathOf(path)))

export const readlinkSync = (path: PathLike): string =>
  checked<string>("readlink", pathOf(path), natives.readlinkat(AT_FDCWD, pathOf(path)))

export const linkSync = (from: PathLike, to: PathLike): void => {
  checked("link", pathOf(to), natives.linkat(AT_FDCWD, pathOf(from), AT_FDCWD, pathOf(to)))
}

export const renameSync = (from: PathLike, to: PathLike): void => {
  checked("rename", pathOf(to), natives.renameat(AT_FDCWD, pathOf(from), AT_FDCWD, pathOf(to)))
}

export const rmdirSync = (path: PathLike): void => {
  checked("rmdir", pathOf(path), natives.unlinkat(AT_FDCWD, pathOf(path), true))
}

export const unlinkSync = (path: PathLike): void => {
  checked("unlink", pathOf(path), natives.unlinkat(AT_FDCWD, pathOf(path), false))
}

export const utimesSync = (path: PathLike, accessed: number, modified: number): void => {
  checked("utimes", pathOf(path), natives.utimensat(AT_FDCWD, pathOf(path), accessed, modified, true))
}

export const truncateSync = (path: PathLike, size: number): void =>
  withFile(pathOf(path), O_WRONLY, 0, (file) => {
    checked("truncate", pathOf(path), natives.ftruncate(file, size))
  })
