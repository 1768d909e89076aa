import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { lstatSync, readdirSync, rmSync } from "node:fs"
import { Hostname } from "../../src/domain/Hostname.ts"
import * as Live from "../../src/layers/live/HostnameProvisioner.ts"
import * as Test from "../../src/layers/test/HostnameProvisioner.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import type { Subprocess, SubprocessRequest } from "../../src/services/Subprocess.ts"
import { contract } from "../contracts/HostnameProvisioner.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"
import { telling, type Told } from "../support/told.ts"
import { userland } from "../support/userland.ts"

const vm = Hostname.make("vm-1")
const kernel = "/proc/sys/kernel/hostname"

type Answering = (request: SubprocessRequest) => Answer | undefined

type Requirements = Layer.Success<ReturnType<typeof pathsBelow>> | Subprocess

type Backend = Layer.Layer<HostnameProvisioner, never, Requirements>

/** A host below a root that is called `old`, and a live layer on it. */
const hostWith = (backend: Backend, answer?: Answering) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { [kernel]: "old\n", "etc/hostname": "old\n" })
    const host = userland(root, answer)
    return { root, host, layer: backend.pipe(Layer.provide([host.layer, pathsBelow(root)])) }
  })

type Host = Effect.Success<ReturnType<typeof hostWith>>

/** The name that the kernel and the file agree on; both otherwise. */
const nameOf = ({ host }: Host) => () => {
  const [running = "", stored = ""] = [host.read(kernel), host.read("/etc/hostname")].map((text) => text.trim())
  return running === stored ? running : `${running} | ${stored}`
}

const subjectOf = (at: Host) => ({ layer: at.layer, hostname: nameOf(at) })

const noBus: Answering = ({ command }) =>
  command === "hostnamectl" ? { exitCode: 1, stderr: "Failed to connect to bus: No such file or directory" } : undefined

describe("HostnameProvisioner: live, spans", () => {
  for (
    const [backend, name] of [
      [Live.layerHostnamectl, "provision::hostname:hostnamectl"],
      [Live.layerFile, "provision::hostname:file"]
    ] as const
  ) {
    it.effect(`has azure-init's name, with the host's: ${name}`, () =>
      withLive(backend, (hostnames) =>
        Effect.gen(function*() {
          const told: Told = { logged: [], spans: [] }
          yield* telling(told, hostnames.set(vm))
          assert.deepStrictEqual(told.spans.map((span) => [span.name, ...span.attributes]), [[name, ["hostname", vm]]])
        })))
  }
})

contract("live, hostnamectl", Effect.map(hostWith(Live.layerHostnamectl), subjectOf))
contract("live, file", Effect.map(hostWith(Live.layerFile), subjectOf))
contract(
  "firstOf",
  Effect.map(
    hostWith(HostnameProvisioner.firstOf<never, Requirements>([Live.layerHostnamectl, Live.layerFile]), noBus),
    subjectOf
  )
)
contract(
  "test",
  Effect.sync(() => {
    const fake = Test.make()
    return { layer: fake.layer, hostname: fake.hostname }
  })
)

const withLive = <A, E>(
  backend: Backend,
  test: (hostnames: HostnameProvisioner["Service"], at: Host) => Effect.Effect<A, E>,
  answer?: Answering
) =>
  Effect.flatMap(
    hostWith(backend, answer),
    (at) => HostnameProvisioner.use((hostnames) => test(hostnames, at)).pipe(Effect.provide(at.layer))
  )

describe("HostnameProvisioner: hostnamectl", () => {
  it.effect("calls it as azure-init does, with a deadline shorter than its own wait of 25 s", () => {
    const timeouts: Array<SubprocessRequest["timeout"]> = []
    return withLive(Live.layerHostnamectl, (hostnames, { host }) =>
      Effect.gen(function*() {
        yield* hostnames.set(vm)
        assert.deepStrictEqual(host.commands(), [["hostnamectl", "set-hostname", "vm-1"]])
        assert.isBelow(Duration.toSeconds(Duration.fromInputUnsafe(timeouts[0] ?? "1 hour")), 25)
      }), (request) => {
      timeouts.push(request.timeout)
      return undefined
    })
  })

  it.effect("fails with its command line and its own words", () =>
    withLive(Live.layerHostnamectl, (hostnames) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(hostnames.set(vm))
        assert.strictEqual(error._tag, "HostnameError")
        assert.include(error.message, "cannot set the hostname vm-1")
        assert.include(error.message, "\"hostnamectl\" \"set-hostname\" \"vm-1\"")
        assert.include(error.message, "Failed to connect to bus")
      }), noBus))

  it.effect("leaves the work to the files when it fails, and calls nothing else", () =>
    withLive(
      HostnameProvisioner.firstOf<never, Requirements>([Live.layerHostnamectl, Live.layerFile]),
      (hostnames, at) =>
        Effect.gen(function*() {
          yield* hostnames.set(vm)
          assert.strictEqual(nameOf(at)(), "vm-1")
          assert.deepStrictEqual(at.host.commands(), [["hostnamectl", "set-hostname", "vm-1"]])
        }),
      noBus
    ))
})

