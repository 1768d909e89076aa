import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import FsPromises, { lstat } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import { decodeOvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import * as Live from "../../src/layers/live/ProvisioningMedia.ts"
import * as Test from "../../src/layers/test/ProvisioningMedia.ts"
import { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"
import { make as makeSecrets, Secrets } from "../../src/services/Secrets.ts"
import { contract, type Drive } from "../contracts/ProvisioningMedia.ts"
import { type Change, type Disc, drives as makeDrives, failing, type Program } from "../support/drives.ts"
import { settingsWith, temporaryRoot, writeFiles } from "../support/host.ts"

const fixture = (name: string) => readFileSync(new URL(`../fixtures/ovf/${name}.xml`, import.meta.url), "utf8")

const disc = (document: string | Uint8Array): Disc => (directory) =>
  writeFileSync(join(directory, "ovf-env.xml"), document)

const liveOn = (drives: Pick<ReturnType<typeof makeDrives>, "layer">, enable = true) =>
  Live.layer.pipe(Layer.provide([drives.layer, settingsWith({ provisioningMedia: { enable } })]))

const environment = ProvisioningMedia.use((media) => media.environment)

/** Lets file work of the live layer come back, which the test's clock knows nothing of. */
const settle = Effect.promise(() => lstat("/")).pipe(Effect.repeat({ times: 20 }))

/** A drive that hangs: for as long as the scope, opening the document comes to no end. */
const hangingDrive = Effect.acquireRelease(
  Effect.sync(() => {
    const { open } = FsPromises
    FsPromises.open = (path, ...options) =>
      String(path).endsWith("ovf-env.xml") ? new Promise(() => undefined) : open(path, ...options)
    syncBuiltinESMExports()
    return open
  }),
  (open) =>
    Effect.sync(() => {
      FsPromises.open = open
      syncBuiltinESMExports()
    })
)

/** A host with nodes in /dev and discs in its drives. */
const host = Effect.fnUntraced(function*(
  nodes: ReadonlyArray<string>,
  discs: Readonly<Record<string, Disc>> = {},
  change?: Change,
  program?: Program
) {
  const root = yield* temporaryRoot
  yield* writeFiles(root, Object.fromEntries(nodes.map((node) => [node, ""])))
  const drives = makeDrives(root, discs, change, program)
  // The layer lives as long as the test, as the agent's does: nothing waits for the ejection, which ends with it.
  const media = yield* Layer.build(liveOn(drives))
  return {
    root,
    ...drives,
    ask: environment.pipe(Effect.provide(media), Effect.tap(settle)),
    released: ProvisioningMedia.use(({ released }) => released).pipe(Effect.provide(media)),
    /** Nothing of the agent is left of the mount. */
    assertGone: () => assert.isFalse(existsSync(join(root, "run/azure-init/media")))
  }
})

const mounting = (device: string, type = "udf") => `mount ${type} ${device} /run/azure-init/media`
const byProgram = (device: string, type = "udf") =>
  `mount -t ${type} -o ro,nosuid,nodev,noexec ${device} /run/azure-init/media`
const unmounting = "unmount /run/azure-init/media"
const unmountingLazily = "unmount lazily /run/azure-init/media"

/** The table of mounts of a host whose disc is where the agent mounts it. */
const stillMounted = (root: string) =>
  writeFiles(root, { "proc/self/mounts": `${root}/dev/sr0 ${root}/run/azure-init/media udf ro 0 0\n` })

const userOf = Option.flatMap((value: { readonly username: Option.Option<string> }) => value.username)

contract("live", (drive: Drive) =>
  Effect.map(
    host(
      ["dev/sr0"],
      Option.match(drive, { onNone: () => ({}), onSome: (name) => ({ "/dev/sr0": disc(fixture(name)) }) })
    ),
    (drives) => liveOn(drives)
  ))

contract("test", (drive: Drive) =>
  Effect.gen(function*() {
    if (Option.isNone(drive)) return Test.make().layer
    const outcome = yield* Effect.result(decodeOvfEnvironment(fixture(drive.value)))
    const answer = Result.match(outcome, {
      onFailure: ({ detail, kind }) =>
        new MediaError({ device: "/dev/sr0", kind: kind === "password" ? "accept" : "parse", detail }),
      onSuccess: (value) => Option.some(value)
    })
    return Test.make([answer]).layer
  }))

describe("ProvisioningMedia: live, discovery", () => {
  it.effect("mounts /dev/sr0, reads it, unmounts it and ejects it, on a private directory that goes away", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines, modes } = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("ordinary")) })
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting, "eject /dev/sr0"])
      assert.deepStrictEqual(modes, [0o700])
      assertGone()
    }))

  it.effect("finds the drives that the kernel lists, by name and by type, and no other block device", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* host(
        ["dev/sr1", "dev/xrom0", "dev/sda", "dev/srx", "sys/block/sr1/size", "sys/block/srx/size"],
        { "/dev/xrom0": disc(fixture("ordinary")) }
      ).pipe(
        Effect.tap(({ root }) =>
          writeFiles(root, { "sys/block/xrom0/device/type": "5\n", "sys/block/sda/device/type": "0\n" })
        )
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [
        mounting("/dev/sr1"),
        mounting("/dev/xrom0"),
        unmounting,
        "eject /dev/xrom0"
      ])
    }))

  it.effect("makes no call and does not wait on a host without a drive", () =>
    Effect.gen(function*() {
      const { ask, lines, root } = yield* host([])
      assert.deepStrictEqual(yield* ask, Option.none())
      assert.deepStrictEqual(lines(), [])
      assert.deepStrictEqual(readdirSync(root), [])
    }))

  it.effect("waits for the node of a drive that the kernel lists", () =>
    Effect.gen(function*() {
      const { ask, lines, root } = yield* host(["sys/block/sr0/size", "dev/null"], {
        "/dev/sr0": disc(fixture("ordinary"))
      })
      const fiber = yield* Effect.forkChild(ask)
      yield* settle
      yield* TestClock.adjust("400 millis")
      yield* settle
      assert.deepStrictEqual(lines(), [])
      yield* writeFiles(root, { "dev/sr0": "" })
      assert.deepStrictEqual(userOf(yield* ticking(fiber)), Option.some("azureuser"))
    }))

  it.effect("gives a node that does not come a second, and goes on without it", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* host(["sys/block/sr0/size"])
      const fiber = yield* Effect.forkChild(ask)
      assert.deepStrictEqual(yield* ticking(fiber), Option.none())
      assert.isAtLeast(yield* Clock.currentTimeMillis, 1000)
      assert.deepStrictEqual(lines(), [])
    }))

  it.effect("reads a mounted disc in place, and neither mounts nor unmounts nor ejects it", () =>
    Effect.gen(function*() {
      const { ask, lines, root } = yield* host(["dev/sr0", "sys/block/sr0/size"])
      yield* writeFiles(root, {
        "mnt/my cd/ovf-env.xml": fixture("ordinary"),
        "proc/self/mounts": [
          "/dev/sda1 / ext4 rw,relatime 0 0",
          `${root}/dev/sr0 ${root}/mnt/my\\040cd udf ro,nosuid 0 0`,
          "odd line",
          "tmpfs /tmp tmpfs rw 0 99999999",
          ""
        ].join("\n")
      })
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [])
      assert.isTrue(existsSync(join(root, "mnt/my cd/ovf-env.xml")))
    }))

  it.effect("does not mount a disc a second time that is mounted and has no document", () =>
    Effect.gen(function*() {
      const { ask, lines, root } = yield* host(["dev/sr0", "sys/block/sr0/size"])
      yield* writeFiles(root, { "cd/readme": "", "proc/self/mounts": `${root}/dev/sr0 ${root}/cd iso9660 ro 0 0\n` })
      assert.deepStrictEqual(yield* ask, Option.none())
      assert.deepStrictEqual(lines(), [])
    }))

  it.effect("takes mounted discs in the table's order, optical file systems only", () =>
    Effect.gen(function*() {
      const { ask, root } = yield* host([])
      yield* writeFiles(root, {
        "a/ovf-env.xml": fixture("ordinary").replace("azureuser", "ext4"),
        "b/readme": "",
        "c/ovf-env.xml": fixture("ordinary").replace("azureuser", "iso"),
        "d/ovf-env.xml": fixture("ordinary").replace("azureuser", "udf"),
        "proc/self/mounts": [["a", "ext4"], ["b", "udf"], ["c", "iso9660"], ["d", "udf"]]
          .map(([name, type]) => `/dev/${name} ${root}/${name} ${type} ro 0 0\n`).join("")
      })
      assert.deepStrictEqual(userOf(yield* ask), Option.some("iso"))
    }))

  it.effect("unmounts what a killed agent left, before it looks at the drive", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines, root } = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("ordinary")) })
      yield* writeFiles(root, { "run/azure-init/media/ovf-env.xml": fixture("password") })
      yield* stillMounted(root)
      assert.deepStrictEqual(Option.flatMap(yield* ask, ({ password }) => password), Option.none())
      assert.deepStrictEqual(lines(), [unmounting, mounting("/dev/sr0"), unmounting, "eject /dev/sr0"])
      assertGone()
    }))

  it.effect("remembers the disc's secrets, so that no helper's output carries one out", () =>
    Effect.gen(function*() {
      const secrets = makeSecrets()
      const { ask } = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("password")) }).pipe(
        Effect.provideService(Secrets, secrets)
      )
      const password = Redacted.value(Option.getOrThrow(Option.getOrThrow(yield* ask).password))
      assert.strictEqual(secrets.redact(`helper: ${password}`), "helper: <redacted>")
    }))

  it.effect("touches nothing when the settings turn media off", () =>
    Effect.gen(function*() {
      const drives = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("ordinary")) })
      const { lines, root } = drives
      yield* stillMounted(root)
      assert.deepStrictEqual(yield* environment.pipe(Effect.provide(liveOn(drives, false))), Option.none())
      assert.deepStrictEqual(lines(), [])
      assert.isFalse(existsSync(join(root, "run")))
    }))
})

