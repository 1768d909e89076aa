#!/usr/bin/env node
/**
 * azure-fabric: an Azure of one's own, see `azure-fabric --help`. With a path and nothing else,
 *
 *     node fabric/main.ts /path/of/TRANSCRIPT
 *
 * it is a platform that a program scripts, IMDS and WireServer on their real addresses in a network namespace, and
 * loads no more than that takes. Every line of standard input is a playbook (JSON, see playbook.ts) that is in force
 * from then on, and answered by `ready` or `refused:` and what is wrong with it. Every request becomes a line of the
 * file TRANSCRIPT (JSON, see transcript.ts) before its answer goes out. The end of standard input ends the program.
 */
import { control } from "./control.ts"

const failed = (problem: unknown): number => {
  process.stderr.write(`azure-fabric: ${problem instanceof Error ? problem.message : String(problem)}\n`)
  return 1
}

const fromCommandLine = async (argv: ReadonlyArray<string>): Promise<number> => {
  const [{ parse }, { perform }, Result] = await Promise.all([
    import("./commandLine.ts"),
    import("./commands.ts"),
    import("effect/Result")
  ])
  const asked = await parse(argv)
  return Result.isFailure(asked) ? 2 : perform(asked.success)
}

const [first, ...others] = process.argv.slice(2)
process.exit(
  await (first?.startsWith("/") && others.length === 0 ? control(first) : fromCommandLine(process.argv.slice(2)))
    .catch(failed)
)
