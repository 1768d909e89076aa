import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync
} from "node:fs"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import { copyEntries, removeTree } from "../../src/layers/linux/trees.ts"
import { type File, Linux, type Place, show } from "../../src/services/Linux.ts"
import { temporaryRoot, writeFiles } from "../support/host.ts"
import { linux as layer } from "../support/watchedFiles.ts"

/** What is done just before a call of a copy or removal, such as `open /path`. */
type Before = (call: string) => void

/**
 * The platform's calls, of which those that make, own or set modes are noted with all that they are told; owners stay
 * as they are.
 */
const noting = (linux: Linux["Service"], calls: Array<string>, before: Before): Linux["Service"] => {
  const note = (call: string, place: Place, told: unknown = "") =>
    Effect.sync(() => {
      before(`${call} ${show(place)}`)
      calls.push(`${call} ${show(place)} ${JSON.stringify(told)}`)
    })
  const file = (inner: File): File => ({
    ...inner,
    chmod: (mode) => Effect.andThen(note("chmod", inner.path, mode.toString(8)), inner.chmod(mode)),
    chown: (uid, gid) => note("chown", inner.path, [uid, gid])
  })
  const platform = new WeakMap<File, File>()
  const own = (place: Place): Place =>
    typeof place === "string" ? place : { ...place, directory: platform.get(place.directory) ?? place.directory }
  return {
    ...linux,
    open: (place, options) =>
      Effect.andThen(note("open", place, options), linux.open(own(place), options)).pipe(Effect.map((inner) => {
        const noted = file(inner)
        platform.set(noted, inner)
        return noted
      })),
    list: (place) => linux.list(own(place)),
    mkdir: (place, mode) => Effect.andThen(note("mkdir", place, mode.toString(8)), linux.mkdir(own(place), mode)),
    unlink: (place) => Effect.andThen(note("unlink", place), linux.unlink(own(place))),
    rmdir: (place) => Effect.andThen(note("rmdir", place), linux.rmdir(own(place))),
    readLink: (place) => linux.readLink(own(place)),
    symlink: (target, place) => Effect.andThen(note("symlink", place, target), linux.symlink(target, own(place))),
    lchown: (place, uid, gid) => note("lchown", place, [uid, gid])
  }
}

const owner = { uid: 54321, gid: 12345 }

/**
 * A directory with a directory, a file and a link to a file outside; works on it, and gives the calls without the
 * root's name.
 */
const inTree = <A>(
  work: (linux: Linux["Service"], root: string) => Effect.Effect<A, LinuxError, Scope.Scope>,
  before: (root: string) => Before = () => () => undefined
) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { precious: "kept", "from/below/deep": "deep", "from/file": "x".repeat(200_000) })
    symlinkSync("../precious", `${root}/from/link`)
    chmodSync(`${root}/from/file`, 0o640)
    chmodSync(`${root}/from/below`, 0o751)
    const calls: Array<string> = []
    const linux = noting(yield* Linux, calls, before(root))
    const result = yield* Effect.result(work(linux, root))
    return { root, result, calls: calls.map((call) => call.replaceAll(root, "").replaceAll("\"", "'").trim()) }
  }).pipe(Effect.provide(layer))

const copy = (linux: Linux["Service"], root: string) =>
  Effect.gen(function*() {
    mkdirSync(`${root}/to`)
    const from = yield* linux.open(`${root}/from`, { directory: true })
    const to = yield* linux.open(`${root}/to`, { directory: true })
    yield* copyEntries(linux, from, to, owner)
  })

const codeOf = (result: Result.Result<unknown, LinuxError>) =>
  Result.match(result, { onSuccess: () => "copied", onFailure: ({ code }) => code })

