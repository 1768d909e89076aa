#!/usr/bin/env node
import { error as print } from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Main from "./layers/Main.ts"
import * as Platform from "./layers/Platform.ts"
import * as Console from "./layers/telemetry/console.ts"
import { clean } from "./programs/clean.ts"
import { boot } from "./programs/invocation.ts"
import { provision } from "./programs/provision.ts"
import { requireRoot } from "./programs/requireRoot.ts"

const agent = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const argv = yield* stdio.args
  const invocation = argv.length === 0
    ? yield* boot
    : yield* Effect.flatMap(Effect.promise(() => import("./programs/commandLine.ts")), ({ parse }) => parse(argv)).pipe(
      Effect.provide(Console.layer)
    )
  if (invocation._tag === "Nothing") return
  yield* Effect.tapError(requireRoot, ({ message }) => Effect.provide(print(message), Console.layer))
  switch (invocation._tag) {
    case "Provision":
      return yield* provision(invocation.groups, invocation.wrongGroups).pipe(
        Effect.provide(Main.layer(invocation.config))
      )
    case "Clean":
      return yield* clean(invocation).pipe(Effect.provide(Main.layer(invocation.config)))
  }
})

agent.pipe(Effect.provide(Platform.console), Platform.runMain)
