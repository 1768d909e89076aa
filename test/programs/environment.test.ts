import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { defaults } from "../../src/domain/Settings.ts"
import { ImdsError } from "../../src/errors/ImdsError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import * as TestImds from "../../src/layers/test/Imds.ts"
import * as TestMedia from "../../src/layers/test/ProvisioningMedia.ts"
import { getEnvironment } from "../../src/programs/environment.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Imds } from "../../src/services/Imds.ts"
import { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"
import { goodKey, makeAgent, metadata } from "../support/agent.ts"
import { type Entry, logging } from "../support/logged.ts"
import { turnsUntil } from "../support/turns.ts"

/** A disc with all that is needed: a name and a key by value. */
const complete: OvfEnvironment = {
  username: Option.some("discuser"),
  password: Option.none(),
  hostname: Option.some("dischost"),
  disablePasswordAuthentication: Option.some(true),
  publicKeys: [goodKey],
  publicKeysWithoutValue: 0,
  customData: Option.none(),
  preprovisionedVm: false,
  preprovisionedVmType: "None",
  provisionGuestProxyAgent: false
}

const byPassword: OvfEnvironment = {
  ...complete,
  publicKeys: [],
  password: Option.some(Redacted.make("Correct-horse-7")),
  disablePasswordAuthentication: Option.some(false)
}

const refused = new ImdsError({ url: "http://imds", kind: "http", detail: "HTTP 403", status: 403, attempts: 1 })
const broken = new MediaError({ device: "/dev/sr0", kind: "read", detail: "EIO" })

interface Script {
  /** When IMDS answers, in milliseconds; never without it. */
  readonly imdsAt?: number
  /** IMDS fails in place of answering. */
  readonly imdsFails?: boolean
  /** When the disc has been read, in milliseconds. */
  readonly mediaAt?: number
  readonly media?: Option.Option<OvfEnvironment> | MediaError
  /** Seconds. */
  readonly grace?: number
  readonly allowPasswords?: boolean
}

/**
 * Asks both sources; whose metadata is used, when that is known, how the request to IMDS ended, the warnings and what
 * is for a debugger.
 */
const ask = Effect.fnUntraced(function*(script: Script) {
  const { imdsAt, mediaAt = 0, media = Option.some(complete) } = script
  const warnings: Array<unknown> = []
  const debugged: Array<unknown> = []
  let request = "pending"
  let decided = false
  const answer = script.imdsFails === true ? Effect.fail(refused) : Effect.succeed(metadata)
  const services = Layer.mergeAll(
    Layer.succeed(Imds, {
      instance: (imdsAt === undefined ? Effect.never : Effect.delay(answer, imdsAt)).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            request = Exit.hasInterrupts(exit) ? "interrupted" : "answered"
          })
        )
      )
    }),
    Layer.succeed(ProvisioningMedia, {
      environment: Effect.delay(Option.isOption(media) ? Effect.succeed(media) : Effect.fail(media), mediaAt),
      released: Effect.void
    }),
    Layer.succeed(CurrentSettings, {
      ...defaults,
      imds: { ...defaults.imds, graceWithMedia: Duration.seconds(script.grace ?? 10) },
      passwordProvisioners: { ...defaults.passwordProvisioners, allow: script.allowPasswords ?? false }
    }),
    Logger.layer([Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(message)
      if (logLevel !== "Debug") return
      debugged.push(message)
      decided = true
    })]),
    Layer.succeed(References.MinimumLogLevel, "Debug")
  )
  const asking = yield* Effect.forkChild(
    getEnvironment.pipe(
      Effect.flatMap((environment) => Effect.map(Clock.currentTimeMillis, (at) => ({ environment, at }))),
      Effect.provide(services)
    )
  )
  // Fingerprints are made by the platform's own threads, outside the test's clock.
  yield* TestClock.adjust(mediaAt)
  const decides = Option.isOption(media) && Option.isSome(media) && script.grace !== 0
  yield* turnsUntil(() => decided || !decides || request === "answered")
  yield* turnsUntil(() => asking.pollUnsafe() !== undefined, TestClock.adjust("250 millis"))
  const { at, environment } = yield* Fiber.join(asking)
  const used = Result.match(environment.imds, { onSuccess: () => "IMDS", onFailure: ({ _tag }) => _tag })
  return { at, used, request, warnings, debugged }
})

