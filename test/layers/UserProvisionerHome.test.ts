import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { Username } from "../../src/domain/Username.ts"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { writeFiles } from "../support/host.ts"
import { hostWith, withLive } from "../support/userHost.ts"
import { owner } from "../support/userland.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

const plain = { name: Username.make("alice"), groups: [], createMissingGroups: false }
const lineOf = (home: string) => `alice:x:${owner.uid}:${owner.gid}::${home}:/bin/sh\n`

/** Has an account without a home, in a directory that is there; the real path of the root. */
const withHomeless = <A, E>(
  test: (ensure: ReturnType<UserProvisioner["Service"]["ensure"]>, root: string) => Effect.Effect<A, E>,
  home = "/home/alice"
) =>
  withLive((users, { root }) =>
    Effect.andThen(
      writeFiles(root, { "etc/passwd": lineOf(home), "home/.keep": "" }),
      Effect.suspend(() => test(users.ensure(plain), realpathSync(root)))
    )
  )

describe("UserProvisioner: the rights on a home that the agent makes", () => {
  it.effect("are nobody's but the owner's from the first moment, whatever the umask", () =>
    withHomeless((ensure, root) =>
      Effect.scoped(Effect.gen(function*() {
        const calls = yield* watchFiles()
        yield* ensure
        const temporary = `${root}/home/.alice.azure-init`
        assert.deepStrictEqual(calls.filter((call) => /^(mkdir|chmod|chown|rename) .*alice/.test(call)), [
          `mkdir ${temporary} 700`,
          `chmod ${temporary} 700`,
          `chown ${temporary} ${owner.uid}:${owner.gid}`,
          `rename ${temporary} ${root}/home/alice`
        ])
      }))
    ))

  it.effect("let others through the directories above it, which are root's", () =>
    withHomeless((ensure, root) =>
      Effect.scoped(Effect.gen(function*() {
        const calls = yield* watchFiles()
        yield* ensure
        for (const path of ["/srv", "/srv/people"]) {
          assert.strictEqual(lstatSync(`${root}${path}`).mode & 0o7777, 0o755)
          assert.include(calls.map((call) => call.replace(/\/+ /, " ")), `mkdir ${root}${path} 755`)
        }
      })), "/srv/people/alice"))

  for (const mode of [0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001]) {
    it.effect(`stay when somebody has made an empty home of mode ${mode.toString(8)}`, () =>
      withHomeless((ensure, root) =>
        Effect.gen(function*() {
          mkdirSync(`${root}/home/alice`)
          chmodSync(`${root}/home/alice`, mode)
          const { ino } = lstatSync(`${root}/home/alice`)
          yield* ensure
          const { ino: after, mode: left } = lstatSync(`${root}/home/alice`)
          // Only root can remove what it cannot list.
          chmodSync(`${root}/home/alice`, 0o700)
          assert.deepStrictEqual([after, left & 0o7777], [ino, mode])
        })
      ))
  }

  for (const kind of ["link", "file"] as const) {
    it.effect(`are set on no ${kind} that takes the place of the new home`, () =>
      withHomeless((ensure, root) =>
        Effect.scoped(Effect.gen(function*() {
          const temporary = `${root}/home/.alice.azure-init`
          yield* writeFiles(root, { "etc/skel/.profile": "" })
          mkdirSync(`${root}/elsewhere`, { mode: 0o755 })
          yield* watchFiles({
            before: (call) => {
              if (call !== `open ${temporary}`) return
              rmdirSync(temporary)
              if (kind === "link") symlinkSync(`${root}/elsewhere`, temporary)
              else writeFileSync(temporary, "")
            }
          })
          const { problems } = yield* ensure
          assert.lengthOf(problems, 1)
          assert.include(problems[0]?.message, `cannot create ${root}/home/alice: ENOTDIR`)
          assert.isFalse(existsSync(`${root}/home/alice`))
          assert.deepStrictEqual(readdirSync(`${root}/elsewhere`), [])
          assert.strictEqual(lstatSync(`${root}/elsewhere`).mode & 0o7777, 0o755)
        }))
      ))
  }

  for (const failing of ["mkdir", "open", "chmod", "chown", "rename"]) {
    it.effect(`cannot be had when ${failing} fails, which is said of the home`, () =>
      withHomeless((ensure, root) =>
        Effect.scoped(Effect.gen(function*() {
          yield* watchFiles({
            before: (call) => {
              if (call.startsWith(`${failing} ${root}/home/.alice.azure-init`)) throw diskError()
            }
          })
          const { problems } = yield* ensure
          assert.lengthOf(problems, 1)
          assert.include(problems[0]?.message, `cannot create ${root}/home/alice: EIO: i/o error`)
        }))
      ))
  }
})

describe("UserProvisioner: whose account it is", () => {
  it.effect("makes the account's own group by BusyBox, with its gid, where it is missing", () =>
    Effect.gen(function*() {
      const { host, layer, root } = yield* hostWith(Live.layerAdduser)
      yield* writeFiles(root, { "etc/passwd": lineOf("/home/alice"), "etc/shadow": "alice:!:1::::::\n" })
      yield* UserProvisioner.use((users) => users.ensure(plain)).pipe(Effect.provide(layer))
      assert.deepInclude(host.commands(), ["addgroup", "-g", String(owner.gid), "alice"])
    }))

  it.effect("refuses an account of the system's own, and says which uid it has", () =>
    withLive((users) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(users.ensure({ ...plain, name: Username.make("daemon") }))
        assert.include(
          error.message,
          "it is a system account (uid 1, below UID_MIN): choose another administrator name"
        )
      })
    ))
})
