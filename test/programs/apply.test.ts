import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { defaults } from "../../src/domain/Settings.ts"
import { HostnameError } from "../../src/errors/HostnameError.ts"
import { LoginRefusedError } from "../../src/errors/LoginRefusedError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import { PasswordError } from "../../src/errors/PasswordError.ts"
import { SshdConfigError, SshKeysError } from "../../src/errors/SshError.ts"
import { UserError } from "../../src/errors/UserError.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"
import { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { emptyDisc, makeAgent, metadata } from "../support/agent.ts"
import { turnsUntil } from "../support/turns.ts"

const user = "azureuser"

/** The steps that run at the same time, in the order of the report. */
const parallel = ["password", "keys", "sudo", "sshd", "hostname"] as const

type Step = (typeof parallel)[number]

/** How long each step takes before it fails, in milliseconds; a step that is not named succeeds. */
type Script = Readonly<Partial<Record<Step | "groups" | "login" | "media", number>>>

/** The reason of each step's failure. */
const reasons = {
  groups: "failed to provision user",
  password: "failed to provision password",
  keys: "I/O error",
  sudo: "failed to provision user",
  sshd: "failed to update sshd config",
  login: "administrator has no login shell",
  hostname: "failed to provision hostname",
  media: "failed to unmount provisioning media"
} as const

/** Provisioners of which each step fails after its own time, with a detail that says which it is. */
const failing = (script: Script) => {
  const after = <E>(step: Step, error: (detail: string) => E) => {
    const delay = script[step]
    return delay === undefined ? Effect.void : Effect.delay(Effect.fail(error(`the ${step} step`)), delay)
  }
  return Layer.mergeAll(
    Layer.succeed(HostnameProvisioner, {
      set: (hostname) => after("hostname", (detail) => new HostnameError({ hostname, detail }))
    }),
    Layer.succeed(PasswordProvisioner, {
      set: () => Effect.void,
      lock: (name) => after("password", (detail) => new PasswordError({ user: name, operation: "lock", detail }))
    }),
    Layer.succeed(SshProvisioner, {
      prepare: Effect.void,
      installKeys: () =>
        Effect.as(after("keys", (detail) => new SshKeysError({ user, path: "/keys", detail })), "/keys"),
      allowPasswords: () => after("sshd", (detail) => new SshdConfigError({ path: "/sshd", detail })),
      loginRefusals: () =>
        Effect.succeed(
          script.login === undefined ? [] : [new LoginRefusedError({ user, kind: "shell", detail: "the login step" })]
        )
    }),
    Layer.succeed(UserProvisioner, {
      ensure: ({ name }) =>
        Effect.succeed({
          account: { name, uid: 1000, gid: 1000, home: `/home/${name}` },
          problems: script.groups === undefined
            ? []
            : [new UserError({ user, operation: "join", detail: "the groups step" })]
        }).pipe(Effect.delay(script.groups ?? 0)),
      grantSudo: () => after("sudo", (detail) => new UserError({ user, operation: "write the sudo rule", detail }))
    }),
    Layer.succeed(ProvisioningMedia, {
      environment: Effect.succeed(Option.none()),
      released: script.media === undefined
        ? Effect.void
        : Effect.fail(new MediaError({ device: "/dev/sr0", kind: "unmount", detail: "the media step" }))
    })
  )
}

/** Boots with these failures; the steps in the order in which the report names them, and its first reason. */
const reported = Effect.fnUntraced(function*(script: Script) {
  const agent = makeAgent({ instead: failing(script) })
  const running = yield* Effect.forkChild(agent.boot)
  // Fingerprints are made by the platform's own threads, outside the test's clock.
  yield* turnsUntil(() => agent.wireServer.calls.length > 0, TestClock.adjust("1 milli"))
  assert.strictEqual(yield* Fiber.join(running), 1)
  const description = agent.wireServer.calls[0]?.description ?? ""
  return {
    steps: [...description.matchAll(/the (\w+) step/g)].map(([, step]) => step),
    reason: /\|reason=([^|]+)\|/.exec(description)?.[1]
  }
})

const permutations = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  all.length === 0
    ? [[]]
    : all.flatMap((first, index) => permutations(all.toSpliced(index, 1)).map((rest) => [first, ...rest]))

const order = ["groups", "password", "keys", "sudo", "sshd", "login", "hostname", "media"] as const

describe("the order of reported failures", () => {
  it.effect("is user, password, keys, sudo, sshd, login, hostname, media in every order of time", () =>
    Effect.forEach(permutations(parallel), (inTime) =>
      Effect.gen(function*() {
        const script = Object.fromEntries(inTime.map((step, index) => [step, index + 1]))
        assert.deepStrictEqual(yield* reported({ ...script, groups: 1, login: 0, media: 0 }), {
          steps: [...order],
          reason: "failed to provision user"
        })
      }), { discard: true }))

  it.effect.prop(
    "has the same first reason whichever of the failures comes first",
    {
      script: Schema.Struct(Object.fromEntries(order.map((step) => [
        step,
        Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })))
      ])))
    },
    ({ script }) =>
      Effect.gen(function*() {
        const failed = order.filter((step) => script[step] !== undefined)
        if (failed.length === 0) return
        const { reason, steps } = yield* reported(script)
        assert.deepStrictEqual(steps, failed)
        assert.strictEqual(reason, reasons[failed[0] ?? "media"])
      })
  )

  it.effect("names what the sources lack before what failed on the machine: user name, a way in, host name", () =>
    Effect.gen(function*() {
      const nobody = makeAgent({
        imds: [{ ...metadata, adminUsername: "a b", computerName: "a_b" }],
        hostname: [{ failure: "no bus" }]
      })
      assert.strictEqual(yield* nobody.boot, 1)
      assert.match(nobody.report(), /reason=[^|]+adminUsername\|.*reason_2=[^|]+computerName\|/)
      const locked = makeAgent({
        imds: [{ ...metadata, publicKeys: ["no key"], computerName: "a_b" }],
        password: { fails: "passwd is missing" }
      })
      assert.strictEqual(yield* locked.boot, 1)
      assert.match(
        locked.report(),
        /reason=no usable SSH key or password\|.*reason_2=[^|]+computerName\|.*reason_3=failed to provision password/
      )
    }))
})

