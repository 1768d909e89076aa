import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Platform from "../../../src/layers/Platform.ts"
import { type Entry, type File, Linux, type OpenOptions } from "../../../src/services/Linux.ts"
import { temporaryRoot } from "../../support/host.ts"

/** Lets other processes work. */
const turns = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** On Node under vitest, on the boot runtime under `npm run test:native`: {@link Linux} promises the same on both. */

const utf8 = new TextEncoder()
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const host = Effect.gen(function*() {
  const linux = yield* Linux
  const root = yield* temporaryRoot
  return { linux, root, directory: yield* linux.open(root, { directory: true }) }
})

const create: OpenOptions = { access: "readWrite", create: 0o600, exclusive: true }

const write = Effect.fnUntraced(function*(place: string | Entry, content: string) {
  const linux = yield* Linux
  yield* Effect.scoped(Effect.flatMap(linux.open(place, create), (file) => file.write(content)))
})

const command = (name: string, ...args: ReadonlyArray<string>) =>
  ChildProcessSpawner.use((spawner) =>
    spawner.exitCode(ChildProcess.make(name, args, { extendEnv: true, stdin: "ignore" }))
  )

/** Whether another process gets the lock now: flock(1) ends with 1 when it does not. */
const othersGet = (path: string) => Effect.map(command("flock", "-x", "-n", path, "true"), (status) => status === 0)

const codeOf = <A, R>(work: Effect.Effect<A, { readonly code: string }, R>) =>
  Effect.map(Effect.flip(work), ({ code }) => code)

