import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { Hostname } from "../../src/domain/Hostname.ts"
import type { InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import type { SourceFailure } from "../../src/domain/PlanSources.ts"
import * as Plan from "../../src/domain/ProvisioningPlan.ts"
import * as SshPublicKey from "../../src/domain/SshPublicKey.ts"
import { Username } from "../../src/domain/Username.ts"
import { disc, goodKey, group, metadata } from "../support/agent.ts"

const password = Redacted.make("Correct-horse-7")
const withPassword: OvfEnvironment = {
  ...disc,
  password: Option.some(password),
  disablePasswordAuthentication: Option.some(false)
}

const late = { message: "no instance metadata within 10 s" }
const unreadable = { message: "cannot read /dev/sr0" }

/** A line that is no key, and its fingerprint: `printf %s "no key at all" | openssl dgst -sha256 -binary | base64`. */
const noKey = "no key at all"
const fingerprint = "SHA256:7Jr9agRw6GdSGFaNf8D1mub7EvKkpHzEnt0QnUA1vOY"

interface Sources {
  readonly imds?: InstanceMetadata | SourceFailure
  readonly media?: OvfEnvironment | SourceFailure
  readonly allow?: boolean
  readonly groups?: ReadonlyArray<string>
}

/** The plan for what the sources said, what keeps the VM from being Ready, and what the log warns of. */
const planned = Effect.fnUntraced(function*({ allow = false, groups = [], imds = metadata, media }: Sources) {
  const keysOf = (source: InstanceMetadata | OvfEnvironment | SourceFailure | undefined) =>
    SshPublicKey.decodeAll(source === undefined || "message" in source ? [] : source.publicKeys)
  const { failures, notices, plan } = Plan.make(
    {
      imds: "message" in imds ? Result.fail(imds) : Result.succeed(imds),
      media: media === undefined
        ? Result.succeed(Option.none())
        : "message" in media
        ? Result.fail(media)
        : Result.succeed(Option.some(media)),
      keys: { IMDS: yield* keysOf(imds), media: yield* keysOf(media) }
    },
    {
      groups: { value: [group("wheel")], source: "settings" },
      createMissingGroups: { value: false, source: "default" },
      allowPassword: allow
    },
    groups.map(group)
  )
  return { failures, notices, hostname: plan.hostname, account: Option.getOrUndefined(plan.account) }
})

/** What keeps the VM from being Ready. */
const failuresOf = (sources: Sources) => Effect.map(planned(sources), ({ failures }) => failures)

const keyless = { ...metadata, publicKeys: [] }

/** The account with its keys as `type comment`. */
const shown = (account: Plan.AccountPlan | undefined) => ({
  ...account,
  keys: { ...account?.keys, value: account?.keys.value.map(({ comment, type }) => `${type} ${comment}`) }
})

describe("ProvisioningPlan: a plan", () => {
  it.effect("holds every field with its source, and warns of nothing when all is well", () =>
    Effect.gen(function*() {
      const { account, failures, hostname, notices } = yield* planned({ media: { ...disc, publicKeys: [goodKey] } })
      assert.deepStrictEqual(hostname, Option.some({ value: Hostname.make("labvm"), source: "IMDS" }))
      assert.deepStrictEqual(shown(account), {
        username: { value: Username.make("azureuser"), source: "IMDS" },
        groups: { value: [group("wheel")], source: "settings" },
        createMissingGroups: { value: false, source: "default" },
        keys: { value: ["ssh-ed25519 lab"], source: "IMDS" },
        password: { value: { _tag: "Lock" }, source: "default" },
        allowPasswords: { value: false, source: "IMDS" }
      })
      assert.deepStrictEqual([failures, notices], [[], []])
    }))

  it.effect("takes the media's fields where IMDS gave nothing, and the command line's groups", () =>
    Effect.gen(function*() {
      const { account, failures, hostname, notices } = yield* planned({
        imds: late,
        media: { ...withPassword, publicKeys: [goodKey] },
        allow: true,
        groups: ["adm", "sudo"]
      })
      assert.deepStrictEqual(hostname, Option.some({ value: Hostname.make("dischost"), source: "media" }))
      assert.deepStrictEqual(shown(account), {
        username: { value: Username.make("discuser"), source: "media" },
        groups: { value: [group("adm"), group("sudo")], source: "command line" },
        createMissingGroups: { value: false, source: "default" },
        keys: { value: ["ssh-ed25519 lab"], source: "media" },
        password: { value: { _tag: "Set", password }, source: "media" },
        allowPasswords: { value: true, source: "media" }
      })
      assert.deepStrictEqual([failures, notices], [[], []])
    }))

  it.effect("names no source for keys that neither source has", () =>
    Effect.gen(function*() {
      const { account } = yield* planned({ imds: keyless, media: { ...disc, publicKeys: [noKey] } })
      assert.deepStrictEqual(account?.keys, { value: [], source: "default" })
    }))

  it.effect("accepts passwords in sshd as IMDS says, else as the media say, else not at all", () =>
    Effect.gen(function*() {
      const allowed = (sources: Sources) => Effect.map(planned(sources), ({ account }) => account?.allowPasswords)
      const promised = { ...metadata, disablePasswordAuthentication: false }
      assert.deepStrictEqual(yield* allowed({ imds: promised, media: disc }), { value: true, source: "IMDS" })
      assert.deepStrictEqual(yield* allowed({ imds: late, media: disc }), { value: false, source: "media" })
      const flagless = { ...withPassword, disablePasswordAuthentication: Option.none() }
      assert.deepStrictEqual(yield* allowed({ imds: late, media: flagless }), { value: true, source: "media" })
      assert.deepStrictEqual(
        yield* allowed({ imds: late, media: { ...flagless, password: Option.none() } }),
        { value: false, source: "default" }
      )
    }))

  it.effect("has the host name alone where neither source names the administrator", () =>
    Effect.gen(function*() {
      const { account, hostname } = yield* planned({ imds: { ...metadata, adminUsername: "" } })
      assert.isUndefined(account)
      assert.deepStrictEqual(hostname, Option.some({ value: Hostname.make("labvm"), source: "IMDS" }))
    }))

  it.effect("uses no key of the media when IMDS has one, and names no key of the media then", () =>
    Effect.gen(function*() {
      const { account, notices } = yield* planned({ media: { ...disc, publicKeys: [noKey] } })
      assert.lengthOf(account?.keys.value ?? [], 1)
      assert.deepStrictEqual(notices, [])
    }))
})

describe("ProvisioningPlan: what keeps the VM from being Ready", () => {
  it.effect("names each refused key with its source, place, fingerprint and fault", () =>
    Effect.gen(function*() {
      const why = "its type is not one that sshd knows"
      const { failures, notices } = yield* planned({
        imds: { ...metadata, publicKeys: [noKey] },
        media: { ...disc, publicKeys: [`#\n${noKey}`] }
      })
      assert.deepStrictEqual(failures, [{
        _tag: "NoAccess",
        user: "azureuser",
        detail: "none of the SSH keys can be used: "
          + `IMDS key 0 (${fingerprint}): ${why}; media key 0, line 2 (${fingerprint}): ${why}`
      }])
      const message = "Left out an SSH key that sshd would not take"
      assert.deepStrictEqual(notices, [
        { message, fields: { source: "IMDS", index: 0, fingerprint, why } },
        { message, fields: { source: "media", index: 0, line: 2, fingerprint, why } }
      ])
    }))

  it.effect("says why neither source has a key, each with its own fault", () =>
    Effect.gen(function*() {
      const noAccess = (user: string, detail: string) => [{ _tag: "NoAccess", user, detail } as const]
      assert.deepStrictEqual(
        yield* failuresOf({ imds: keyless, media: unreadable }),
        noAccess("azureuser", "there is no SSH key: IMDS: it gives none; media: cannot read /dev/sr0")
      )
      assert.deepStrictEqual(
        yield* failuresOf({ imds: late, media: disc }),
        noAccess("discuser", `there is no SSH key: IMDS: ${late.message}; media: it holds none`)
      )
      assert.deepStrictEqual(
        yield* failuresOf({ imds: late, media: { ...disc, publicKeysWithoutValue: 2 } }),
        noAccess("discuser", `there is no SSH key: IMDS: ${late.message}; media: it names 2 by fingerprint only`)
      )
      assert.deepStrictEqual(
        yield* failuresOf({ imds: keyless, media: { ...disc, publicKeysWithoutValue: 1 } }),
        noAccess("azureuser", "there is no SSH key: IMDS: it gives none; media: it names 1 by fingerprint only")
      )
      assert.deepStrictEqual(
        yield* failuresOf({ imds: { ...keyless, disablePasswordAuthentication: false } }),
        noAccess(
          "azureuser",
          "there is no SSH key, nor the password that Azure promises: IMDS: it gives none; media: there is none"
        )
      )
    }))

  it.effect("names a password that sshd refuses, and one that the image does not allow", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failuresOf({ imds: keyless, media: withPassword, allow: true }), [{
        _tag: "NoAccess",
        user: "azureuser",
        detail: "Azure gave a password and no SSH key, and bars logins by password"
      }])
      const withheld = yield* planned({ imds: keyless, media: withPassword })
      assert.deepStrictEqual(withheld.account?.password, { value: { _tag: "Withheld" }, source: "media" })
      assert.deepStrictEqual(withheld.failures, [{ _tag: "PasswordNotAllowed", user: "azureuser" }])
      assert.deepStrictEqual(withheld.notices, [])
    }))

  it.effect("hands on the media's failure beside a key only where its password could be set and used", () =>
    Effect.gen(function*() {
      const promised = { ...metadata, disablePasswordAuthentication: false }
      const unread = yield* planned({ imds: promised, media: unreadable, allow: true })
      assert.deepStrictEqual([unread.failures, unread.notices], [[{ _tag: "MediaFailed", error: unreadable }], []])
      assert.deepStrictEqual(yield* failuresOf({ imds: promised, media: unreadable }), [])
      assert.deepStrictEqual(yield* failuresOf({ media: unreadable, allow: true }), [])
      assert.deepStrictEqual(yield* failuresOf({ imds: promised, media: disc, allow: true }), [])
    }))

  it.effect("lists the user name or the credentials before the host name", () =>
    Effect.gen(function*() {
      const wrong = { ...keyless, computerName: "a_b" }
      const fieldsOf = (sources: Sources) =>
        Effect.map(failuresOf(sources), (failures) =>
          failures.map((failure) => failure._tag === "InvalidField" ? failure.problem.field : failure._tag))
      assert.deepStrictEqual(yield* fieldsOf({ imds: { ...wrong, adminUsername: "a b" } }), [
        "compute.osProfile.adminUsername",
        "compute.osProfile.computerName"
      ])
      assert.deepStrictEqual(yield* fieldsOf({ imds: { ...wrong, publicKeys: [noKey] } }), [
        "NoAccess",
        "compute.osProfile.computerName"
      ])
    }))
})

