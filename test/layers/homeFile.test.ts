import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import { writeUserFile } from "../../src/layers/live/homeFile.ts"
import { temporaryRoot } from "../support/host.ts"
import { watchFiles } from "../support/watchedFiles.ts"

const account: UserAccount = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

/** A uid that is neither root's, nor the agent's, nor the user's. */
const stranger = 54321
const keys = "/home/azureuser/.ssh/authorized_keys"
const content = "ssh-ed25519 AAAA owner\n"
const mode = (path: string) => lstatSync(path).mode & 0o7777

/** A host with a home, mode 0755. */
const host = Effect.map(temporaryRoot, (directory) => {
  const root = realpathSync(directory)
  mkdirSync(`${root}/home/azureuser`, { recursive: true, mode: 0o755 })
  for (const path of [root, `${root}/home`, `${root}/home/azureuser`]) chmodSync(path, 0o755)
  return root
})

const write = (root: string, path = keys, of = account) => writeUserFile(root, of, path, content)

describe("writeUserFile: what belongs to somebody else", () => {
  for (const place of ["/home", "/home/azureuser", "/home/azureuser/.ssh"]) {
    it.effect(`refuses ${place} of a stranger's, says whose it is, and writes nothing`, () =>
      Effect.gen(function*() {
        const root = yield* host
        mkdirSync(`${root}/home/azureuser/.ssh`, { mode: 0o755 })
        const calls = yield* watchFiles({ ownerOf: (path) => path === `${root}${place}` ? stranger : undefined })
        const error = yield* Effect.flip(write(root))
        assert.strictEqual(error.path, `${root}${place}`)
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
      const root = yield* host
      mkdirSync(`${root}/var/keys`, { recursive: true })
      mkdirSync(`${root}/srv`)
      symlinkSync("/var/keys", `${root}/srv/keys`)
      for (const place of ["/srv/keys", "/srv"]) {
        const error = yield* Effect.scoped(Effect.gen(function*() {
          yield* watchFiles({ ownerOf: (path) => path === `${root}${place}` ? stranger : undefined })
          // The user may own a directory outside the home, and still decides about no link in it.
          return yield* Effect.flip(write(root, "/srv/keys/file", { ...account, uid: stranger }))
        }))
        assert.strictEqual(error.path, `${root}/srv/keys`)
        assert.include(error.detail, "symbolic link that somebody else than root can change")
      }
      assert.deepStrictEqual(readdirSync(`${root}/var/keys`), [])
    }))

  it.effect("takes a home of root's, and follows a link of root's", () =>
    Effect.gen(function*() {
      const root = yield* host
      symlinkSync("/home", `${root}/users`)
      yield* watchFiles({
        ownerOf: (path) => [`${root}/users`, `${root}/home/azureuser`].includes(path) ? 0 : undefined
      })
      assert.isTrue((yield* write(root, "/users/azureuser/.ssh/authorized_keys")).changed)
      assert.strictEqual(readFileSync(`${root}${keys}`, "utf8"), content)
    }))
})

describe("writeUserFile: modes and owners", () => {
  it.effect("makes directories private to the user, sets their owner on the open directory, and writes 0600", () =>
    Effect.gen(function*() {
      const root = yield* host
      const calls = yield* watchFiles()
      const written = yield* write(root, "/home/azureuser/a/b/keys")
      const owner = `${account.uid}:${account.gid}`
      for (const path of [`${root}/home/azureuser/a`, `${root}/home/azureuser/a/b`]) {
        assert.strictEqual(mode(path), 0o700)
        assert.include(calls, `chown ${path} ${owner}`)
        assert.include(calls, `chmod ${path} 700`)
        assert.isBelow(calls.indexOf(`chown ${path} ${owner}`), calls.indexOf(`chmod ${path} 700`))
      }
      // The names of the new directories are durable too.
      assert.include(calls, `sync ${root}/home/azureuser`)
      assert.include(calls, `sync ${root}/home/azureuser/a`)
      assert.strictEqual(mode(`${root}/home/azureuser/a/b/keys`), 0o600)
      assert.include(calls, `chown ${root}/home/azureuser/a/b/.keys.azure-init ${owner}`)
      assert.deepStrictEqual(written, {
        changed: true,
        touched: [`${root}/home/azureuser/a/b`, `${root}/home/azureuser/a/b/keys`]
      })
    }))

  it.effect("leaves the mode of the home alone when others cannot write there, and reports only the file in it", () =>
    Effect.gen(function*() {
      const root = yield* host
      const calls = yield* watchFiles()
      assert.deepStrictEqual(yield* write(root, "/home/azureuser/keys"), {
        changed: true,
        touched: [`${root}/home/azureuser/keys`]
      })
      assert.deepStrictEqual(calls.filter((call) => /^ch(mod|own) \S+\/azureuser( |$)/.test(call)), [])
    }))

  for (const bits of [0o775, 0o757, 0o7777]) {
    it.effect(`takes only the write permission of others from a home of mode ${bits.toString(8)}, and says so`, () =>
      Effect.gen(function*() {
        const root = yield* host
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

  it.effect("makes directories outside the home 0755, without giving them to the user", () =>
    Effect.gen(function*() {
      const root = yield* host
      const calls = yield* watchFiles()
      const written = yield* write(root, "/etc/keys/azureuser")
      assert.strictEqual(mode(`${root}/etc/keys`), 0o755)
      assert.include(calls, `chmod ${root}/etc/keys 755`)
      assert.isFalse(calls.some((call) => call.startsWith(`chown ${root}/etc/keys `)))
      assert.deepStrictEqual(written.touched, [`${root}/etc/keys/azureuser`])
    }))

  it.effect("refuses every directory outside the home that group or others can write, and names the first", () =>
    Effect.gen(function*() {
      for (const bits of [0o775, 0o757]) {
        const root = yield* host
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
      const root = yield* host
      mkdirSync(`${root}/home/azureuser/real`, { mode: 0o700 })
      symlinkSync("real", `${root}/home/azureuser/.ssh`)
      yield* write(root)
      assert.deepStrictEqual(readdirSync(`${root}/home/azureuser/real`), [])
      assert.isTrue(lstatSync(`${root}/home/azureuser/.ssh`).isDirectory())
      const aside = readdirSync(`${root}/home/azureuser`).filter((name) => name.startsWith(".ssh."))
      assert.match(aside.join(), /^\.ssh\.azure-init-[0-9a-f]{8}$/)
    }))

  it.effect("refuses a file in place of a directory, and a directory in place of the file, outside the home", () =>
    Effect.gen(function*() {
      const root = yield* host
      mkdirSync(`${root}/etc/keys/azureuser`, { recursive: true })
      writeFileSync(`${root}/etc/file`, "kept")
      assert.include((yield* Effect.flip(write(root, "/etc/file/keys"))).detail, "is no directory")
      assert.strictEqual(readFileSync(`${root}/etc/file`, "utf8"), "kept")
      assert.include((yield* Effect.flip(write(root, "/etc/keys/azureuser"))).detail, "is a directory")
      assert.deepStrictEqual(readdirSync(`${root}/etc/keys`), ["azureuser"])
    }))

  it.effect("refuses a directory that is swapped for a link between the look at it and its opening", () =>
    Effect.gen(function*() {
      const root = yield* host
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
      const root = yield* host
      mkdirSync(`${root}/chain`)
      mkdirSync(`${root}/end`)
      symlinkSync("/end", `${root}/chain/1`)
      for (let count = 2; count <= 41; count++) symlinkSync(String(count - 1), `${root}/chain/${count}`)
      assert.isTrue((yield* write(root, "/chain/40/keys")).changed)
      assert.isTrue(existsSync(`${root}/end/keys`))
      const error = yield* Effect.flip(write(root, "/chain/41/other"))
      assert.strictEqual(error.path, `${root}/chain/41/other`)
      assert.include(error.detail, "leads through too many symbolic links")
    }))

  it.effect("fails on a home that is missing only when the file lies in it", () =>
    Effect.gen(function*() {
      const root = yield* host
      const gone = { ...account, home: "/home/gone" }
      assert.strictEqual((yield* Effect.flip(write(root, "/home/gone/keys", gone))).path, `${root}/home/gone`)
      assert.isTrue((yield* write(root, "/etc/keys/gone", gone)).changed)
    }))
})

describe("writeUserFile: a file that is right already", () => {
  const again = (prepare: (root: string) => void) =>
    Effect.gen(function*() {
      const root = yield* host
      yield* write(root)
      prepare(root)
      return { ...yield* write(root), root }
    })

  it.effect("is not written again", () =>
    Effect.gen(function*() {
      const { changed, root, touched } = yield* again(() => {})
      assert.isFalse(changed)
      assert.deepStrictEqual(touched, [`${root}/home/azureuser/.ssh`, `${root}${keys}`])
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

  it.effect("is written again when somebody else owns it", () =>
    Effect.gen(function*() {
      const root = yield* host
      yield* write(root)
      yield* watchFiles({ ownerOf: (path) => path === `${root}${keys}` ? stranger : undefined })
      assert.isTrue((yield* write(root)).changed)
    }))
})
