/** `node:path` by Effect's own POSIX paths, for the boot runtime. */
import * as Effect from "effect/Effect"
import * as Path from "effect/Path"

export const { basename, dirname, extname, join, relative, resolve } = Effect.runSync(
  Effect.provide(Path.Path, Path.layer)
)
