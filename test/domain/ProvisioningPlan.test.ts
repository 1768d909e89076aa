import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { defaults } from "../../src/domain/Settings.ts"
import { type ImdsError, ImdsLateError } from "../../src/errors/ImdsError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import { makePlan } from "../../src/programs/plan.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { goodKey, group, metadata } from "../support/agent.ts"
import { type Entry, logging } from "../support/logged.ts"

const disc: OvfEnvironment = {
  username: Option.some("discuser"),
  password: Option.none(),
  hostname: Option.some("dischost"),
  disablePasswordAuthentication: Option.some(true),
  publicKeys: [],
  publicKeysWithoutValue: 0,
  customData: Option.none(),
  preprovisionedVm: false,
  preprovisionedVmType: "None",
  provisionGuestProxyAgent: false
}
const password = Redacted.make("Correct-horse-7")
const withPassword: OvfEnvironment = {
  ...disc,
  password: Option.some(password),
  disablePasswordAuthentication: Option.some(false)
}

const late = new ImdsLateError({ grace: 10 })
const unreadable = new MediaError({ device: "/dev/sr0", kind: "read", detail: "EIO" })

/** A line that is no key, and its fingerprint: `printf %s "no key at all" | openssl dgst -sha256 -binary | base64`. */
const noKey = "no key at all"
const fingerprint = "SHA256:7Jr9agRw6GdSGFaNf8D1mub7EvKkpHzEnt0QnUA1vOY"

interface Sources {
  readonly imds?: InstanceMetadata | ImdsError | ImdsLateError
  readonly media?: OvfEnvironment | MediaError
  readonly allow?: boolean
  readonly groups?: ReadonlyArray<string>
  readonly createMissing?: boolean
}

/** The plan for what the sources said, what stands in the way of Ready, and what is logged. */
const planned = Effect.fnUntraced(function*(sources: Sources) {
  const { imds = metadata, media } = sources
  const logged: Array<Entry> = []
  const { failures, hostname, plan } = yield* logging(
    logged,
    makePlan({
      imds: "_tag" in imds ? Result.fail(imds) : Result.succeed(imds),
      media: media === undefined
        ? Result.succeed(Option.none())
        : "_tag" in media
        ? Result.fail(media)
        : Result.succeed(Option.some(media))
    }, (sources.groups ?? []).map(group))
  ).pipe(Effect.provideService(CurrentSettings, {
    ...defaults,
    userProvisioners: {
      ...defaults.userProvisioners,
      groups: [group("wheel")],
      createMissingGroups: sources.createMissing ?? false
    },
    passwordProvisioners: { ...defaults.passwordProvisioners, allow: sources.allow ?? false }
  }))
  return { failures: failures.map(({ message }) => message), hostname, plan: Option.getOrUndefined(plan), logged }
})

/** What stands in the way of Ready. */
const failuresOf = (sources: Sources) => Effect.map(planned(sources), ({ failures }) => failures)

const keyless = { ...metadata, publicKeys: [] }

describe("makePlan: a plan", () => {
  it.effect("holds every field with its source, and logs nothing when all is well", () =>
    Effect.gen(function*() {
      const { failures, hostname, logged, plan } = yield* planned({ media: { ...disc, publicKeys: [goodKey] } })
      assert.deepStrictEqual({ ...plan, keys: plan?.keys.map(({ comment, type }) => `${type} ${comment}`) }, {
        username: { value: "azureuser", source: "IMDS" },
        groups: ["wheel"],
        createMissingGroups: false,
        hostname: Option.some({ value: "labvm", source: "IMDS" }),
        keys: ["ssh-ed25519 lab"],
        password: { _tag: "Lock" },
        allowPasswords: false
      })
      assert.deepStrictEqual(hostname, plan?.hostname)
      assert.deepStrictEqual([failures, logged], [[], []])
    }))

  it.effect("takes the media's fields where IMDS gave nothing", () =>
    Effect.gen(function*() {
      const { failures, logged, plan } = yield* planned({
        imds: late,
        media: { ...withPassword, publicKeys: [goodKey] },
        allow: true,
        groups: ["adm", "sudo"],
        createMissing: true
      })
      assert.deepStrictEqual({ ...plan, keys: plan?.keys.map(({ comment, type }) => `${type} ${comment}`) }, {
        username: { value: "discuser", source: "media" },
        groups: ["adm", "sudo"],
        createMissingGroups: true,
        hostname: Option.some({ value: "dischost", source: "media" }),
        keys: ["ssh-ed25519 lab"],
        password: { _tag: "Set", password },
        allowPasswords: true
      })
      assert.deepStrictEqual([failures, logged], [[], []])
    }))

  it.effect("refuses passwords in sshd where neither source says anything of them", () =>
    Effect.gen(function*() {
      const nobody = yield* planned({ imds: late })
      assert.isUndefined(nobody.plan)
      const { plan } = yield* planned({ imds: late, media: { ...disc, disablePasswordAuthentication: Option.none() } })
      assert.isFalse(plan?.allowPasswords)
    }))

  it.effect("uses no key of the media when IMDS has one, and names no key of the media then", () =>
    Effect.gen(function*() {
      const { logged, plan } = yield* planned({ media: { ...disc, publicKeys: [noKey] } })
      assert.lengthOf(plan?.keys ?? [], 1)
      assert.deepStrictEqual(logged, [])
    }))
})

