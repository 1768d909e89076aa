import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { linkSync, lstatSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs"
import { FileError } from "../../src/errors/FileError.ts"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import { attempt, files, randomName } from "../../src/layers/linux/files.ts"
import { Linux } from "../../src/services/Linux.ts"
import { temporaryRoot, writeFiles } from "../support/host.ts"
import { diskError, linux, watchFiles } from "../support/watchedFiles.ts"

const {
  exists,
  makeDirectories,
  readBytes,
  readBytesIfPresent,
  readText,
  readTextIfPresent,
  remove,
  syncDirectory,
  writeAtomic
} = Effect.runSync(Effect.provide(files, linux))

describe("files", () => {
  it.effect("writes a file with its mode, whatever the umask, and leaves nothing beside it", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeAtomic(`${root}/file`, "content\n", { mode: 0o644 })
      assert.strictEqual(readFileSync(`${root}/file`, "utf8"), "content\n")
      assert.strictEqual(lstatSync(`${root}/file`).mode & 0o7777, 0o644)
      assert.deepStrictEqual(readdirSync(root), ["file"])
    }))

  it.effect("keeps the old file, and nothing of the new, when the check fails", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { file: "old" })
      const refused = new FileError({ operation: "check", path: "file", detail: "no" })
      const error = yield* Effect.flip(
        writeAtomic(`${root}/file`, "new", { mode: 0o600, check: () => Effect.fail(refused) })
      )
      assert.strictEqual(error.detail, "no")
      assert.strictEqual(readFileSync(`${root}/file`, "utf8"), "old")
      assert.deepStrictEqual(readdirSync(root), ["file"])
    }))

  it.effect("writes all the same when a directory stands at its temporary name", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { ".file.azure-init/inside": "kept" })
      yield* writeAtomic(`${root}/file`, "new", { mode: 0o600 })
      assert.deepStrictEqual(readdirSync(root).sort(), [".file.azure-init", "file"])
    }))

  it.effect("replaces a symbolic link, and does not touch what it points to", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { target: "precious" })
      symlinkSync("target", `${root}/link`)
      yield* writeAtomic(`${root}/link`, "new", { mode: 0o600 })
      assert.isTrue(lstatSync(`${root}/link`).isFile())
      assert.strictEqual(readFileSync(`${root}/target`, "utf8"), "precious")
    }))

  it.effect("says what it could not write, and why", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const error = yield* Effect.flip(writeAtomic(`${root}/missing/file`, "x", { mode: 0o600 }))
      assert.strictEqual(error.code, "ENOENT")
      assert.include(error.message, `${root}/missing/file`)
    }))

  it.effect("reads up to its bound, and refuses more", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { ten: "0123456789" })
      assert.strictEqual(yield* readText(`${root}/ten`, { maximum: 10 }), "0123456789")
      assert.include((yield* Effect.flip(readText(`${root}/ten`, { maximum: 9 }))).message, "larger than 9 bytes")
    }))

  it.effect("does not follow a link when told so", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { target: "x" })
      symlinkSync("target", `${root}/link`)
      assert.strictEqual(yield* readText(`${root}/link`), "x")
      assert.strictEqual((yield* Effect.flip(readText(`${root}/link`, { follow: false }))).code, "ELOOP")
    }))

  it.effect("does not wait for a FIFO in the file's place", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      assert.strictEqual(spawnSync("mkfifo", [`${root}/fifo`]).status, 0)
      assert.strictEqual(yield* readText(`${root}/fifo`), "")
    }))

  it.effect("tells a missing file from an unreadable one", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      assert.isUndefined(yield* readTextIfPresent(`${root}/none`))
      assert.strictEqual((yield* Effect.flip(readTextIfPresent(root))).code, "EISDIR")
      assert.isFalse(yield* exists(`${root}/none`))
      symlinkSync("nowhere", `${root}/dangling`)
      assert.isTrue(yield* exists(`${root}/dangling`))
    }))
})