describe("HostnameProvisioner: file", () => {
  it.effect("writes the kernel's name and the file, which everybody may read, and nothing beside it", () =>
    withLive(Live.layerFile, (hostnames, { host, root }) =>
      Effect.gen(function*() {
        yield* hostnames.set(vm)
        assert.strictEqual(host.read(kernel).trim(), "vm-1")
        assert.strictEqual(host.read("/etc/hostname"), "vm-1\n")
        assert.strictEqual(lstatSync(`${root}/etc/hostname`).mode & 0o7777, 0o644)
        assert.deepStrictEqual(readdirSync(`${root}/etc`), ["hostname"])
        assert.deepStrictEqual(host.commands(), [])
      })))

  it.effect("writes nothing when the name is right in both places", () =>
    withLive(Live.layerFile, (hostnames, { host, root }) =>
      Effect.gen(function*() {
        yield* hostnames.set(vm)
        const before = [kernel, "/etc/hostname"].map((path) => lstatSync(root + path, { bigint: true }))
        yield* hostnames.set(vm)
        const after = [kernel, "/etc/hostname"].map((path) => lstatSync(root + path, { bigint: true }))
        assert.deepStrictEqual(
          after.map(({ ctimeNs, ino }) => [ino, ctimeNs]),
          before.map(({ ctimeNs, ino }) => [ino, ctimeNs])
        )
        assert.deepStrictEqual(host.commands(), [])
      })))

  it.effect("makes /etc/hostname where there is none", () =>
    withLive(Live.layerFile, (hostnames, { host, root }) =>
      Effect.gen(function*() {
        rmSync(`${root}/etc/hostname`)
        yield* hostnames.set(vm)
        assert.strictEqual(host.read("/etc/hostname"), "vm-1\n")
      })))

  it.effect("needs no /proc: without it the kernel is told all the same, and its refusal is the failure", () =>
    withLive(Live.layerFile, (hostnames, { host, root }) =>
      Effect.gen(function*() {
        rmSync(root + kernel)
        const error = yield* Effect.flip(hostnames.set(vm))
        assert.include(error.message, "not permitted")
        assert.strictEqual(host.read("/etc/hostname"), "old\n")
        assert.deepStrictEqual(host.commands(), [])
      })))

  it.effect("says which file cannot be written", () =>
    withLive(Live.layerFile, (hostnames, { root }) =>
      Effect.gen(function*() {
        rmSync(`${root}/etc`, { recursive: true })
        const error = yield* Effect.flip(hostnames.set(vm))
        assert.include(error.message, `${root}/etc/hostname`)
        assert.include(error.message, "ENOENT")
      })))
})

describe("HostnameProvisioner: names", () => {
  for (const name of ["", "-vm", "vm-", "a b", "a..b", ".", "vm\n", "a_b", "x".repeat(65)]) {
    it(`there is no hostname ${JSON.stringify(name)}`, () => {
      assert.throws(() => Hostname.make(name))
    })
  }
})

describe("HostnameProvisioner: test", () => {
  it.effect("answers as scripted, the last answer again, and records the names", () =>
    Effect.gen(function*() {
      const fake = Test.make([{ failure: "scripted" }, "set"])
      yield* HostnameProvisioner.use((hostnames) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(hostnames.set(vm))).detail, "scripted")
          assert.isUndefined(fake.hostname())
          yield* hostnames.set(vm)
          yield* hostnames.set(vm)
          assert.strictEqual(fake.hostname(), "vm-1")
        })
      ).pipe(Effect.provide(fake.layer))
      assert.deepStrictEqual(fake.calls, ["vm-1", "vm-1", "vm-1"])
    }))
})