describe("makePlan: what stands in the way of Ready", () => {
  it.effect("names each refused key with its source, place, fingerprint and fault", () =>
    Effect.gen(function*() {
      const sources = { imds: { ...metadata, publicKeys: [noKey] }, media: { ...disc, publicKeys: [`#\n${noKey}`] } }
      const why = "its type is not one that sshd knows"
      assert.deepStrictEqual(yield* failuresOf(sources), [
        "nobody could log in as azureuser: none of the SSH keys can be used: "
        + `IMDS key 0 (${fingerprint}): ${why}; media key 0, line 2 (${fingerprint}): ${why}`
      ])
      const { logged } = yield* planned(sources)
      const message = "Left out an SSH key that sshd would not take"
      assert.deepStrictEqual(logged, [
        ["Warn", message, { source: "IMDS", index: 0, fingerprint, why }],
        ["Warn", message, { source: "media", index: 0, line: 2, fingerprint, why }]
      ])
    }))

  it.effect("says why neither source has a key, each with its own fault", () =>
    Effect.gen(function*() {
      const none = "nobody could log in as azureuser: there is no SSH key"
      const of = "nobody could log in as discuser: there is no SSH key"
      assert.deepStrictEqual(yield* failuresOf({ imds: keyless, media: unreadable }), [
        `${none}: IMDS: it gives none; media: cannot read the provisioning media /dev/sr0: EIO`
      ])
      assert.deepStrictEqual(yield* failuresOf({ imds: late, media: disc }), [
        `${of}: IMDS: ${late.message}; media: it holds none`
      ])
      assert.deepStrictEqual(yield* failuresOf({ imds: late, media: { ...disc, publicKeysWithoutValue: 2 } }), [
        `${of}: IMDS: ${late.message}; media: it names 2 by fingerprint only`
      ])
      assert.deepStrictEqual(yield* failuresOf({ imds: keyless, media: { ...disc, publicKeysWithoutValue: 1 } }), [
        `${none}: IMDS: it gives none; media: it names 1 by fingerprint only`
      ])
      assert.deepStrictEqual(
        yield* failuresOf({ imds: { ...keyless, disablePasswordAuthentication: false } }),
        [`${none}, nor the password that Azure promises: IMDS: it gives none; media: there is none`]
      )
    }))

  it.effect("names a password that sshd refuses, and one that the image does not allow", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failuresOf({ imds: keyless, media: withPassword, allow: true }), [
        "nobody could log in as azureuser: Azure gave a password and no SSH key, and bars logins by password"
      ])
      const withheld = yield* planned({ imds: keyless, media: withPassword })
      assert.deepStrictEqual(withheld.plan?.password, { _tag: "Withheld" })
      assert.deepStrictEqual(withheld.failures, [
        "azureuser has a password and no usable SSH key, and the image does not allow passwords: "
        + "create the VM with an SSH key, or set password_provisioners.allow = true in the image"
      ])
      assert.deepStrictEqual(withheld.logged, [])
    }))

  it.effect("names an unreadable disc beside a key only where its password could be set and used", () =>
    Effect.gen(function*() {
      const promised = { ...metadata, disablePasswordAuthentication: false }
      const unread = ["cannot read the provisioning media /dev/sr0: EIO"]
      assert.deepStrictEqual(yield* failuresOf({ imds: promised, media: unreadable, allow: true }), unread)
      assert.deepStrictEqual(yield* failuresOf({ imds: promised, media: unreadable }), [])
      assert.deepStrictEqual(yield* failuresOf({ media: unreadable, allow: true }), [])
      assert.deepStrictEqual(yield* failuresOf({ imds: promised, media: disc, allow: true }), [])
    }))

  it.effect("lists the user name or a way in before the host name", () =>
    Effect.gen(function*() {
      const wrong = { ...keyless, computerName: "a_b" }
      const hostname = "IMDS: compute.osProfile.computerName: found \"a_b\", "
        + "expected a host name of at most 64 letters, digits, '-' and '.'"
      assert.deepStrictEqual(yield* failuresOf({ imds: { ...wrong, adminUsername: "a b" } }), [
        "IMDS: compute.osProfile.adminUsername: found \"a b\", "
        + "expected a user name of 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'",
        hostname
      ])
      const [first, ...rest] = yield* failuresOf({ imds: { ...wrong, publicKeys: [noKey] } })
      assert.match(first ?? "", /^nobody could log in as azureuser: /)
      assert.deepStrictEqual(rest, [hostname])
    }))
})

