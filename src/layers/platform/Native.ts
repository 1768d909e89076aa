import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { Linux } from "../../services/Linux.ts"
import { NetworkChange } from "../../services/NetworkChange.ts"
import * as Spawner from "./native/ChildProcessSpawner.ts"
import { stdio, terminal } from "./native/console.ts"
import * as NativeFileSystem from "./native/FileSystem.ts"
import * as Http from "./native/HttpClient.ts"
import * as NativeLinux from "./native/Linux.ts"
import { networkChange } from "./native/networkChange.ts"
import { runMain as runMainOn } from "./native/runMain.ts"

/**
 * The platform of the executable: the boot runtime's natives (`runtime/natives.d.ts`). The same names as in Node.ts.
 */

/** The kernel's calls that Effect's own services lack, and the names of files. */
export const linux: Layer.Layer<Linux | Path.Path> = Layer.merge(
  Layer.sync(Linux, () => NativeLinux.make(natives)),
  Layer.effect(
    Path.Path,
    // It would ask a global `process` for the working directory.
    Path.Path.useSync((path) => ({ ...path, resolve: (...parts) => path.resolve(String(natives.cwd()), ...parts) }))
  ).pipe(Layer.provide(Path.layer))
)

/** Files and directories. */
export const fileSystem: Layer.Layer<FileSystem.FileSystem> = Layer.effect(
  FileSystem.FileSystem,
  Linux.useSync((linux) => NativeFileSystem.make(natives, linux))
).pipe(Layer.provide(linux))

/** External commands, and the files that they need. */
export const processes: Layer.Layer<ChildProcessSpawner | FileSystem.FileSystem | Path.Path | Linux> = Layer.mergeAll(
  Layer.sync(ChildProcessSpawner, () => Spawner.make(natives)),
  fileSystem,
  linux
)

/**
 * HTTP: no proxy, no redirects, a connection of its own for each request, which is made within `connectTimeout`; and
 * news of the network.
 */
export const httpClient = (connectTimeout: Duration.Duration): Layer.Layer<HttpClient> =>
  Layer.suspend(() =>
    Layer.merge(Http.layer(natives, connectTimeout), Layer.succeed(NetworkChange, networkChange(natives)))
  )

/** What `effect/cli` needs to read its arguments and print help. */
export const console = Layer.mergeAll(
  processes,
  Layer.sync(Stdio.Stdio, () => stdio(natives)),
  Layer.sync(Terminal.Terminal, () => terminal(natives))
)

/** Runs the agent as the process: signals interrupt it, finalizers run, the exit status is that of its error. */
export const runMain = <A, E>(agent: Effect.Effect<A, E>): void => runMainOn(natives, agent)
