import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { GroupName, Username } from "../../src/domain/Username.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"

const alice = Username.make("alice")
const bob = Username.make("bob")
const groups = (...names: ReadonlyArray<string>) => names.map((name) => GroupName.make(name))

/** A {@link UserProvisioner} under test, and what its host has come to be. */
export interface Subject {
  readonly layer: Layer.Layer<UserProvisioner>
  /** The supplementary groups of an account. */
  readonly members: (name: string) => ReadonlySet<string>
  /** The names that may use sudo. */
  readonly sudoers: () => ReadonlyArray<string>
}

/**
 * What every {@link UserProvisioner} does; `build` gives a host with no administrator, the system account `daemon` and
 * the groups `adm` and `video`.
 */
export const contract = (name: string, build: Effect.Effect<Subject, never, Scope.Scope>) =>
  describe(`UserProvisioner: ${name}`, () => {
    const withUsers = <A, E>(
      test: (users: UserProvisioner["Service"], subject: Subject) => Effect.Effect<A, E>
    ) =>
      Effect.flatMap(
        build,
        (subject) => UserProvisioner.use((users) => test(users, subject)).pipe(Effect.provide(subject.layer))
      )

    it.effect("makes the account with its home and groups", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          const { account, problems } = yield* users.ensure({
            name: alice,
            groups: groups("adm", "video"),
            createMissingGroups: false
          })
          assert.strictEqual(account.name, "alice")
          assert.strictEqual(account.home, "/home/alice")
          assert.deepStrictEqual(problems, [])
          assert.deepStrictEqual([...subject.members("alice")].sort(), ["adm", "video"])
        })
      ))

    it.effect("gives the same account when repeated, and only adds groups", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          const first = yield* users.ensure({ name: alice, groups: groups("adm"), createMissingGroups: false })
          const second = yield* users.ensure({ name: alice, groups: groups("video"), createMissingGroups: false })
          assert.deepStrictEqual(second, first)
          assert.deepStrictEqual([...subject.members("alice")].sort(), ["adm", "video"])
        })
      ))

    it.effect("makes the account with the groups there are, and names all that are missing", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          const { account, problems } = yield* users.ensure({
            name: alice,
            groups: groups("nosuch", "video", "neither"),
            createMissingGroups: false
          })
          assert.strictEqual(account.name, "alice")
          assert.deepStrictEqual([...subject.members("alice")], ["video"])
          assert.lengthOf(problems, 1)
          assert.include(problems[0]?.message, "nosuch, neither")
          assert.notInclude(problems[0]?.message, "video")
        })
      ))

    it.effect("makes the missing groups when that is asked", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          const { problems } = yield* users.ensure({
            name: alice,
            groups: groups("nosuch", "video"),
            createMissingGroups: true
          })
          assert.deepStrictEqual(problems, [])
          assert.deepStrictEqual([...subject.members("alice")].sort(), ["nosuch", "video"])
        })
      ))

    it.effect("refuses a system account as such, and gives it nothing", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(
            users.ensure({ name: Username.make("daemon"), groups: groups("adm"), createMissingGroups: false })
          )
          assert.strictEqual(error.reason, "administrator is a system account")
          assert.deepStrictEqual([...subject.members("daemon")], [])
        })
      ))

    it.effect("lets each administrator use sudo, the former one too, however often it is asked", () =>
      withUsers((users, subject) =>
        Effect.gen(function*() {
          yield* users.grantSudo(alice)
          yield* users.grantSudo(bob)
          yield* users.grantSudo(bob)
          assert.deepStrictEqual(subject.sudoers(), ["alice", "bob"])
        })
      ))
  })
