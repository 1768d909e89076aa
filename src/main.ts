#!/usr/bin/env node
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Main from "./layers/Main.ts"
import * as Platform from "./layers/Platform.ts"
import { clean } from "./programs/clean.ts"
import { parse } from "./programs/commandLine.ts"
import { provision } from "./programs/provision.ts"

const agent = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const invocation = yield* parse(yield* stdio.args)
  switch (invocation._tag) {
    case "Provision":
      return yield* provision(invocation.groups).pipe(Effect.provide(Main.layer(invocation.config)))
    case "Clean":
      return yield* clean(invocation).pipe(Effect.provide(Main.layer(invocation.config)))
    case "Nothing":
      return
  }
})

agent.pipe(Effect.provide(Platform.console), Platform.runMain)