describe("files: durability", () => {
  it.effect("a file has its owner and mode, and is on the disk, before it has its name; then its directory is", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      const calls = yield* watchFiles()
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
      const temporary = `${root}/.file.azure-init`
      yield* writeAtomic(`${root}/file`, "content", {
        mode: 0o640,
        owner,
        check: () => Effect.sync(() => assert.strictEqual(calls.at(-1), `close ${temporary}`))
      })
      assert.deepStrictEqual(calls, [
        `rm ${temporary}`,
        `create ${temporary} 600`,
        `writeFile ${temporary}`,
        `chown ${temporary} ${owner.uid}:${owner.gid}`,
        `chmod ${temporary} 640`,
        `sync ${temporary}`,
        `close ${temporary}`,
        `rename ${temporary} ${root}/file`,
        `open ${root}`,
        `sync ${root}`,
        `close ${root}`
      ])
    }))

  it.effect("an entry of an open directory is written there, and the same directory is on the disk", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      const calls = yield* watchFiles()
      const directory = yield* Linux.use((system) => system.open(root, { directory: true }))
      yield* writeAtomic({ directory, name: "file" }, "content", { mode: 0o640 })
      const temporary = `${root}/.file.azure-init`
      assert.deepStrictEqual(calls, [
        `open ${root}`,
        `rm ${temporary}`,
        `create ${temporary} 600`,
        `writeFile ${temporary}`,
        `chmod ${temporary} 640`,
        `sync ${temporary}`,
        `close ${temporary}`,
        `rename ${temporary} ${root}/file`,
        `sync ${root}`
      ])
      assert.strictEqual(readFileSync(`${root}/file`, "utf8"), "content")
    }).pipe(Effect.provide(linux)))

  it.effect("an entry whose directory cannot be synced is a failure that names the directory", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      yield* watchFiles({
        before: (call) => {
          if (call === `sync ${root}`) throw diskError()
        }
      })
      const directory = yield* Linux.use((system) => system.open(root, { directory: true }))
      const error = yield* Effect.flip(writeAtomic({ directory, name: "file" }, "content", { mode: 0o640 }))
      assert.strictEqual(error.message, `cannot sync ${root}: EIO: i/o error`)
    }).pipe(Effect.provide(linux)))

  it.effect("a file that cannot be synced gets no name, and nothing is left of it", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      yield* writeFiles(root, { file: "old" })
      const calls = yield* watchFiles({
        before: (call) => {
          if (call.startsWith("sync ")) throw diskError()
        }
      })
      const error = yield* Effect.flip(writeAtomic(`${root}/file`, "new", { mode: 0o600 }))
      assert.deepStrictEqual([error.operation, error.path, error.code], ["write", `${root}/file`, "EIO"])
      assert.include(calls, `close ${root}/.file.azure-init`)
      assert.strictEqual(readFileSync(`${root}/file`, "utf8"), "old")
      assert.deepStrictEqual(readdirSync(root), ["file"])
    }))

  it.effect("a file is not visible to others before it has its mode, whatever the umask", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      const modes: Array<number> = []
      yield* watchFiles({
        before: (call) => {
          if (call.startsWith("writeFile ")) modes.push(lstatSync(`${root}/.file.azure-init`).mode & 0o7777)
        }
      })
      yield* writeAtomic(`${root}/file`, "content", { mode: 0o644 })
      assert.deepStrictEqual(modes, [0o600])
    }))

  for (const kind of ["file", "link"] as const) {
    it.effect(`does not write through a ${kind} that appears at its temporary name`, () =>
      Effect.gen(function*() {
        const root = realpathSync(yield* temporaryRoot)
        yield* writeFiles(root, { target: "precious" })
        yield* watchFiles({
          before: (call) => {
            if (call !== `create ${root}/.file.azure-init 600`) return
            if (kind === "link") symlinkSync("target", `${root}/.file.azure-init`)
            else linkSync(`${root}/target`, `${root}/.file.azure-init`)
          }
        })
        assert.strictEqual((yield* Effect.flip(writeAtomic(`${root}/file`, "new", { mode: 0o600 }))).code, "EEXIST")
        assert.strictEqual(readFileSync(`${root}/target`, "utf8"), "precious")
      }))
  }

  it.effect("removes what a killed agent has left at the temporary name", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { ".file.azure-init": "half" })
      yield* writeAtomic(`${root}/file`, "whole", { mode: 0o600 })
      assert.deepStrictEqual(readdirSync(root), ["file"])
      assert.strictEqual(readFileSync(`${root}/file`, "utf8"), "whole")
    }))

  it.effect("closes the directory that it cannot sync, and says which", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      const calls = yield* watchFiles({
        before: (call) => {
          if (call === `sync ${root}`) throw diskError()
        }
      })
      const error = yield* Effect.flip(syncDirectory(root))
      assert.strictEqual(error.message, `cannot sync ${root}: EIO: i/o error`)
      assert.deepStrictEqual(calls, [`open ${root}`, `sync ${root}`, `close ${root}`])
      yield* writeFiles(root, { file: "" })
      assert.strictEqual((yield* Effect.flip(syncDirectory(`${root}/file`))).code, "ENOTDIR")
    }))
})