describe("Linux: files", () => {
  it.effect("writes, reads, and tells what there is", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      const file = yield* linux.open(`${root}/file`, create)
      yield* file.write("one, ")
      yield* file.write(utf8.encode("two \u00e9"))
      yield* file.writeAt(5, utf8.encode("TWO"))
      yield* file.sync
      const stat = yield* file.stat
      assert.deepInclude(stat, { kind: "file", mode: 0o600, size: 11, links: 1, uid: linux.euid })
      assert.deepStrictEqual(yield* linux.stat(`${root}/file`), stat)
      assert.strictEqual(text(yield* file.readAt(5, 3)), "TWO")
      assert.strictEqual(text(yield* file.readAt(9, 100)), "\u00e9")
      assert.strictEqual((yield* file.readAt(100, 3)).length, 0)
      assert.strictEqual(text(yield* linux.readFile(`${root}/file`, { maximum: 11 })), "one, TWO \u00e9")
      assert.isBelow(Math.abs(stat.modified - Date.now()), 10_000)
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("reads on from its position, to the end", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* write(`${root}/file`, "abcde")
      const file = yield* linux.open(`${root}/file`)
      const parts: Array<string> = []
      for (let i = 0; i < 4; i++) parts.push(text(yield* file.read(2)))
      assert.deepStrictEqual(parts, ["ab", "cd", "e", ""])
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("appends, truncates, and changes mode and owner", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* write(`${root}/file`, "abcde")
      const file = yield* linux.open(`${root}/file`, { access: "write", append: true })
      yield* file.truncate(2)
      yield* file.write("X")
      yield* file.chmod(0o640)
      const { gid, uid } = yield* file.stat
      yield* file.chown(uid, gid)
      assert.strictEqual((yield* file.stat).mode, 0o640)
      yield* linux.chmod(`${root}/file`, 0o400)
      yield* linux.lchown(`${root}/file`, uid, gid)
      assert.strictEqual((yield* file.stat).mode, 0o400)
      assert.strictEqual(text(yield* linux.readFile(`${root}/file`, { maximum: 9 })), "abX")
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("refuses an owner that is no id of 32 bits", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* write(`${root}/file`, "")
      const file = yield* linux.open(`${root}/file`)
      const { gid, uid } = yield* file.stat
      assert.strictEqual(yield* codeOf(file.chown(2 ** 32, gid)), "EINVAL")
      assert.strictEqual(yield* codeOf(linux.lchown(`${root}/file`, uid, 2 ** 32)), "EINVAL")
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("refuses a path with a NUL, in the kernel's words", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      const { code, detail } = yield* Effect.flip(linux.lstat(`${root}/a\0b`))
      assert.deepStrictEqual([code, detail.toLowerCase()], ["EINVAL", "invalid argument"])
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("reads up to its bound, and refuses more", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      const large = "x".repeat(200_000)
      yield* write(`${root}/file`, large)
      yield* linux.symlink("file", `${root}/link`)
      for (const slow of [false, true]) {
        assert.strictEqual((yield* linux.readFile(`${root}/file`, { maximum: 200_000, slow })).length, 200_000)
        assert.strictEqual(yield* codeOf(linux.readFile(`${root}/file`, { maximum: 199_999, slow })), "EFBIG")
        assert.strictEqual(yield* codeOf(linux.readFile(`${root}/none`, { maximum: 1, slow })), "ENOENT")
        assert.strictEqual(yield* codeOf(linux.readFile(root, { maximum: 1, slow })), "EISDIR")
        assert.strictEqual(
          yield* codeOf(linux.readFile(`${root}/link`, { maximum: 200_000, noFollow: true, slow })),
          "ELOOP"
        )
      }
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("does not wait for a FIFO in a file's place", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      assert.strictEqual(yield* command("mkfifo", `${root}/fifo`), 0)
      assert.strictEqual((yield* linux.readFile(`${root}/fifo`, { maximum: 9 })).length, 0)
      assert.strictEqual((yield* linux.lstat(`${root}/fifo`)).kind, "other")
      assert.strictEqual(yield* codeOf(Effect.scoped(linux.open(`${root}/fifo`, { access: "write" }))), "ENXIO")
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("says the errno, the call and the path of a failure", () =>
    Effect.gen(function*() {
      const { directory, linux, root } = yield* host
      const error = yield* Effect.flip(linux.stat({ directory, name: "none" }))
      assert.strictEqual(error._tag, "LinuxError")
      assert.strictEqual(error.code, "ENOENT")
      assert.strictEqual(error.path, `${root}/none`)
      assert.strictEqual(error.detail, "no such file or directory")
      assert.strictEqual(error.message, `fstatat ${root}/none: ENOENT: no such file or directory`)
      yield* write(`${root}/file`, "x")
      assert.strictEqual(yield* codeOf(Effect.scoped(linux.open(`${root}/file`, create))), "EEXIST")
      assert.strictEqual(yield* codeOf(Effect.scoped(linux.open(`${root}/file`, { directory: true }))), "ENOTDIR")
      const file = yield* linux.open(`${root}/file`)
      assert.strictEqual(yield* codeOf(file.write("x")), "EBADF")
      assert.strictEqual(file.writeUnsafe("x")?.code, "EBADF")
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("gives its descriptors back with their scopes", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* write(`${root}/file`, "x")
      for (let i = 0; i < 3000; i++) yield* Effect.scoped(linux.open(`${root}/file`))
      for (let i = 0; i < 3000; i++) yield* linux.readFile(`${root}/file`, { maximum: 1 })
    }).pipe(Effect.provide(Platform.linux)), 120_000)
})

describe("Linux: directories", () => {
  it.effect("reaches entries through the open directory, whatever happens to its name", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* linux.mkdir(`${root}/first`, 0o700)
      const directory = yield* linux.open(`${root}/first`, { directory: true, noFollow: true })
      yield* linux.rename(`${root}/first`, `${root}/second`)
      yield* linux.mkdir(`${root}/first`, 0o700)
      const at = (name: string): Entry => ({ directory, name })
      yield* write(at("file"), "content")
      yield* linux.mkdir(at("below"), 0o750)
      yield* linux.symlink("file", at("link"))
      yield* linux.rename(at("file"), at("moved"))
      assert.strictEqual(yield* linux.readLink(at("link")), "file")
      assert.strictEqual((yield* linux.lstat(at("below"))).mode, 0o750)
      assert.deepStrictEqual((yield* linux.list(`${root}/second`)).toSorted((a, b) => a.name < b.name ? -1 : 1), [
        { name: "below", kind: "directory" },
        { name: "link", kind: "link" },
        { name: "moved", kind: "file" }
      ])
      assert.deepStrictEqual(yield* linux.list(`${root}/first`), [])
      yield* linux.unlink(at("moved"))
      yield* linux.rmdir(at("below"))
      assert.deepStrictEqual(yield* linux.list({ directory, name: "." }), [{ name: "link", kind: "link" }])
      yield* directory.sync
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("follows a link, or not, as it is told", () =>
    Effect.gen(function*() {
      const { directory, linux, root } = yield* host
      yield* write(`${root}/file`, "content")
      yield* linux.symlink("file", `${root}/link`)
      yield* linux.symlink("none", `${root}/dangling`)
      const link: Entry = { directory, name: "link" }
      assert.strictEqual((yield* linux.stat(link)).kind, "file")
      assert.strictEqual((yield* linux.lstat(link)).kind, "link")
      assert.strictEqual(text(yield* linux.readFile(link, { maximum: 9 })), "content")
      assert.strictEqual(yield* codeOf(linux.readFile(link, { maximum: 9, noFollow: true })), "ELOOP")
      assert.strictEqual(yield* codeOf(Effect.scoped(linux.open(link, { noFollow: true }))), "ELOOP")
      assert.strictEqual((yield* linux.lstat(`${root}/dangling`)).kind, "link")
      assert.strictEqual(yield* codeOf(linux.stat(`${root}/dangling`)), "ENOENT")
      assert.strictEqual(yield* linux.realPath(`${root}/link`), yield* linux.realPath(`${root}/file`))
      assert.strictEqual(yield* codeOf(linux.realPath(`${root}/dangling`)), "ENOENT")
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("tells a directory from a file when it removes", () =>
    Effect.gen(function*() {
      const { linux, root } = yield* host
      yield* linux.mkdir(`${root}/directory`, 0o700)
      yield* write(`${root}/directory/file`, "x")
      assert.strictEqual(yield* codeOf(linux.rmdir(`${root}/directory`)), "ENOTEMPTY")
      assert.strictEqual(yield* codeOf(linux.rmdir(`${root}/directory/file`)), "ENOTDIR")
      assert.strictEqual(yield* codeOf(linux.unlink(`${root}/directory`)), "EISDIR")
    }).pipe(Effect.provide(Platform.linux)))
})

describe("Linux: locks", () => {
  const locked = Effect.fnUntraced(function*(path: string) {
    const linux = yield* Linux
    const file = yield* linux.open(path, { access: "readWrite", create: 0o600 })
    return { file, taken: yield* file.tryLock }
  })

  it.effect("keeps other processes out until the scope closes", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      yield* Effect.scoped(Effect.gen(function*() {
        assert.isTrue((yield* locked(path)).taken)
        assert.isFalse(yield* othersGet(path))
      }))
      assert.isTrue(yield* othersGet(path))
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("keeps a second opening of the same process out, and the first lock when the second was refused", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      yield* locked(path)
      assert.isFalse(yield* Effect.map(Effect.scoped(locked(path)), ({ taken }) => taken))
      assert.isFalse(yield* othersGet(path))
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("finds a lock that another process has", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      const spawner = yield* ChildProcessSpawner
      const linux = yield* Linux
      const ready = `${path}.ready`
      const holder = yield* spawner.spawn(
        ChildProcess.make("flock", ["-x", path, "sh", "-c", `: >'${ready}'; exec sleep 60`], { stdin: "ignore" })
      )
      while ((yield* Effect.result(linux.stat(ready)))._tag === "Failure") {
        yield* turns
      }
      assert.isFalse((yield* locked(path)).taken)
      yield* holder.kill()
    }).pipe(Effect.provide(Platform.processes)))

  it.effect("can use the file that is locked", () =>
    Effect.gen(function*() {
      const path = `${yield* temporaryRoot}/lock`
      const { file } = yield* locked(path)
      yield* file.write("text")
      assert.strictEqual(text(yield* file.readAt(0, 9)), "text")
    }).pipe(Effect.provide(Platform.processes)))
})

describe("Linux: the machine", () => {
  const refused = Effect.fnUntraced(
    function*(work: (linux: Linux["Service"], root: string) => ReturnType<File["chmod"]>) {
      const { linux, root } = yield* host
      return yield* Effect.flip(work(linux, root))
    }
  )

  it.effect("fails to mount what is no device, and to unmount what is not mounted", () =>
    Effect.gen(function*() {
      const mount = yield* refused((linux, root) =>
        linux.mount({ device: `${root}/none`, directory: `${root}/none`, type: "iso9660" })
      )
      assert.strictEqual(mount.operation, "mount")
      const unmount = yield* refused((linux, root) => linux.unmount(root))
      assert.strictEqual(unmount.operation, "umount2")
      yield* refused((linux, root) => linux.unmount(root, { lazy: true }))
      yield* refused((linux, root) => linux.eject(`${root}/none`))
    }).pipe(Effect.provide(Platform.linux)))

  it.effect("sends a signal to a process, and fails when there is none", () =>
    Effect.gen(function*() {
      const linux = yield* Linux
      const spawner = yield* ChildProcessSpawner
      const child = yield* spawner.spawn(ChildProcess.make("sleep", ["60"], { stdin: "ignore" }))
      yield* linux.signal(child.pid, "SIGHUP")
      assert.include(String((yield* Effect.flip(child.exitCode)).cause), "SIGHUP")
      const gone = yield* Effect.flip(linux.signal(child.pid, "SIGHUP"))
      assert.deepStrictEqual([gone.code, gone.operation, gone.path], ["ESRCH", "kill", String(child.pid)])
    }).pipe(Effect.provide([Platform.linux, Platform.processes])))

  it.effect("writes to standard error without an effect, and knows what is behind it", () =>
    Effect.gen(function*() {
      const linux = yield* Linux
      const { output, stat } = linux.standardOutput(2)
      assert.strictEqual((yield* output).write(new Uint8Array()), 0)
      assert.isDefined(stat)
    }).pipe(Effect.provide(Platform.linux)))
})
