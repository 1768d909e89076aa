import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { Hostname } from "../../src/domain/Hostname.ts"
import * as Live from "../../src/layers/live/HostnameProvisioner.ts"
import * as Test from "../../src/layers/test/HostnameProvisioner.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"
import { contract } from "../contracts/HostnameProvisioner.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"
import { userland } from "../support/userland.ts"

const vm = Hostname.make("vm-1")
const kernel = "/proc/sys/kernel/hostname"

type Answering = (request: SubprocessRequest) => Answer | undefined

/** A host below a root that is called `localhost`, and a live layer on it. */
const hostWith = (backend: typeof Live.layerFile, answer?: Answering) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { [kernel]: "localhost\n", "etc/hostname": "localhost\n" })
    const host = userland(root, answer)
    return { root, host, layer: backend.pipe(Layer.provide([host.layer, pathsBelow(root)])) }
  })

type Host = Effect.Success<ReturnType<typeof hostWith>>

/** The name when kernel and file agree; both otherwise. A kernel has one line of it, a file below a temporary root keeps what was longer. */
const nameOf = ({ host }: Host) => () => {
  const [running, stored] = [host.read(kernel), host.read("/etc/hostname")].map((text) => text.trim())
  return running === stored ? running : `${running} | ${stored}`
}

/** The kernel takes each write to its file as a whole name; below a temporary root only its command does. */
const noProc = ({ host, layer, root }: Host) => {
  mkdirSync(`${root}/run`, { recursive: true })
  return { host, layer, root }
}

contract(
  "live, hostnamectl",
  Effect.map(hostWith(Live.layerHostnamectl), (at) => ({ layer: at.layer, hostname: nameOf(at) }))
)
