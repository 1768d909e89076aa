import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { LinuxError } from "../../src/errors/LinuxError.ts"
import * as FakeSubprocess from "../../src/layers/test/Subprocess.ts"
import { Linux } from "../../src/services/Linux.ts"
import { pathsBelow } from "./host.ts"

/** A disc: writes its files to a directory. */
export type Disc = (directory: string) => void

/** What a call comes to, which is written as in {@link drives}; `work` is what it usually does. */
export type Change = (call: string, work: Effect.Effect<void, LinuxError>) => Effect.Effect<void, LinuxError>

/** A call that fails with this errno. */
export const failing = (code: string): Effect.Effect<never, LinuxError> =>
  Effect.fail(new LinuxError({ operation: "call", path: "", code, detail: code.toLowerCase() }))

/** The answer of mount(8) to one call; that it is not installed when absent. */
export type Program = (type: string) => FakeSubprocess.Answer

/**
 * A host whose drives have these discs, by their devices: mounting one fills the directory, unmounting empties it.
 * `lines` are the calls, the root left out: `mount udf /dev/sr0 DIRECTORY`, `unmount DIRECTORY`,
 * `unmount lazily DIRECTORY`, `eject /dev/sr0`, and the commands that were run.
 */
export const drives = (
  root: string,
  discs: Readonly<Record<string, Disc>>,
  change: Change = (_, work) => work,
  program: Program = () => "not found"
) => {
  const calls: Array<string> = []
  const modes: Array<number> = []
  const fill = (device: string, directory: string): boolean => {
    const insert = discs[device.slice(root.length)]
    if (insert === undefined) return false
    modes.push(statSync(directory).mode & 0o7777)
    insert(directory)
    return true
  }
  const made = (call: string, work: Effect.Effect<void, LinuxError>) =>
    Effect.suspend(() => {
      const line = call.replaceAll(root, "")
      calls.push(line)
      return change(line, work)
    })
  const subprocess = FakeSubprocess.make(({ args, command }) => {
    calls.push([command, ...args].join(" ").replaceAll(root, ""))
    if (command !== "mount") return "not found"
    const answer = program(args[1] ?? "")
    if (answer !== "not found" && (answer.exitCode ?? 0) === 0) fill(args.at(-2) ?? "", args.at(-1) ?? "")
    return answer
  })
  const linux = Layer.effect(
    Linux,
    Linux.useSync((of) =>
      Linux.of({
        ...of,
        mount: ({ device, directory, type }) =>
          made(
            `mount ${type} ${device} ${directory}`,
            Effect.suspend(() => fill(device, directory) ? Effect.void : failing("ENOMEDIUM"))
          ),
        unmount: (directory, options) =>
          made(
            `unmount ${options?.lazy === true ? "lazily " : ""}${directory}`,
            Effect.sync(() => {
              for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
            })
          ),
        eject: (device) => made(`eject ${device}`, Effect.void)
      })
    )
  ).pipe(Layer.provideMerge(pathsBelow(root)))
  return { layer: Layer.merge(linux, subprocess.layer), lines: (): ReadonlyArray<string> => calls, modes }
}
