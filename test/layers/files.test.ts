import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { FileError } from "../../src/errors/FileError.ts"
import { exists, readText, readTextIfPresent, writeAtomic } from "../../src/layers/live/files.ts"
import { temporaryRoot, writeFiles } from "../support/host.ts"

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