describe("getEnvironment: a complete disc and a slow IMDS", () => {
  for (
    const [what, script, at, used] of [
      ["uses IMDS that answers a millisecond before its grace is over", { imdsAt: 9_999 }, 9_999, "IMDS"],
      [
        "uses the disc alone when IMDS answers a millisecond after its grace",
        { imdsAt: 10_001 },
        10_000,
        "ImdsLateError"
      ],
      ["uses the disc alone when IMDS never answers", {}, 10_000, "ImdsLateError"],
      ["counts from when the disc was read, and is in time", { mediaAt: 7_000, imdsAt: 16_999 }, 16_999, "IMDS"],
      ["counts from when the disc was read, and is late", { mediaAt: 7_000, imdsAt: 17_001 }, 17_000, "ImdsLateError"],
      ["waits for the disc when IMDS has answered", { mediaAt: 20_000, imdsAt: 5_000 }, 20_000, "IMDS"],
      ["ends when IMDS refuses within its grace", { imdsAt: 5_000, imdsFails: true }, 5_000, "ImdsError"],
      ["takes the grace from the settings", { grace: 2.5, imdsAt: 2_501 }, 2_500, "ImdsLateError"],
      ["waits as without a disc when the grace is 0", { grace: 0, imdsAt: 60_000 }, 60_000, "IMDS"],
      [
        "counts a password that is allowed as a way in",
        { media: Option.some(byPassword), allowPasswords: true },
        10_000,
        "ImdsLateError"
      ],
      [
        "counts a password without a flag as a way in",
        { media: Option.some({ ...byPassword, disablePasswordAuthentication: Option.none() }), allowPasswords: true },
        10_000,
        "ImdsLateError"
      ],
      [
        "counts one usable key among bad ones as a way in",
        { media: Option.some({ ...complete, publicKeys: ["no key", goodKey] }) },
        10_000,
        "ImdsLateError"
      ]
    ] satisfies ReadonlyArray<readonly [string, Script, number, string]>
  ) {
    it.effect(what, () =>
      Effect.gen(function*() {
        const outcome = yield* ask(script)
        assert.deepStrictEqual({ at: outcome.at, used: outcome.used }, { at, used })
        assert.strictEqual(outcome.request, used === "ImdsLateError" ? "interrupted" : "answered")
      }))
  }

  it.effect("warns that the disc is used alone, with its fields and the setting", () =>
    Effect.gen(function*() {
      const { warnings } = yield* ask({})
      assert.deepStrictEqual(warnings, [[
        "No metadata from IMDS, using the provisioning media alone",
        {
          error: "no instance metadata within 10 s after a complete provisioning disc was read; "
            + "imds.grace_with_media_secs sets how long to wait",
          username: "discuser",
          hostname: "dischost",
          keys: 1
        }
      ]])
    }))
})

describe("getEnvironment: what is logged", () => {
  /** Asks once; IMDS and the disc answer at once. */
  const told = Effect.fnUntraced(function*(
    imds: InstanceMetadata | ImdsError,
    media: Option.Option<OvfEnvironment> | MediaError
  ) {
    const logged: Array<Entry> = []
    const { layer } = TestImds.make([imds])
    const settings = Layer.succeed(CurrentSettings, defaults)
    yield* logging(logged, getEnvironment).pipe(
      Effect.provide(Layer.mergeAll(layer, TestMedia.make([media]).layer, settings))
    )
    return logged.filter(([level]) => level !== "Debug")
  })

  it.effect("is nothing when both sources answer", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told(metadata, Option.some(complete)), [])
    }))

  it.effect("is that there is no disc, without a warning", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told(metadata, Option.none()), [
        ["Info", "There is no provisioning media, using IMDS alone"]
      ])
    }))

  it.effect("is why the disc is of no use", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told(metadata, broken), [
        ["Warn", "The provisioning media is of no use, using IMDS alone", { error: broken.message }]
      ])
    }))

  it.effect("is why IMDS gave nothing, and what the disc has in its place", () =>
    Effect.gen(function*() {
      const message = "No metadata from IMDS, using the provisioning media alone"
      const { message: error } = refused
      assert.deepStrictEqual(yield* told(refused, Option.some({ ...complete, publicKeys: [goodKey, goodKey] })), [
        ["Warn", message, { error, username: "discuser", hostname: "dischost", keys: 2 }]
      ])
      const unnamed = { ...complete, username: Option.none(), hostname: Option.none(), publicKeys: [] }
      assert.deepStrictEqual(yield* told(refused, Option.some(unnamed)), [
        ["Warn", message, { error, username: "", hostname: "", keys: 0 }]
      ])
    }))

  it.effect("is each source's fault when neither gave anything", () =>
    Effect.gen(function*() {
      const none: Entry = ["Warn", "No metadata from IMDS", { error: refused.message }]
      assert.deepStrictEqual(yield* told(refused, broken), [
        none,
        ["Warn", "The provisioning media is of no use, using IMDS alone", { error: broken.message }]
      ])
      assert.deepStrictEqual(yield* told(refused, Option.none()), [
        none,
        ["Info", "There is no provisioning media, using IMDS alone"]
      ])
    }))

  it.effect("is, for a debugger, whether a disc that was read first is complete", () =>
    Effect.gen(function*() {
      for (const publicKeys of [[goodKey], []]) {
        const { debugged } = yield* ask({ imdsAt: 5_000, media: Option.some({ ...complete, publicKeys }) })
        assert.deepStrictEqual(debugged, [[
          "Read the provisioning disc before IMDS answered",
          { complete: publicKeys.length > 0 }
        ]])
      }
    }))
})

