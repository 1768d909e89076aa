import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Live from "../../src/layers/live/UserProvisioner.ts"
import type { Answer } from "../../src/layers/test/Subprocess.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"
import { UserProvisioner } from "../../src/services/UserProvisioner.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "./host.ts"
import { userland } from "./userland.ts"

/** Root and a system account. */
const passwd = "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/sh\n"

/** Answers a call in the userland's place. */
export type Answering = (request: SubprocessRequest) => Answer | undefined

/** A host below a root with the groups `adm` and `video`, and a live layer on it. */
export const hostWith = (backend: typeof Live.layerUseradd, answer?: Answering) =>
  Effect.gen(function*() {
    const root = yield* temporaryRoot
    yield* writeFiles(root, { "etc/group": "adm:x:4:\nvideo:x:44:\n", "etc/passwd": passwd })
    const host = userland(root, answer)
    return { root, host, layer: backend.pipe(Layer.provide([host.layer, pathsBelow(root)])) }
  })

/** See {@link hostWith}. */
export type Host = Effect.Success<ReturnType<typeof hostWith>>

/** Runs a test with the live layer for useradd on a host of its own. */
export const withLive = <A, E>(
  test: (users: UserProvisioner["Service"], at: Host) => Effect.Effect<A, E>,
  answer?: Answering
) =>
  Effect.flatMap(
    hostWith(Live.layerUseradd, answer),
    (at) => UserProvisioner.use((users) => test(users, at)).pipe(Effect.provide(at.layer))
  )