describe("files: directories", () => {
  it.effect("makes what is missing with the mode, and tells the topmost that it made", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      assert.strictEqual(yield* makeDirectories(`${root}/a/b/c`, 0o750), `${root}/a`)
      for (const path of ["a", "a/b", "a/b/c"]) {
        assert.strictEqual(lstatSync(`${root}/${path}`).mode & 0o7777, 0o750, path)
      }
      assert.strictEqual(yield* makeDirectories(`${root}/a/b/d`, 0o700), `${root}/a/b/d`)
      assert.isUndefined(yield* makeDirectories(`${root}/a/b/d`, 0o755))
      assert.strictEqual(lstatSync(`${root}/a/b/d`).mode & 0o7777, 0o700)
    }))

  it.effect("takes a link to a directory for one, and nothing else that stands there", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { file: "", "directory/file": "" })
      symlinkSync("directory", `${root}/link`)
      symlinkSync("nowhere", `${root}/dangling`)
      assert.strictEqual(yield* makeDirectories(`${root}/link/below`, 0o700), `${root}/link/below`)
      const errors = yield* Effect.forEach(["file", "file/below", "dangling", "dangling/below"], (name) =>
        Effect.flip(makeDirectories(`${root}/${name}`, 0o700)))
      assert.deepStrictEqual(
        errors.map(({ code, operation, path }) => [operation, path.slice(root.length), code]),
        [
          ["create", "/file", "EEXIST"],
          ["create", "/file/below", "ENOTDIR"],
          ["look at", "/dangling", "ENOENT"],
          ["look at", "/dangling", "ENOENT"]
        ]
      )
    }))

  it.effect("gives up at the root, where there is nothing above", () =>
    Effect.gen(function*() {
      const calls = yield* watchFiles({
        before: () => {
          throw Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" })
        }
      })
      const error = yield* Effect.flip(makeDirectories("/azure-init-none/below", 0o700))
      assert.strictEqual(error.message, "cannot create /: ENOENT: no such file or directory")
      assert.deepStrictEqual(calls, ["mkdir /azure-init-none/below 700", "mkdir /azure-init-none 700", "mkdir / 700"])
    }))
})

describe("files: names", () => {
  it("makes a name of two hexadecimal digits for each byte, another one each time", () => {
    const names = Array.from({ length: 100 }, () => randomName(6))
    for (const name of names) assert.match(name, /^[0-9a-f]{12}$/)
    assert.strictEqual(new Set(names).size, names.length)
  })

  it.effect("takes a name of its own when it cannot remove what stands at the usual one", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      yield* writeFiles(root, { ".file.azure-init/inside": "kept" })
      const calls = yield* watchFiles()
      yield* writeAtomic(`${root}/file`, "new", { mode: 0o600 })
      assert.match(calls[1] ?? "", /^create .*\/\.file\.azure-init\.[0-9a-f]{12} 600$/)
    }))
})

