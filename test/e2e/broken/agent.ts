/**
 * An agent with one of its layers swapped for a bad one, named by the only argument:
 * `node agent.ts marker-before-ready`. `intact` has them all.
 *
 * For the tests of the fault matrix, which has to notice each.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { mkdirSync, writeFileSync } from "node:fs"
import * as Main from "../../../src/layers/Main.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import { provision } from "../../../src/programs/provision.ts"
import { PasswordProvisioner } from "../../../src/services/PasswordProvisioner.ts"
import { ProvisioningState } from "../../../src/services/ProvisioningState.ts"
import { SshProvisioner } from "../../../src/services/SshProvisioner.ts"
import { Subprocess } from "../../../src/services/Subprocess.ts"
import { WireServer } from "../../../src/services/WireServer.ts"

/** A layer that takes the place of a live one, and may use what it replaces. */
type Swap = Layer.Layer<
  never,
  never,
  PasswordProvisioner | ProvisioningState | SshProvisioner | Subprocess | WireServer
>

const layers = {
  "intact": Layer.empty,

  /** Says that this VM is done before Azure has heard of it: a later boot would never report. */
  "marker-before-ready": Layer.effect(
    ProvisioningState,
    ProvisioningState.use((live) =>
      Effect.succeed(ProvisioningState.of({
        ...live,
        markConfigured: (id) => Effect.andThen(live.markConfigured(id), live.markReported(id))
      }))
    )
  ),

  /** Opens the keys' file by its name and nothing else, which leads wherever a link of the user's does. */
  "key-through-link": Layer.effect(
    SshProvisioner,
    SshProvisioner.use((live) =>
      Effect.succeed(SshProvisioner.of({
        ...live,
        installKeys: ({ home }, keys) =>
          Effect.sync(() => {
            mkdirSync(`${home}/.ssh`, { recursive: true })
            const file = `${home}/.ssh/authorized_keys`
            writeFileSync(file, keys.map(({ blob, comment, type }) => `${type} ${blob} ${comment}\n`).join(""))
            return file
          })
      }))
    )
  ),

  "password-in-log": Layer.effect(
    PasswordProvisioner,
    PasswordProvisioner.use((live) =>
      Effect.succeed(PasswordProvisioner.of({
        ...live,
        set: (name, password) =>
          Effect.andThen(
            Effect.logInfo("Setting the password", { password: Redacted.value(password) }),
            live.set(name, password)
          )
      }))
    )
  ),

  /** Anybody who looks at the list of processes sees it. */
  "password-as-argument": Layer.effect(
    PasswordProvisioner,
    Effect.gen(function*() {
      const live = yield* PasswordProvisioner
      const subprocess = yield* Subprocess
      return PasswordProvisioner.of({
        ...live,
        set: (name, password) =>
          Effect.andThen(
            Effect.ignore(subprocess.run({ command: "getent", args: ["passwd", Redacted.value(password)] })),
            live.set(name, password)
          )
      })
    })
  ),

  "ready-whatever-happened": Layer.effect(
    WireServer,
    WireServer.use((live) => Effect.succeed(WireServer.of({ ...live, failed: () => live.ready })))
  )
}

/** The agents that there are. */
export type BrokenAgent = keyof typeof layers

const name = process.argv[2] ?? ""
const chosen: Swap | undefined = Object.entries(layers).find(([known]) => known === name)?.[1]
if (chosen === undefined) throw new Error(`Which agent? ${Object.keys(layers).join(", ")}`)

provision([]).pipe(
  Effect.provide(
    chosen.pipe(Layer.provideMerge(Main.layer(Option.none())), Layer.provideMerge(Platform.console))
  ),
  Platform.runMain
)