describe("ProvisioningPlan: what the log warns of", () => {
  it.effect("says that nobody can log in yet where Azure wants it so", () =>
    Effect.gen(function*() {
      const warning = {
        message: "Azure gave neither an SSH key nor a password: nobody can log in as the administrator yet",
        fields: { username: "azureuser" }
      }
      const without = yield* planned({ imds: keyless })
      assert.deepStrictEqual([without.failures, without.notices], [[], [warning]])
      const beside = yield* planned({ imds: keyless, media: disc })
      assert.deepStrictEqual([beside.failures, beside.notices], [[], [warning]])
    }))

  it.effect("says that the account is locked where a password came that the image does not allow", () =>
    Effect.gen(function*() {
      const { failures, notices } = yield* planned({ media: withPassword })
      assert.deepStrictEqual([failures, notices], [[], [{
        message:
          "Azure gave a password, which this image does not allow: the account is locked, its SSH keys let the owner in",
        fields: { username: "azureuser" }
      }]])
    }))

  it.effect("says that a pre-provisioned VM is provisioned like any other", () =>
    Effect.gen(function*() {
      const message =
        "This VM says that it is pre-provisioned, which this agent does not handle: provisioning it like any other"
      const { failures, notices } = yield* planned({ media: { ...disc, preprovisionedVmType: "Savable" } })
      assert.deepStrictEqual([failures, notices], [[], [{ message, fields: { type: "Savable" } }]])
    }))

  it.effect("warns of host name, user name, keys, credentials and pre-provisioning in this order", () =>
    Effect.gen(function*() {
      const { notices } = yield* planned({
        imds: { ...metadata, adminUsername: "a b", computerName: "a_b", publicKeys: [goodKey, noKey] },
        media: { ...withPassword, preprovisionedVm: true }
      })
      assert.deepStrictEqual(notices.map(({ message }) => message.slice(0, 40)), [
        "Took the other source's value for a fiel",
        "Took the other source's value for a fiel",
        "Left out an SSH key that sshd would not ",
        "Azure gave a password, which this image ",
        "This VM says that it is pre-provisioned,"
      ])
      assert.include(JSON.stringify(notices[0]), "computerName")
      assert.include(JSON.stringify(notices[1]), "adminUsername")
    }))

  it.effect("warns of the host name when nobody is named", () =>
    Effect.gen(function*() {
      const { account, failures, hostname, notices } = yield* planned({
        imds: { ...metadata, adminUsername: "", computerName: "" }
      })
      assert.isUndefined(account)
      assert.isTrue(Option.isNone(hostname))
      assert.deepStrictEqual(failures, [{
        _tag: "UsernameMissing",
        imds: "compute.osProfile.adminUsername is empty",
        media: "there is none"
      }])
      assert.deepStrictEqual(notices, [{ message: "Neither source names the host: it keeps its name", fields: {} }])
    }))
})
