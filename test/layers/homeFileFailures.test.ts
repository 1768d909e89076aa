import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { chmodSync, existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs"
import { home, write } from "../support/home.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

describe("writeUserFile: a disk that fails", () => {
  /** What the error says was tried, for each kind of call. */
  const operations: Readonly<Record<string, RegExp>> = {
    stat: /^look at$/,
    fstat: /^look at$/,
    lstat: /^look at$/,
    open: /^(open|sync)$/,
    create: /^write$/,
    mkdir: /^create$/,
    chmod: /^(set the mode of|set the owner and mode of|write)$/,
    chown: /^(set the owner and mode of|write)$/,
    sync: /^(write|sync)$/,
    writeFile: /^write$/,
    readlink: /^read$/,
    rename: /^rename$/
  }
  /**
   * An open that fails when a file is compared means that the file is written; one that fails to close or to be removed
   * costs nothing.
   */
  const harmless = /^(open \S+\/authorized_keys$|fstat \S+\/authorized_keys$|close |rm )/
  const scenario = Effect.map(home, (root) => {
    symlinkSync("/home", `${root}/users`)
    chmodSync(`${root}/home/azureuser`, 0o775)
    mkdirSync(`${root}/home/azureuser/a`)
    writeFileSync(`${root}/home/azureuser/a/b`, "in the way")
    return root
  })
  const path = "/users/azureuser/a/b/authorized_keys"

  /** What this process has open below a directory. */
  const openBelow = (root: string) =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      const link = `/proc/self/fd/${fd}`
      // The descriptor of this very list is closed by now.
      return existsSync(link) && readlinkSync(link).startsWith(root) ? [readlinkSync(link)] : []
    })

  it.effect("ends in an error that names the call and the place, with every descriptor closed and no file half made", () =>
    Effect.gen(function*() {
      const seen = new Set<string>()
      for (let failing = 0;; failing++) {
        const root = yield* scenario
        let count = 0
        let failed: string | undefined
        const result = yield* Effect.scoped(Effect.gen(function*() {
          yield* watchFiles({
            before: (call) => {
              if (count++ !== failing) return
              failed = call
              throw diskError()
            }
          })
          return yield* Effect.result(write(root, path))
        }))
        if (failed === undefined) break
        if (!failed.startsWith("close ")) assert.deepStrictEqual(openBelow(root), [], failed)
        if (harmless.test(failed)) {
          assert.isTrue(Result.isSuccess(result) || failed.startsWith("close "), failed)
          continue
        }
        const call = failed.slice(0, failed.indexOf(" "))
        seen.add(call)
        if (Result.isSuccess(result)) assert.fail(`nothing failed with ${failed}`)
        const { code, detail, operation, path: place } = result.failure
        assert.match(operation, operations[call] ?? /never/, failed)
        assert.isTrue(place === root || place.startsWith(`${root}/`), `${place}: ${failed}`)
        assert.strictEqual(code, "EIO", failed)
        assert.notInclude(detail, "/proc/self/fd")
        assert.isFalse(existsSync(`${root}/home/azureuser/a/b/.authorized_keys.azure-init`), failed)
      }
      assert.sameMembers([...seen], Object.keys(operations))
    }))

  it.effect("names the file and not its descriptor when the system refuses the name", () =>
    Effect.gen(function*() {
      const root = yield* home
      const long = "x".repeat(250)
      const error = yield* Effect.flip(write(root, `/home/azureuser/${long}`))
      assert.deepStrictEqual([error.operation, error.code], ["write", "ENAMETOOLONG"])
      assert.strictEqual(error.path, `${root}/home/azureuser/${long}`)
      assert.match(error.detail, /^ENAMETOOLONG: [a-z ]+$/)
    }))
})
