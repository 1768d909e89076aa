import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { account, content, home, keys, write, writeUserFile } from "../support/home.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

/** A uid that is neither root's, nor the agent's, nor the user's. */
const stranger = 54321
const mode = (path: string) => lstatSync(path).mode & 0o7777

describe("writeUserFile: what belongs to somebody else", () => {
  for (const place of ["/home", "/home/azureuser", "/home/azureuser/.ssh"]) {
    it.effect(`refuses ${place} of a stranger's, says whose it is, and writes nothing`, () =>
      Effect.gen(function*() {
        const root = yield* home
        mkdirSync(`${root}/home/azureuser/.ssh`, { mode: 0o755 })
        const calls = yield* watchFiles({
          ownerOf: (path) => path === `${root}${place}` ? { uid: stranger } : undefined
        })
        const error = yield* Effect.flip(write(root))
        assert.deepStrictEqual([error.operation, error.path], ["use", `${root}${place}`])
        assert.strictEqual(
          error.detail,
          `belongs to uid ${stranger}, neither azureuser nor root; give it to azureuser`
        )
        assert.deepStrictEqual(readdirSync(`${root}/home/azureuser/.ssh`), [])
        assert.deepStrictEqual(calls.filter((call) => /^(chown|chmod|writeFile|rename)/.test(call)), [])
      }))
  }

  it.effect("follows no link of a stranger's outside the home, nor one in a directory of a stranger's", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/var/keys`, { recursive: true })
      mkdirSync(`${root}/srv`)
      symlinkSync("/var/keys", `${root}/srv/keys`)
      for (const place of ["/srv/keys", "/srv"]) {
        const error = yield* Effect.scoped(Effect.gen(function*() {
          yield* watchFiles({ ownerOf: (path) => path === `${root}${place}` ? { uid: stranger } : undefined })
          // The user may own a directory outside the home, and still decides about no link in it.
          return yield* Effect.flip(write(root, "/srv/keys/file", { ...account, uid: stranger }))
        }))
        assert.strictEqual(error.path, `${root}/srv/keys`)
        assert.include(error.detail, "symbolic link that somebody else than root can change")
      }
      assert.deepStrictEqual(readdirSync(`${root}/var/keys`), [])
    }))

  it.effect("follows no link in a directory outside the home that others can write, or below one", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/var/keys`, { recursive: true })
      mkdirSync(`${root}/srv/inner`, { recursive: true })
      symlinkSync("/var/keys", `${root}/srv/inner/keys`)
      chmodSync(`${root}/srv`, 0o777)
      const error = yield* Effect.flip(write(root, "/srv/inner/keys/file"))
      assert.strictEqual(error.path, `${root}/srv/inner/keys`)
      assert.deepStrictEqual(readdirSync(`${root}/var/keys`), [])
    }))

  it.effect("takes a home of root's, and follows a link of root's", () =>
    Effect.gen(function*() {
      const root = yield* home
      symlinkSync("/home", `${root}/users`)
      yield* watchFiles({
        ownerOf: (path) => [`${root}/users`, `${root}/home/azureuser`].includes(path) ? { uid: 0 } : undefined
      })
      yield* write(root, "/users/azureuser/.ssh/authorized_keys")
      assert.strictEqual(readFileSync(`${root}${keys}`, "utf8"), content)
    }))
})