describe("makePlan: what is logged", () => {
  it.effect("says that nobody can log in yet where Azure wants it so", () =>
    Effect.gen(function*() {
      const warning = [
        "Warn",
        "Azure gave neither an SSH key nor a password: nobody can log in as the administrator yet",
        { username: "azureuser" }
      ]
      const without = yield* planned({ imds: keyless })
      assert.deepStrictEqual([without.failures, without.logged], [[], [warning]])
      const beside = yield* planned({ imds: keyless, media: disc })
      assert.deepStrictEqual([beside.failures, beside.logged], [[], [warning]])
    }))

  it.effect("says that the account is locked where a password came that the image does not allow", () =>
    Effect.gen(function*() {
      const { failures, logged } = yield* planned({ media: withPassword })
      assert.deepStrictEqual([failures, logged], [[], [[
        "Warn",
        "Azure gave a password, which this image does not allow: the account is locked, its SSH keys let the owner in",
        { username: "azureuser" }
      ]]])
    }))

  it.effect("says that a pre-provisioned VM is provisioned as any other", () =>
    Effect.gen(function*() {
      const message =
        "This VM says that it is pre-provisioned, which this agent does not handle: provisioning it as any other"
      const { failures, logged } = yield* planned({ media: { ...disc, preprovisionedVmType: "Savable" } })
      assert.deepStrictEqual([failures, logged], [[], [["Warn", message, { type: "Savable" }]]])
    }))

  it.effect("warns of host name, user name, keys, access and pre-provisioning in this order", () =>
    Effect.gen(function*() {
      const { logged } = yield* planned({
        imds: { ...metadata, adminUsername: "a b", computerName: "a_b", publicKeys: [goodKey, noKey] },
        media: { ...withPassword, preprovisionedVm: true }
      })
      assert.deepStrictEqual(logged.map(([level, message]) => `${level}: ${String(message).slice(0, 40)}`), [
        "Warn: Took the other source's value for a fiel",
        "Warn: Took the other source's value for a fiel",
        "Warn: Left out an SSH key that sshd would not ",
        "Warn: Azure gave a password, which this image ",
        "Warn: This VM says that it is pre-provisioned,"
      ])
      assert.include(JSON.stringify(logged[0]), "computerName")
      assert.include(JSON.stringify(logged[1]), "adminUsername")
    }))

  it.effect("warns of the host name when nobody is named", () =>
    Effect.gen(function*() {
      const { failures, hostname, logged, plan } = yield* planned({
        imds: { ...metadata, adminUsername: "", computerName: "" }
      })
      assert.isUndefined(plan)
      assert.isTrue(Option.isNone(hostname))
      assert.deepStrictEqual(failures, [
        "no administrator name: IMDS: compute.osProfile.adminUsername is empty; media: there is none"
      ])
      assert.deepStrictEqual(logged, [["Warn", "Neither source names the host: it keeps its name", {}]])
    }))
})
