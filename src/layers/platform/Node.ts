import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import { Linux } from "../../services/Linux.ts"
import { withConnectTimeout } from "./node/connectTimeout.ts"
import * as NodeLinux from "./node/Linux.ts"

/**
 * The platform of unit tests and of the bundle for Node: everything that the agent takes from `@effect/platform-node`,
 * which is unstable in Effect 4, and from `node:*`. This is the only file that names it.
 */

/** The kernel's calls that Effect's own services lack, and the names of files. */
export const linux: Layer.Layer<Linux | Path.Path> = Layer.merge(Layer.succeed(Linux, NodeLinux.linux), NodePath.layer)

/** Files and directories. */
export const fileSystem = NodeFileSystem.layer

/** External commands, and the files that they need. */
export const processes = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.merge(NodeFileSystem.layer, linux))
)

/**
 * HTTP by `node:http`: no proxy, no redirects, a connection of its own for each request, which is made within
 * `connectTimeout`.
 */
export const httpClient = (connectTimeout: Duration.Duration): Layer.Layer<HttpClient> =>
  NodeHttpClient.layerNodeHttpNoAgent.pipe(
    Layer.provide(Layer.effect(
      NodeHttpClient.HttpAgent,
      Effect.map(NodeHttpClient.makeAgent(), ({ http, https }) => ({
        http: withConnectTimeout(http, connectTimeout),
        https: withConnectTimeout(https, connectTimeout)
      }))
    ))
  )

/** What `effect/cli` needs to read its arguments and print help. */
export const console = Layer.mergeAll(processes, NodeStdio.layer, NodeTerminal.layer)

/** As systemd has it for services: the caller's must not show in the modes of what it and its helpers make. */
const umask = 0o022

/** Runs the agent as the process: signals interrupt it, finalizers run, the exit status is that of its error. */
export const runMain = <A, E>(agent: Effect.Effect<A, E>): void =>
  NodeRuntime.runMain(Effect.andThen(Effect.sync(() => process.umask(umask)), agent))
