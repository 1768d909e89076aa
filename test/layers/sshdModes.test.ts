import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync, realpathSync } from "node:fs"
import { Sshd } from "../../src/layers/live/sshd.ts"
import * as TestSubprocess from "../../src/layers/test/Subprocess.ts"
import { pathsBelow, temporaryRoot, writeFiles } from "../support/host.ts"
import { diskError, watchFiles } from "../support/watchedFiles.ts"

const usage = { exitCode: 1, stderr: "unknown option -- G\nOpenSSH_9.2p1\nusage: sshd [-46DdeiqTtV]" }

/**
 * Asks an sshd before 9.3 that wants its run-time directory, then a host key; a call that starts with `failing` fails.
 */
const asking = (failing?: (root: string) => string) =>
  Effect.scoped(Effect.gen(function*() {
    const root = realpathSync(yield* temporaryRoot)
    yield* writeFiles(root, { "etc/ssh/sshd_config": "" })
    const calls = yield* watchFiles({
      before: (call) => {
        if (failing !== undefined && call.startsWith(failing(root))) throw diskError()
      }
    })
    const { layer } = TestSubprocess.make(({ args, command }) => {
      if (command !== "sshd") return {}
      if (args[0] === "-G") return usage
      if (!existsSync(`${root}/run/sshd`)) {
        return { exitCode: 255, stderr: "Missing privilege separation directory: /run/sshd" }
      }
      return args.includes("-h")
        ? { stdout: "usepam yes\n" }
        : { exitCode: 1, stderr: "sshd: no hostkeys available -- exiting." }
    })
    const answer = yield* Effect.flatMap(Sshd, (sshd) => sshd.configuration()).pipe(
      Effect.provide(Sshd.layer.pipe(Layer.provide([layer, pathsBelow(root)])))
    )
    return {
      answer,
      calls: calls.filter((call) => /^(mkdir|chmod) /.test(call)).map((call) =>
        call.replaceAll(root, "").replace(/sshd-\w{6}/, "sshd-X")
      )
    }
  }))

describe("sshd: what it is given to be asked", () => {
  it.effect("is a run-time directory that is root's and 0755, and a private directory for the key, whatever the umask", () =>
    Effect.gen(function*() {
      const { answer, calls } = yield* asking()
      assert.strictEqual(answer._tag, "InForce")
      assert.deepStrictEqual([...new Set(calls)], [
        "mkdir /run/sshd 755",
        "mkdir /run 755",
        "chmod /run/sshd 755",
        "mkdir /run/azure-init 777",
        "mkdir /run/azure-init/sshd-X 700"
      ])
    }))

  for (
    const [what, call, path] of [
      ["run-time directory", (root: string) => `chmod ${root}/run/sshd`, "/run/sshd"],
      ["directory for the key", (root: string) => `mkdir ${root}/run/azure-init/sshd-`, "/run/azure-init/sshd-"]
    ] as const
  ) {
    it.effect(`is not asked when its ${what} cannot be had, and that is said`, () =>
      Effect.gen(function*() {
        const { answer } = yield* asking(call)
        assert.strictEqual(answer._tag, "Unanswered")
        const why = answer._tag === "Unanswered" ? answer.why : ""
        assert.match(why, new RegExp(`cannot create .*${path}\\w*: EIO: i/o error`))
      }))
  }
})