describe("writeUserFile: modes and owners", () => {
  it.effect("makes directories private to the user, sets their owner on the open directory, and writes 0600", () =>
    Effect.gen(function*() {
      const root = yield* home
      const calls = yield* watchFiles()
      const written = yield* write(root, "/home/azureuser/a/b/keys")
      const owner = `${account.uid}:${account.gid}`
      for (const path of [`${root}/home/azureuser/a`, `${root}/home/azureuser/a/b`]) {
        assert.strictEqual(mode(path), 0o700)
        assert.include(calls, `mkdir ${path} 700`)
        assert.include(calls, `chown ${path} ${owner}`)
        assert.include(calls, `chmod ${path} 700`)
        assert.isBelow(calls.indexOf(`chown ${path} ${owner}`), calls.indexOf(`chmod ${path} 700`))
      }
      // The names of the new directories are durable too.
      assert.include(calls, `sync ${root}/home/azureuser`)
      assert.include(calls, `sync ${root}/home/azureuser/a`)
      assert.strictEqual(mode(`${root}/home/azureuser/a/b/keys`), 0o600)
      assert.include(calls, `chown ${root}/home/azureuser/a/b/.keys.azure-init ${owner}`)
      assert.deepStrictEqual(written, [`${root}/home/azureuser/a/b`, `${root}/home/azureuser/a/b/keys`])
    }))

  it.effect("leaves the mode of the home alone when others cannot write there, and reports only the file in it", () =>
    Effect.gen(function*() {
      const root = yield* home
      const calls = yield* watchFiles()
      assert.deepStrictEqual(yield* write(root, "/home/azureuser/keys"), [`${root}/home/azureuser/keys`])
      assert.deepStrictEqual(calls.filter((call) => /^ch(mod|own) \S+\/azureuser( |$)/.test(call)), [])
    }))

  for (const bits of [0o775, 0o757, 0o7777]) {
    it.effect(`takes only the write permission of others from a home of mode ${bits.toString(8)}, and says so`, () =>
      Effect.gen(function*() {
        const root = yield* home
        chmodSync(`${root}/home/azureuser`, bits)
        const said: Array<unknown> = []
        yield* write(root).pipe(
          Effect.provide(Logger.layer([Logger.make(({ message }) => void said.push(message))]))
        )
        assert.strictEqual(mode(`${root}/home/azureuser`), bits & 0o7755)
        assert.deepStrictEqual(said, [[
          "Took write permission from group and others, with which sshd refuses the keys",
          { path: `${root}/home/azureuser` }
        ]])
      }))
  }

  it.effect("makes the file's own directory private to the user when it is there with another mode", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/home/azureuser/.ssh`, { mode: 0o755 })
      const calls = yield* watchFiles()
      yield* write(root)
      assert.strictEqual(mode(`${root}/home/azureuser/.ssh`), 0o700)
      assert.deepStrictEqual(calls.filter((call) => /^ch(own|mod) \S+\/\.ssh /.test(call)), [
        `chown ${root}/home/azureuser/.ssh ${account.uid}:${account.gid}`,
        `chmod ${root}/home/azureuser/.ssh 700`
      ])
    }))

  it.effect("writes into the home where a directory above it can be written by others: sshd looks no further up", () =>
    Effect.gen(function*() {
      const root = yield* home
      chmodSync(`${root}/home`, 0o777)
      yield* write(root)
      yield* write(root, "/home/azureuser/keys")
      assert.strictEqual(readFileSync(`${root}${keys}`, "utf8"), content)
      assert.strictEqual(readFileSync(`${root}/home/azureuser/keys`, "utf8"), content)
      assert.strictEqual(mode(`${root}/home`), 0o777)
    }))

  it.effect("makes directories outside the home 0755, without giving them to the user", () =>
    Effect.gen(function*() {
      const root = yield* home
      const calls = yield* watchFiles()
      const written = yield* write(root, "/etc/keys/azureuser")
      assert.strictEqual(mode(`${root}/etc/keys`), 0o755)
      assert.include(calls, `mkdir ${root}/etc/keys 700`)
      assert.include(calls, `chmod ${root}/etc/keys 755`)
      assert.isFalse(calls.some((call) => call.startsWith(`chown ${root}/etc/keys `)))
      assert.deepStrictEqual(written, [`${root}/etc/keys/azureuser`])
    }))

  it.effect("says which directory outside the home did not get its mode", () =>
    Effect.gen(function*() {
      const root = yield* home
      yield* watchFiles({
        before: (call) => {
          if (call.startsWith(`chmod ${root}/etc`)) throw diskError()
        }
      })
      const error = yield* Effect.flip(write(root, "/etc/keys/azureuser"))
      assert.strictEqual(error.message, `cannot set the owner and mode of ${root}/etc: EIO: i/o error`)
    }))

  it.effect("refuses every directory outside the home that group or others can write, and names the first", () =>
    Effect.gen(function*() {
      for (const bits of [0o775, 0o757]) {
        const root = yield* home
        mkdirSync(`${root}/etc/keys`, { recursive: true })
        chmodSync(`${root}/etc`, bits)
        chmodSync(`${root}/etc/keys`, 0o777)
        const error = yield* Effect.flip(write(root, "/etc/keys/azureuser"))
        assert.strictEqual(error.path, `${root}/etc`)
        assert.include(error.detail, "can be written by group or others")
        assert.deepStrictEqual(readdirSync(`${root}/etc/keys`), [])
      }
    }))
})

describe("writeUserFile: what stands in the way", () => {
  it.effect("follows no link below the home, not even one to a directory of the user's", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/home/azureuser/real`, { mode: 0o700 })
      symlinkSync("real", `${root}/home/azureuser/.ssh`)
      const said: Array<unknown> = []
      yield* write(root).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => void said.push(message))]))
      )
      assert.deepStrictEqual(readdirSync(`${root}/home/azureuser/real`), [])
      assert.isTrue(lstatSync(`${root}/home/azureuser/.ssh`).isDirectory())
      const aside = readdirSync(`${root}/home/azureuser`).find((name) => name.startsWith(".ssh."))
      assert.match(aside ?? "", /^\.ssh\.azure-init-[0-9a-f]{8}$/)
      assert.deepStrictEqual(said, [[
        "Renamed what stood in the way of the SSH keys",
        { path: `${root}/home/azureuser/.ssh`, renamed_to: aside }
      ]])
    }))

  it.effect("renames a directory in place of the file in the home", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/home/azureuser/keys`)
      yield* write(root, "/home/azureuser/keys")
      assert.isTrue(lstatSync(`${root}/home/azureuser/keys`).isFile())
      assert.lengthOf(readdirSync(`${root}/home/azureuser`), 2)
    }))

  it.effect("refuses a file in place of a directory, and a directory in place of the file, outside the home", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/etc/keys/azureuser`, { recursive: true })
      writeFileSync(`${root}/etc/file`, "kept")
      assert.include((yield* Effect.flip(write(root, "/etc/file/keys"))).detail, "is no directory")
      assert.strictEqual(readFileSync(`${root}/etc/file`, "utf8"), "kept")
      assert.include((yield* Effect.flip(write(root, "/etc/keys/azureuser"))).detail, "is a directory")
      assert.deepStrictEqual(readdirSync(`${root}/etc/keys`), ["azureuser"])
    }))

  it.effect("refuses a directory that is swapped for a link between the look at it and its opening", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/elsewhere`)
      mkdirSync(`${root}/home/azureuser/.ssh`)
      yield* watchFiles({
        before: (call) => {
          if (call !== `open ${root}/home/azureuser/.ssh`) return
          renameSync(`${root}/home/azureuser/.ssh`, `${root}/home/azureuser/away`)
          symlinkSync(`${root}/elsewhere`, `${root}/home/azureuser/.ssh`)
        }
      })
      const error = yield* Effect.flip(write(root))
      assert.strictEqual(error.code, "ENOTDIR")
      assert.deepStrictEqual(readdirSync(`${root}/elsewhere`), [])
    }))

  it.effect("gives up after 40 links, as Linux does, and follows 40", () =>
    Effect.gen(function*() {
      const root = yield* home
      mkdirSync(`${root}/chain`)
      mkdirSync(`${root}/end`)
      symlinkSync("/end", `${root}/chain/1`)
      for (let count = 2; count <= 41; count++) symlinkSync(String(count - 1), `${root}/chain/${count}`)
      yield* write(root, "/chain/40/keys")
      assert.isTrue(existsSync(`${root}/end/keys`))
      const error = yield* Effect.flip(write(root, "/chain/41/other"))
      assert.strictEqual(error.path, `${root}/chain/41/other`)
      assert.include(error.detail, "leads through too many symbolic links")
    }))

  it.effect("fails on a home that is missing only when the file lies in it", () =>
    Effect.gen(function*() {
      const root = yield* home
      const gone = { ...account, home: "/home/gone" }
      assert.strictEqual((yield* Effect.flip(write(root, "/home/gone/keys", gone))).path, `${root}/home/gone`)
      yield* write(root, "/etc/keys/gone", gone)
      assert.strictEqual(readFileSync(`${root}/etc/keys/gone`, "utf8"), content)
      yield* watchFiles({
        before: (call) => {
          if (call === `stat ${root}/home/gone`) throw diskError()
        }
      })
      const error = yield* Effect.flip(write(root, "/etc/keys/other", gone))
      assert.deepStrictEqual([error.operation, error.path, error.code], ["look at", `${root}/home/gone`, "EIO"])
    }))
})

describe("writeUserFile: a file that is right already", () => {
  /** A file that was written again has another one. */
  const inodeOf = (root: string) => lstatSync(`${root}${keys}`).ino

  const again = (prepare: (root: string) => void) =>
    Effect.gen(function*() {
      const root = yield* home
      yield* write(root)
      prepare(root)
      const before = inodeOf(root)
      const written = yield* write(root)
      return { changed: inodeOf(root) !== before, root, written }
    })

  it.effect("is not written again", () =>
    Effect.gen(function*() {
      const { changed, root, written } = yield* again(() => {})
      assert.isFalse(changed)
      assert.deepStrictEqual(written, [`${root}/home/azureuser/.ssh`, `${root}${keys}`])
    }))

  it.effect("is written again when its content, its mode or its number of names differs", () =>
    Effect.gen(function*() {
      const prepares: ReadonlyArray<(root: string) => void> = [
        (root) => writeFileSync(`${root}${keys}`, content.toUpperCase()),
        (root) => writeFileSync(`${root}${keys}`, `${content}more`),
        (root) => chmodSync(`${root}${keys}`, 0o640),
        (root) => chmodSync(`${root}${keys}`, 0o4600),
        (root) => linkSync(`${root}${keys}`, `${root}/home/azureuser/second`)
      ]
      for (const prepare of prepares) {
        const { changed, root } = yield* again(prepare)
        assert.isTrue(changed)
        assert.strictEqual(readFileSync(`${root}${keys}`, "utf8"), content)
        assert.strictEqual(mode(`${root}${keys}`), 0o600)
        assert.strictEqual(lstatSync(`${root}${keys}`).nlink, 1)
      }
    }))

  it.effect("is written again when a link to such a file stands in its place", () =>
    Effect.gen(function*() {
      const { root } = yield* again((base) => {
        renameSync(`${base}${keys}`, `${base}/home/azureuser/other`)
        symlinkSync(`${base}/home/azureuser/other`, `${base}${keys}`)
      })
      assert.isTrue(lstatSync(`${root}${keys}`).isFile())
      assert.isTrue(existsSync(`${root}/home/azureuser/other`))
    }))

  for (const owner of [{ uid: stranger }, { gid: stranger }]) {
    it.effect(`is written again when ${JSON.stringify(owner)} owns it`, () =>
      Effect.gen(function*() {
        const root = yield* home
        yield* write(root)
        yield* watchFiles({ ownerOf: (path) => path === `${root}${keys}` ? owner : undefined })
        const before = inodeOf(root)
        yield* write(root)
        assert.notStrictEqual(inodeOf(root), before)
      }))
  }

  it.effect("is not read when its size is another, and is closed", () =>
    Effect.gen(function*() {
      const root = yield* home
      yield* write(root)
      writeFileSync(`${root}${keys}`, "x".repeat(1000))
      const calls = yield* watchFiles()
      yield* write(root)
      assert.notInclude(calls, `readFile ${root}${keys}`)
      assert.include(calls, `close ${root}${keys}`)
    }))

  it.effect("is no named pipe, from which nothing can be read", () =>
    Effect.gen(function*() {
      const root = yield* home
      yield* writeUserFile(root, account, keys, "")
      rmSync(`${root}${keys}`)
      assert.strictEqual(spawnSync("mkfifo", ["-m", "600", `${root}${keys}`]).status, 0)
      yield* writeUserFile(root, account, keys, "")
      assert.isTrue(lstatSync(`${root}${keys}`).isFile())
    }))
})