describe("getEnvironment: a disc that is not enough", () => {
  for (
    const [what, media, allowPasswords] of [
      ["no disc", Option.none()],
      ["a disc that cannot be read", broken],
      ["a disc without a user", Option.some({ ...complete, username: Option.none() })],
      ["a disc with a user name that Linux refuses", Option.some({ ...complete, username: Option.some("-rf") })],
      ["a disc without a key", Option.some({ ...complete, publicKeys: [] })],
      ["a disc with keys by fingerprint only", Option.some({ ...complete, publicKeys: [], publicKeysWithoutValue: 1 })],
      ["a disc with bad keys only", Option.some({ ...complete, publicKeys: ["ssh-ed25519 AAAA"] })],
      ["a disc with a password that the image does not allow", Option.some(byPassword)],
      [
        "a disc with a password that it bars",
        Option.some({ ...byPassword, disablePasswordAuthentication: Option.some(true) }),
        true
      ],
      ["a pre-provisioned VM's disc", Option.some({ ...complete, preprovisionedVm: true })],
      ["a disc of a pool's kind", Option.some({ ...complete, preprovisionedVmType: "Savable" })]
    ] satisfies ReadonlyArray<readonly [string, Option.Option<OvfEnvironment> | MediaError, boolean?]>
  ) {
    it.effect(`leaves IMDS its whole time with ${what}`, () =>
      Effect.gen(function*() {
        const { at, request, used } = yield* ask({ media, imdsAt: 60_000, allowPasswords: allowPasswords ?? false })
        assert.deepStrictEqual({ at, request, used }, { at: 60_000, request: "answered", used: "IMDS" })
      }))
  }
})

describe("provision: a complete disc and a silent IMDS", () => {
  it.effect("is Ready from the disc after the grace, with the request to IMDS ended before", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ imds: ["hangs"], media: [Option.some(complete)] })
      const running = yield* Effect.forkChild(agent.boot)
      yield* turnsUntil(() => agent.media.calls.length > 0)
      yield* TestClock.adjust("9999 millis")
      yield* turnsUntil(() => true)
      assert.strictEqual(agent.imds.calls[0]?.end, "pending")
      assert.lengthOf(agent.user.requests, 0)
      yield* turnsUntil(() => running.pollUnsafe() !== undefined, TestClock.adjust("1 milli"))
      assert.strictEqual(yield* Fiber.join(running), 0)
      assert.deepStrictEqual(agent.imds.calls.map(({ end }) => end), ["interrupted"])
      assert.strictEqual(agent.user.requests[0]?.name, "discuser")
      assert.deepStrictEqual(agent.hostname.calls, ["dischost"])
      assert.deepStrictEqual(agent.wireServer.calls.map(({ report }) => report), ["ready"])
    }))

  it.effect("uses IMDS' values when it answers in time", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ media: [Option.some(complete)] })
      assert.strictEqual(yield* agent.boot, 0)
      assert.strictEqual(agent.user.requests[0]?.name, "azureuser")
      assert.deepStrictEqual(agent.hostname.calls, ["labvm"])
    }))
})
