import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { linkSync, lstatSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs"
import { FileError } from "../../src/errors/FileError.ts"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import { attempt, files } from "../../src/layers/linux/files.ts"
import { temporaryRoot, writeFiles } from "../support/host.ts"
import { diskError, linux, watchFiles } from "../support/watchedFiles.ts"

const { exists, readBytes, readBytesIfPresent, readText, readTextIfPresent, syncDirectory, writeAtomic } = Effect
  .runSync(
    Effect.provide(files, linux)
  )

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
        `open ${temporary}`,
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
            if (call !== `open ${root}/.file.azure-init`) return
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

describe("files: errors", () => {
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