/** The answer of a fiber while time goes by in steps of 50 ms, at most so many. */
const ticking = Effect.fnUntraced(function*<A, E>(fiber: Fiber.Fiber<A, E>, steps = 400) {
  for (let step = 0; step < steps && fiber.pollUnsafe() === undefined; step++) {
    yield* settle
    yield* TestClock.adjust("50 millis")
  }
  assert.isDefined(fiber.pollUnsafe(), "the fiber is still at work")
  return yield* Fiber.join(fiber)
})

describe("ProvisioningMedia: live, mounting and reading", () => {
  it.effect.each(["EINVAL", "ENODEV", "EIO"])(
    "tries iso9660 where udf fails with %s",
    (code) =>
      Effect.gen(function*() {
        const { ask, lines } = yield* host(
          ["dev/sr0"],
          { "/dev/sr0": disc(fixture("ordinary")) },
          (call, work) => call.startsWith("mount udf") ? failing(code) : work
        )
        assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
        assert.deepStrictEqual(lines(), [
          mounting("/dev/sr0"),
          mounting("/dev/sr0", "iso9660"),
          unmounting,
          "eject /dev/sr0"
        ])
      })
  )

  it.effect("fails with what the kernel says of each file system, and leaves no directory", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) =>
          call.startsWith("mount udf") ? failing("EINVAL") : call.startsWith("mount iso") ? failing("ENODEV") : work
      )
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.kind, "mount")
      assert.strictEqual(error.reason, "failed to read provisioning media")
      assert.include(error.message, "/dev/sr0: as udf: EINVAL: einval; as iso9660: ENODEV: enodev")
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), mounting("/dev/sr0", "iso9660")])
      assertGone()
    }))

  it.effect.each([
    { answers: "hangs", mount: Effect.never, words: "ETIMEDOUT: the drive does not answer", waited: 10_000 },
    { answers: "ETIMEDOUT", mount: failing("ETIMEDOUT"), words: "ETIMEDOUT", waited: 0 }
  ])(
    "tries no other file system on a drive that answers $answers, and unmounts what is mounted all the same",
    ({ mount, waited, words }) =>
      Effect.gen(function*() {
        const change: Change = (call, work) =>
          call.startsWith("mount")
            ? work.pipe(Effect.andThen(Effect.suspend(() => stillMounted(machine.root))), Effect.andThen(mount))
            : work
        const machine = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("ordinary")) }, change)
        const { ask, assertGone, lines } = machine
        const error = yield* ticking(yield* Effect.forkChild(Effect.flip(ask)))
        assert.strictEqual(error.kind, "mount")
        assert.include(error.message, words)
        assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting])
        const now = yield* Clock.currentTimeMillis
        assert.isAtLeast(now, waited)
        assert.isBelow(now, waited + 5000)
        assertGone()
      })
  )

  it.effect("takes an empty drive for no disc, at the first try, and leaves no directory", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"])
      assert.deepStrictEqual(yield* ask, Option.none())
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0")])
      assertGone()
    }))

  it.effect("takes a disc without the document for another's, and does not eject it", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"], {
        "/dev/sr0": (directory) => writeFileSync(join(directory, "OVF-ENV.TXT"), fixture("ordinary"))
      })
      assert.deepStrictEqual(yield* ask, Option.none())
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting])
      assertGone()
    }))

  it.effect("goes on to a good disc after a bad one, and stops there", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* host(
        ["dev/sr0", "dev/sr1", "dev/sr2", "sys/block/sr1/size", "sys/block/sr2/size"],
        {
          "/dev/sr0": disc(fixture("wrong-root")),
          "/dev/sr1": disc(fixture("ordinary")),
          "/dev/sr2": disc(fixture("ordinary").replace("azureuser", "later"))
        }
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [
        mounting("/dev/sr0"),
        unmounting,
        mounting("/dev/sr1"),
        unmounting,
        "eject /dev/sr1"
      ])
    }))

  it.effect("fails with the first error when no disc is good", () =>
    Effect.gen(function*() {
      const { ask, root } = yield* host(["dev/sr0", "dev/sr1", "sys/block/sr1/size"], {
        "/dev/sr0": disc(fixture("wrong-root")),
        "/dev/sr1": disc(fixture("empty"))
      })
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.device, join(root, "dev/sr0"))
      assert.strictEqual(error.kind, "parse")
      assert.include(error.message, "missing configuration for 'ProvisioningSection'")
    }))

  const unreadable: ReadonlyArray<readonly [string, Disc, "read" | "parse", string]> = [
    ["a document that is cut short", disc(fixture("cut-short")), "parse", "no well-formed XML"],
    [
      "bytes that are not UTF-8",
      disc(Buffer.from(fixture("ordinary").replace("web-1", "wéb"), "latin1")),
      "read",
      "not UTF-8"
    ],
    ["a document in UTF-16", disc(Buffer.from(`\uFEFF${fixture("ordinary")}`, "utf16le")), "read", "not UTF-8"],
    ["more than 1 MiB", disc(fixture("ordinary").padEnd(1024 * 1024 + 1)), "read", "larger than 1048576 bytes"],
    ["a directory", (directory) => mkdirSync(join(directory, "ovf-env.xml")), "read", "EISDIR"],
    [
      "a symbolic link",
      (directory) => {
        writeFileSync(join(directory, "real.xml"), fixture("ordinary"))
        symlinkSync("real.xml", join(directory, "ovf-env.xml"))
      },
      "read",
      "ELOOP"
    ]
  ]

  it.effect.each(unreadable)("fails on %s, and unmounts", ([, insert, kind, words]) =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"], { "/dev/sr0": insert })
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.kind, kind)
      assert.include(error.message, words)
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting])
      assertGone()
    }))

  it.effect("reads a document of exactly 1 MiB, and one with a byte order mark", () =>
    Effect.gen(function*() {
      for (const text of [fixture("ordinary").padEnd(1024 * 1024), `\uFEFF${fixture("ordinary")}`]) {
        const { ask } = yield* host(["dev/sr0"], { "/dev/sr0": disc(text) })
        assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      }
    }))

  it.effect("gives a drive that hangs while it is read ten seconds, and unmounts", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"], { "/dev/sr0": disc(fixture("ordinary")) })
      yield* hangingDrive
      const fiber = yield* Effect.forkChild(Effect.flip(ask))
      const error = yield* ticking(fiber)
      assert.strictEqual(error.kind, "read")
      assert.include(error.message, "/dev/sr0: the drive does not answer")
      const waited = yield* Clock.currentTimeMillis
      assert.isAtLeast(waited, 10_000)
      assert.isBelow(waited, 15_000)
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting])
      assertGone()
    }))
})

