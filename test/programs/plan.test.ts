import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { defaults } from "../../src/domain/Settings.ts"
import { ImdsError, ImdsLateError } from "../../src/errors/ImdsError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import type { Environment } from "../../src/programs/environment.ts"
import { makePlan } from "../../src/programs/plan.ts"
import { SettingsLoaded } from "../../src/services/SettingsLoaded.ts"
import { disc, goodKey, group, metadata } from "../support/agent.ts"
import { type Entry, logging } from "../support/logged.ts"

const noDisc = Result.succeed(Option.none<OvfEnvironment>())
const late = new ImdsLateError({ grace: 10 })
const unreadable = new MediaError({ device: "/dev/sr0", kind: "read", detail: "EIO" })

/** The settings' words about the account, and which of them a file says. */
interface Words {
  readonly groups?: ReadonlyArray<string>
  readonly createMissingGroups?: boolean
  readonly allow?: boolean
  readonly set?: ReadonlyArray<string>
}

/** The plan for these sources, the report's reasons and messages, and what is logged. */
const planned = Effect.fnUntraced(function*(
  environment: Partial<Environment>,
  { allow = false, createMissingGroups = false, groups = [], set = [] }: Words = {},
  commandLine: ReadonlyArray<string> = []
) {
  const logged: Array<Entry> = []
  const { failures, plan } = yield* logging(
    logged,
    makePlan({ imds: Result.succeed(metadata), media: noDisc, ...environment }, commandLine.map(group))
  ).pipe(Effect.provideService(SettingsLoaded, {
    settings: {
      ...defaults,
      userProvisioners: {
        ...defaults.userProvisioners,
        groups: groups.map(group),
        createMissingGroups
      },
      passwordProvisioners: { ...defaults.passwordProvisioners, allow }
    },
    files: [],
    set: new Set(set),
    errors: [],
    warnings: []
  }))
  return {
    account: Option.getOrUndefined(plan.account),
    failures: failures.map(({ message, reason }) => [reason, message]),
    logged
  }
})

describe("makePlan", () => {
  it.effect("names the source of what the settings say: a file, or the default", () =>
    Effect.gen(function*() {
      const none = yield* planned({}, { groups: [], createMissingGroups: false })
      assert.deepStrictEqual(none.account?.groups, { value: [], source: "default" })
      assert.deepStrictEqual(none.account?.createMissingGroups, { value: false, source: "default" })
      const groups = yield* planned({}, { groups: ["wheel"], set: ["user_provisioners.groups"] })
      assert.deepStrictEqual(groups.account?.groups, { value: [group("wheel")], source: "settings" })
      assert.deepStrictEqual(groups.account?.createMissingGroups.source, "default")
      const missing = yield* planned({}, {
        createMissingGroups: true,
        set: ["user_provisioners.create_missing_groups"]
      }, ["adm"])
      assert.deepStrictEqual(missing.account?.groups, { value: [group("adm")], source: "command line" })
      assert.deepStrictEqual(missing.account?.createMissingGroups, { value: true, source: "settings" })
    }))

  it.effect("decodes the keys of both sources", () =>
    Effect.gen(function*() {
      const keysOf = (environment: Partial<Environment>) =>
        Effect.map(planned(environment), ({ account }) => {
          assert.lengthOf(account?.keys.value ?? [], 1)
          return account?.keys.source
        })
      assert.strictEqual(yield* keysOf({}), "IMDS")
      const media = Result.succeed(Option.some({ ...disc, publicKeys: [goodKey] }))
      assert.strictEqual(yield* keysOf({ imds: Result.fail(late), media }), "media")
      assert.deepStrictEqual((yield* planned({ imds: Result.fail(late), media })).logged, [])
    }))

  it.effect("takes both sources' failures for sources without keys", () =>
    Effect.gen(function*() {
      const { account, failures } = yield* planned({
        imds: Result.fail(
          new ImdsError({ url: "http://imds", kind: "http", detail: "HTTP 403", status: 403, attempts: 1 })
        ),
        media: Result.fail(unreadable)
      })
      assert.isUndefined(account)
      assert.deepStrictEqual(failures, [[
        "failed to determine username",
        "no administrator name: IMDS: no instance metadata from http://imds after 1 attempt: HTTP 403; "
        + "IMDS answers, but not as it should: try again, and tell Azure's support if it lasts; "
        + "media: cannot read the provisioning media /dev/sr0: EIO"
      ]])
    }))

  it.effect("reports user name, then host name, that no Linux takes", () =>
    Effect.gen(function*() {
      const { failures } = yield* planned({
        imds: Result.succeed({ ...metadata, adminUsername: "a b", computerName: "a_b" })
      })
      assert.deepStrictEqual(failures, [
        [
          "invalid IMDS metadata for key=compute.osProfile.adminUsername",
          "IMDS: compute.osProfile.adminUsername: found \"a b\", "
          + "expected a user name of 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
        ],
        [
          "invalid IMDS metadata for key=compute.osProfile.computerName",
          "IMDS: compute.osProfile.computerName: found \"a_b\", "
          + "expected a host name of at most 64 letters, digits, '-' and '.'"
        ]
      ])
    }))

  it.effect("reports a password that is all there is and is not allowed, and nobody's access", () =>
    Effect.gen(function*() {
      const imds = Result.succeed({ ...metadata, publicKeys: [] })
      const media = Result.succeed(Option.some({ ...disc, password: Option.some(Redacted.make("Correct-horse-7")) }))
      assert.deepStrictEqual((yield* planned({ imds, media })).failures, [[
        "provisioning with non-empty password is unsupported",
        "azureuser has a password and no usable SSH key, and the image does not allow passwords: "
        + "create the VM with an SSH key, or set password_provisioners.allow = true in the image"
      ]])
      assert.deepStrictEqual((yield* planned({ imds, media }, { allow: true })).failures, [[
        "no usable SSH key or password",
        "nobody could log in as azureuser: Azure gave a password and no SSH key, and bars logins by password"
      ]])
    }))

  it.effect("reports the media's own failure where its password is missing", () =>
    Effect.gen(function*() {
      const imds = Result.succeed({ ...metadata, disablePasswordAuthentication: false })
      const { failures } = yield* planned({ imds, media: Result.fail(unreadable) }, { allow: true })
      assert.deepStrictEqual(failures, [[
        "failed to read provisioning media",
        "cannot read the provisioning media /dev/sr0: EIO"
      ]])
    }))

  it.effect("logs each notice of the plan as a warning, in order", () =>
    Effect.gen(function*() {
      const { logged } = yield* planned({
        imds: Result.succeed({ ...metadata, computerName: "a_b", publicKeys: [goodKey, "no key at all"] }),
        media: Result.succeed(Option.some(disc))
      })
      assert.deepStrictEqual(logged, [
        ["Warn", "Took the other source's value for a field", {
          error: "IMDS: compute.osProfile.computerName: found \"a_b\", "
            + "expected a host name of at most 64 letters, digits, '-' and '.'"
        }],
        ["Warn", "Left out an SSH key that sshd would not take", {
          source: "IMDS",
          index: 1,
          fingerprint: "SHA256:7Jr9agRw6GdSGFaNf8D1mub7EvKkpHzEnt0QnUA1vOY",
          why: "its type is not one that sshd knows"
        }]
      ])
      assert.deepStrictEqual((yield* planned({})).logged, [])
    }))
})