describe("the steps of the work", () => {
  it.effect("are all under way at once as soon as the account is there", () =>
    Effect.gen(function*() {
      const begun = new Set<string>()
      const begins = (step: Step) => Effect.andThen(Effect.sync(() => begun.add(step)), Effect.never)
      const agent = makeAgent({
        instead: Layer.mergeAll(
          failing({}),
          Layer.succeed(HostnameProvisioner, { set: () => begins("hostname") }),
          Layer.succeed(PasswordProvisioner, { set: () => begins("password"), lock: () => begins("password") }),
          Layer.succeed(SshProvisioner, {
            prepare: Effect.void,
            installKeys: () => begins("keys"),
            allowPasswords: () => begins("sshd"),
            loginRefusals: () => Effect.succeed([])
          }),
          Layer.succeed(UserProvisioner, {
            ensure: ({ name }) =>
              Effect.succeed({ account: { name, uid: 1000, gid: 1000, home: `/home/${name}` }, problems: [] }),
            grantSudo: () => begins("sudo")
          })
        )
      })
      const running = yield* Effect.forkChild(agent.boot)
      yield* turnsUntil(() => begun.size === parallel.length)
      assert.sameMembers([...begun], [...parallel])
      yield* Fiber.interrupt(running)
    }))

  it.effect("look for what keeps out an owner who has a password that is set and that sshd takes, or none", () =>
    Effect.gen(function*() {
      const password = Option.some(Redacted.make("Correct-horse-7"))
      const looked = Effect.fnUntraced(function*(disablePasswordAuthentication: boolean, set: boolean) {
        const agent = makeAgent({
          imds: [{ ...metadata, disablePasswordAuthentication }],
          media: [Option.some({ ...emptyDisc, password: set ? password : Option.none() })],
          settings: { passwordProvisioners: { ...defaults.passwordProvisioners, allow: true } }
        })
        assert.strictEqual(yield* agent.boot, 0)
        return agent.ssh.calls.flatMap((call) => call._tag === "loginRefusals" ? [call.credentials] : [])
      })
      assert.deepStrictEqual(yield* looked(false, true), [{ key: true, password: true }])
      assert.deepStrictEqual(yield* looked(true, true), [{ key: true, password: false }])
      assert.deepStrictEqual(yield* looked(false, false), [{ key: true, password: false }])
    }))
})