describe("ProvisioningMedia: live, a kernel without drivers", () => {
  const noDriver: Change = (call, work) => call.startsWith("mount") ? failing("ENODEV") : work

  it.effect("gives the disc to mount(8), which may have a helper", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines, modes } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        noDriver,
        (type) => type === "udf" ? { exitCode: 32, stderr: "mount: unknown filesystem type 'udf'.\n" } : {}
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [
        mounting("/dev/sr0"),
        mounting("/dev/sr0", "iso9660"),
        byProgram("/dev/sr0"),
        byProgram("/dev/sr0", "iso9660"),
        unmounting,
        "eject /dev/sr0"
      ])
      assert.deepStrictEqual(modes, [0o700])
      assertGone()
    }))

  it.effect("takes the drive for empty when mount(8) does", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"], {}, noDriver, () => ({
        exitCode: 32,
        stderr: "mount: /run/azure-init/media: no medium found on /dev/sr0.\n"
      }))
      assert.deepStrictEqual(yield* ask, Option.none())
      assert.deepStrictEqual(lines().slice(2), [byProgram("/dev/sr0")])
      assertGone()
    }))

  it.effect.each([
    { when: "it knows no file system", answer: { exitCode: 32, stderr: "unknown filesystem type" } },
    { when: "it is not installed", answer: "not found" as const }
  ])("fails with what mount(8) says when $when", ({ answer }) =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(["dev/sr0"], {}, noDriver, () => answer)
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.kind, "mount")
      assert.include(error.message, answer === "not found" ? "not found" : answer.stderr)
      assert.deepStrictEqual(lines().slice(2), [byProgram("/dev/sr0"), byProgram("/dev/sr0", "iso9660")])
      assertGone()
    }))
})