describe("copyEntries", () => {
  it.effect("copies files, directories and links with their content and modes", () =>
    Effect.gen(function*() {
      const { result, root } = yield* inTree(copy)
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(readdirSync(`${root}/to`, { recursive: true }).sort(), [
        "below",
        "below/deep",
        "file",
        "link"
      ])
      assert.strictEqual(readFileSync(`${root}/to/file`, "utf8"), "x".repeat(200_000))
      assert.strictEqual(readFileSync(`${root}/to/below/deep`, "utf8"), "deep")
      assert.strictEqual(readlinkSync(`${root}/to/link`), "../precious")
      assert.strictEqual(lstatSync(`${root}/to/file`).mode & 0o7777, 0o640)
      assert.strictEqual(lstatSync(`${root}/to/below`).mode & 0o7777, 0o751)
    }))

  it.effect("makes everything private and new, follows nothing, and gives the mode after the owner", () =>
    Effect.gen(function*() {
      const { calls } = yield* inTree(copy)
      const of = (name: string) => calls.filter((call) => call.split(" ")[1]?.endsWith(name))
      assert.deepStrictEqual(of("/file"), [
        "open /from/file {'noFollow':true}",
        "open /to/file {'access':'write','create':384,'exclusive':true,'noFollow':true}",
        "chown /to/file [54321,12345]",
        "chmod /to/file '640'"
      ])
      assert.deepStrictEqual(of("/below"), [
        "open /from/below {'directory':true,'noFollow':true}",
        "mkdir /to/below '700'",
        "open /to/below {'directory':true,'noFollow':true}",
        "chown /to/below [54321,12345]",
        "chmod /to/below '751'"
      ])
      assert.deepStrictEqual(of("/link"), ["symlink /to/link '../precious'", "lchown /to/link [54321,12345]"])
    }))

  for (const [what, at] of [["file", "open"], ["below", "open"]] as const) {
    it.effect(`does not follow a link that takes the place of the source's ${what}`, () =>
      Effect.gen(function*() {
        const { result, root } = yield* inTree(copy, (base) => (call) => {
          if (call !== `${at} ${base}/from/${what}`) return
          renameSync(`${base}/from/${what}`, `${base}/moved`)
          symlinkSync(what === "file" ? `${base}/precious` : `${base}/moved`, `${base}/from/${what}`)
        })
        assert.include(["ELOOP", "ENOTDIR"], codeOf(result))
        assert.isFalse(existsSync(`${root}/to/${what}`))
      }))
  }

  it.effect("does not write through a link or a file that appears at the copy's name", () =>
    Effect.gen(function*() {
      const linked = yield* inTree(copy, (base) => (call) => {
        if (call === `open ${base}/to/file`) symlinkSync(`${base}/precious`, `${base}/to/file`)
      })
      assert.strictEqual(codeOf(linked.result), "EEXIST")
      assert.strictEqual(readFileSync(`${linked.root}/precious`, "utf8"), "kept")
      const swapped = yield* inTree(copy, (base) => (call) => {
        if (call !== `open ${base}/to/below`) return
        mkdirSync(`${base}/elsewhere`)
        renameSync(`${base}/to/below`, `${base}/mine`)
        symlinkSync(`${base}/elsewhere`, `${base}/to/below`)
      })
      assert.strictEqual(codeOf(swapped.result), "ENOTDIR")
      assert.deepStrictEqual(readdirSync(`${swapped.root}/elsewhere`), [])
    }))

  it.effect("ends at what is no file, directory or link, and names it", () =>
    Effect.gen(function*() {
      const { result, root } = yield* inTree((linux, base) => {
        assert.strictEqual(spawnSync("mkfifo", [`${base}/from/a-fifo`]).status, 0)
        return copy(linux, base)
      })
      assert.deepInclude(Result.getOrThrow(Result.flip(result)), {
        operation: "copy",
        path: `${root}/from/a-fifo`,
        code: "EINVAL",
        detail: "is no file, directory or symbolic link"
      })
    }))
})

describe("removeTree", () => {
  it.effect("removes all that is below, and what a link leads to stays", () =>
    Effect.gen(function*() {
      const { calls, result, root } = yield* inTree((linux, base) => removeTree(linux, `${base}/from`))
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(readdirSync(root), ["precious"])
      assert.strictEqual(readFileSync(`${root}/precious`, "utf8"), "kept")
      assert.deepStrictEqual(calls.filter((call) => call.startsWith("open ")), [
        "open /from {'directory':true,'noFollow':true}",
        "open /from/below {'directory':true,'noFollow':true}"
      ])
    }))

  it.effect("removes nothing below a directory that it is not allowed to remove, and says so", () =>
    Effect.gen(function*() {
      const refused = new LinuxError({ operation: "unlinkat", path: "/from", code: "EPERM", detail: "not permitted" })
      const { result, root } = yield* inTree((linux, base) =>
        removeTree({ ...linux, unlink: () => Effect.fail(refused) }, `${base}/from`)
      )
      assert.strictEqual(codeOf(result), "EPERM")
      assert.deepStrictEqual(readdirSync(`${root}/from`).sort(), ["below", "file", "link"])
    }))

  it.effect("removes a file and a link, and takes what is not there as removed", () =>
    Effect.gen(function*() {
      const { result, root } = yield* inTree((linux, base) =>
        Effect.forEach(["file", "link", "none"], (name) => removeTree(linux, `${base}/from/${name}`))
      )
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(readdirSync(`${root}/from`), ["below"])
      assert.isTrue(existsSync(`${root}/precious`))
    }))

  it.effect("does not empty what a link leads to that takes a directory's place", () =>
    Effect.gen(function*() {
      const { result, root } = yield* inTree(
        (linux, base) => removeTree(linux, `${base}/from`),
        (base) => (call) => {
          if (call !== `open ${base}/from/below`) return
          renameSync(`${base}/from/below`, `${base}/moved`)
          symlinkSync(`${base}/moved`, `${base}/from/below`)
        }
      )
      assert.strictEqual(codeOf(result), "ENOTDIR")
      assert.deepStrictEqual(readdirSync(`${root}/moved`), ["deep"])
    }))

  it.effect("says which entry it cannot remove", () =>
    Effect.gen(function*() {
      const { result, root } = yield* inTree((linux, base) => removeTree(linux, `${base}/from/file/below`))
      const { code, path } = Result.getOrThrow(Result.flip(result))
      assert.deepStrictEqual([code, path], ["ENOTDIR", `${root}/from/file/below`])
    }))
})