describe("files: errors", () => {
  it.effect("say what could not be read or removed, with the system's code and words", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      const none = yield* Effect.flip(readText(`${root}/none`))
      assert.strictEqual(none.message, `cannot read ${root}/none: ENOENT: no such file or directory`)
      const directory = yield* Effect.flip(remove(root))
      assert.deepStrictEqual([directory.operation, directory.path, directory.code], ["remove", root, "EISDIR"])
      yield* remove(`${root}/none`)
    }))

  it.effect("have the system's code and words, and name what was tried on what", () =>
    Effect.gen(function*() {
      const refused = new LinuxError({ operation: "openat", path: "/other", code: "EIO", detail: "i/o error" })
      const error = yield* Effect.flip(attempt("read", "/file", Effect.fail(refused)))
      assert.strictEqual(error.message, "cannot read /file: EIO: i/o error")
      assert.strictEqual(error.code, "EIO")
    }))

  it.effect("say that the new name failed when it did, and nothing is left", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { "file/inside": "" })
      const error = yield* Effect.flip(writeAtomic(`${root}/file`, "new", { mode: 0o600 }))
      assert.deepStrictEqual([error.operation, error.path, error.code], ["rename", `${root}/file`, "EISDIR"])
      assert.deepStrictEqual(readdirSync(root), ["file"])
    }))
})

describe("files: limits", () => {
  it.effect("reads 1 MiB without a bound of the caller's, and refuses a byte more", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { whole: "x".repeat(1024 * 1024), more: "x".repeat(1024 * 1024 + 1) })
      assert.lengthOf(yield* readBytes(`${root}/whole`), 1024 * 1024)
      const error = yield* Effect.flip(readBytes(`${root}/more`))
      assert.strictEqual(error.message, `cannot read ${root}/more: is larger than 1048576 bytes`)
    }))

  it.effect("reads no further than its bound, however large the file is, and closes it", () =>
    Effect.gen(function*() {
      const root = realpathSync(yield* temporaryRoot)
      yield* writeFiles(root, { large: "x".repeat(1024 * 1024) })
      const calls = yield* watchFiles()
      yield* Effect.flip(readBytes(`${root}/large`, { maximum: 10 }))
      assert.deepStrictEqual(calls, [`open ${root}/large`, `read ${root}/large`, `close ${root}/large`])
    }))

  it.effect("asks for a read beside everything else only of what may be slow", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const readFile: Linux["Service"]["readFile"] = (_, options) =>
        Effect.sync(() => {
          asked.push(options)
          return new Uint8Array()
        })
      const system = yield* Linux
      const watched = yield* Effect.provideService(files, Linux, { ...system, readFile })
      yield* watched.readBytes("/a", { slow: true, maximum: 5 })
      yield* watched.readBytes("/a", { follow: false })
      assert.deepStrictEqual(asked, [
        { maximum: 5, noFollow: false, slow: true },
        { maximum: 1024 * 1024, noFollow: true, slow: false }
      ])
    }).pipe(Effect.provide(linux)))

  it.effect("gives no bytes of a file that is not there, and fails on one that cannot be read", () =>
    Effect.gen(function*() {
      const root = yield* temporaryRoot
      yield* writeFiles(root, { file: "é\xff" })
      assert.isUndefined(yield* readBytesIfPresent(`${root}/none`))
      assert.strictEqual(new TextDecoder().decode(yield* readBytesIfPresent(`${root}/file`)), "é\xff")
      assert.strictEqual(yield* readTextIfPresent(`${root}/file`), "é\xff")
      const error = yield* Effect.flip(readBytesIfPresent(`${root}/file/below`))
      assert.deepStrictEqual([error.operation, error.code], ["read", "ENOTDIR"])
    }))
})