describe("ProvisioningMedia: live, afterwards", () => {
  it.effect("unmounts when it is interrupted while the disc is being mounted", () =>
    Effect.gen(function*() {
      const mounted = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const { ask, assertGone, lines } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) =>
          call.startsWith("mount")
            ? Effect.tap(work, () => Effect.andThen(Deferred.succeed(mounted, undefined), Deferred.await(goOn)))
            : work
      )
      const fiber = yield* Effect.forkChild(ask)
      yield* Deferred.await(mounted)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting])
      assertGone()
    }))

  it.effect("unmounts lazily when the disc is busy", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) => call === unmounting ? failing("EBUSY") : work
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.deepStrictEqual(lines(), [mounting("/dev/sr0"), unmounting, unmountingLazily, "eject /dev/sr0"])
      assertGone()
    }))

  it.effect("unmounts lazily when the drive does not answer for five seconds", () =>
    Effect.gen(function*() {
      const { ask, assertGone, lines } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) => call === unmounting ? Effect.never : work
      )
      assert.deepStrictEqual(userOf(yield* ticking(yield* Effect.forkChild(ask))), Option.some("azureuser"))
      assert.deepStrictEqual(lines().slice(1, 3), [unmounting, unmountingLazily])
      const now = yield* Clock.currentTimeMillis
      assert.isAtLeast(now, 5000)
      assert.isBelow(now, 6000)
      assertGone()
    }))

  it.effect("keeps the document when it cannot unmount, and says so", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { ask } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) => call.startsWith("unmount") ? failing("EBUSY") : work
      )
      const found = yield* ask.pipe(
        Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => {
          if (logLevel === "Error") {
            lines.push(JSON.stringify(message))
          }
        })]))
      )
      assert.deepStrictEqual(userOf(found), Option.some("azureuser"))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "still mounted")
      assert.include(lines[0], "EBUSY")
    }))

  it.effect("tells in the end of a disc that it could not unmount, after one more attempt", () =>
    Effect.gen(function*() {
      let willing = false
      const { lines, released, root } = yield* host(
        ["dev/sr0"],
        {},
        (call, work) => call.startsWith("unmount") && !willing ? failing("EBUSY") : work
      )
      yield* writeFiles(root, { "run/azure-init/media/ovf-env.xml": "" })
      yield* stillMounted(root)
      const error = yield* Effect.flip(released)
      assert.strictEqual(error.reason, "failed to unmount provisioning media")
      assert.include(error.message, "/dev/sr0")
      assert.include(error.message, "EBUSY")
      assert.deepStrictEqual(lines(), [unmounting, unmountingLazily])
      willing = true
      yield* released
    }))

  it.effect("keeps the document when the drive has no tray", () =>
    Effect.gen(function*() {
      const { ask, lines } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) => call.startsWith("eject") ? failing("ENOTTY") : work
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.include(lines(), "eject /dev/sr0")
    }))

  it.effect("does not wait for an eject that hangs, while it works and when it ends", () =>
    Effect.gen(function*() {
      const { ask, lines, ...drives } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) => call.startsWith("eject") ? Effect.never : work
      )
      assert.deepStrictEqual(userOf(yield* ask), Option.some("azureuser"))
      assert.include(lines(), "eject /dev/sr0")
      assert.deepStrictEqual(
        userOf(yield* environment.pipe(Effect.provide(liveOn(drives)))),
        Option.some("azureuser")
      )
    }))

  it.effect("gives up an eject that hangs after two seconds", () =>
    Effect.gen(function*() {
      let given = false
      const { ask } = yield* host(
        ["dev/sr0"],
        { "/dev/sr0": disc(fixture("ordinary")) },
        (call, work) =>
          call.startsWith("eject")
            ? Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (given = true)))
            : work
      )
      yield* ask
      yield* TestClock.adjust("1999 millis")
      assert.isFalse(given)
      yield* TestClock.adjust("1 milli")
      assert.isTrue(given)
    }))

  const token = "hunter2-is-the-password"
  const withSecret = fixture("password").replace(/(<wa:UserPassword>).*(<\/)/, `$1${token}$2`)
  const place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: withSecret.length }))

  it.effect.prop(
    "shows the password in no error, log line or span, whatever is wrong with the document, and always unmounts",
    [place, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })), Schema.String],
    ([at, length, inserted]) =>
      Effect.gen(function*() {
        const text = withSecret.slice(0, at) + inserted + withSecret.slice(at + length)
        const { ask, assertGone, lines } = yield* host(["dev/sr0"], { "/dev/sr0": disc(text) })
        const told: Array<string> = []
        const outcome = yield* Effect.result(ask).pipe(
          Effect.provide(Logger.layer([Logger.make(({ message }) => told.push(JSON.stringify(message)))]))
        )
        if (Result.isFailure(outcome)) {
          told.push(outcome.failure.message, JSON.stringify(outcome.failure), String(outcome.failure.stack))
        } else told.push(JSON.stringify(outcome.success))
        for (const line of [...told, JSON.stringify(lines())]) {
          for (let index = 0; index + 8 <= token.length; index++) {
            // What the mutation moved out of the password's element is no password any more.
            if (Result.isFailure(outcome)) assert.notInclude(line, token.slice(index, index + 8))
            else assert.notInclude(line, token)
          }
        }
        assertGone()
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 50 } }
  )

  it.effect("has azure-init's spans and no secret in them", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const { ask } = yield* host(["dev/sr0"], { "/dev/sr0": disc(withSecret) })
      const found = Option.getOrThrow(yield* Effect.withTracer(ask, tracer))
      assert.strictEqual(Redacted.value(Option.getOrThrow(found.password)), token)
      assert.deepStrictEqual(spans.map(({ name }) => name), [
        "media:get_mount_device",
        "media:mount_parse_ovf_env",
        "media:mount",
        "media:read_ovf_env_to_string",
        "media:unmount",
        "media:parse_ovf_env"
      ])
      for (const { attributes } of spans) assert.notInclude(JSON.stringify([...attributes]), token)
    }))
})

describe("ProvisioningMedia: test", () => {
  it.effect("answers from its list, the last one again, and tells the calls", () =>
    Effect.gen(function*() {
      const error = new MediaError({ device: "/dev/sr0", kind: "mount", detail: "scratched" })
      const fake = Test.make([error, Option.none()])
      yield* ProvisioningMedia.use((media) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Effect.flip(media.environment), error)
          assert.deepStrictEqual(yield* media.environment, Option.none())
          assert.deepStrictEqual(yield* media.environment, Option.none())
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls, [error, Option.none(), Option.none()])
    }))

  it.effect("hangs on demand, and can be interrupted", () =>
    Effect.gen(function*() {
      const fake = Test.make(["hangs"])
      const fiber = yield* Effect.forkChild(
        Effect.timeoutOption(environment, "1 minute").pipe(Effect.provide(fake.layer))
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Option.none())
    }))
})
