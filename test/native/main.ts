/**
 * `npm run test:native [-- FILE... [-t NAME]]`: unit tests on the boot runtime. Each file is bundled with
 * `Platform.ts`, `vitest` and some of `node:*` replaced, and run by `runtime`'s `evaluate`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, relative } from "node:path"
import { parseArgs } from "node:util"
import { bundle, evaluator, root } from "./bundle.ts"

/** Tests that need what only Node has here, or whose subject is Node. */
const onNodeOnly: Readonly<Record<string, string>> = {
  "test/domain/LogFilter.test.ts": "walks the source files",
  "test/domain/sshKeygen.test.ts": "runs ssh-keygen synchronously",
  "test/layers/Imds.test.ts": "has a server in its own process",
  "test/layers/ImdsDeadline.test.ts": "is answered with the Web's Response, by HttpScript",
  "test/layers/networkChange.test.ts": "is answered with the Web's Response, by HttpScript",
  "test/layers/Kvp.test.ts": "has another process hold a lock, by Node's spawn",
  "test/layers/ProvisioningMedia.test.ts": "replaces functions of node:fs",
  "test/layers/SettingsSource.test.ts": "runs mkfifo synchronously",
  "test/layers/Telemetry.test.ts": "runs processes of its own on Node",
  "test/layers/WireServer.test.ts": "has a server in its own process",
  "test/layers/files.test.ts": "runs mkfifo synchronously",
  "test/layers/lock.test.ts": "runs flock synchronously; platform/Linux.test.ts does the same for both",
  "test/layers/lockHelper.test.ts": "is about the helper that Node needs",
  "test/layers/homeFile.test.ts": "runs mkfifo synchronously",
  "test/layers/trees.test.ts": "runs mkfifo synchronously"
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { testNamePattern: { type: "string", short: "t", default: "" }, evaluate: { type: "string" } }
})

const evaluate = values.evaluate ?? evaluator()

const rooms = ["domain", "services", "programs", "layers", "layers/platform", "layers/platform/globals"]
const all = rooms.flatMap((room) =>
  existsSync(join(root, "test", room))
    ? readdirSync(join(root, "test", room)).filter((name) => name.endsWith(".test.ts")).map((name) =>
      `test/${room}/${name}`
    )
    : []
)
const files = positionals.length > 0
  ? positionals.map((file) => relative(root, join(process.cwd(), file)))
  : all.filter((file) => !(file in onNodeOnly))

/** Runs the tests of a file, and says how they have ended. */
const entryOf = (file: string): string => `
import { run } from ${JSON.stringify(join(import.meta.dirname, "vitest.ts"))}
import ${JSON.stringify(join(root, file))}
const outcome = await run(new RegExp(${JSON.stringify(values.testNamePattern)}))
console.log("outcome " + JSON.stringify(outcome))
natives.exit(outcome.failed > 0 ? 1 : 0)`

const directory = mkdtempSync(join(tmpdir(), "azure-init-native-"))
const sum = { passed: 0, failed: 0, skipped: 0 }
try {
  for (const file of files) {
    const outfile = join(directory, `${basename(file)}.js`)
    const problem = await bundle(entryOf(file), outfile).then(() => undefined, (error: unknown) => String(error))
    if (problem !== undefined) {
      sum.failed++
      process.stdout.write(`BROKEN ${file}: ${problem.split("\n").slice(0, 8).join(" ")}\n`)
      continue
    }
    const started = performance.now()
    const { status, stderr, stdout } = spawnSync(evaluate, [outfile], {
      encoding: "utf8",
      timeout: 600_000,
      maxBuffer: 1 << 28
    })
    const outcome = /^outcome (.*)$/m.exec(stdout)?.[1]
    const counts: Partial<typeof sum> = outcome === undefined ? {} : JSON.parse(outcome)
    const { failed = 1, passed = 0, skipped = 0 } = counts
    sum.passed += passed
    sum.failed += failed
    sum.skipped += skipped
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    process.stdout.write(
      `${failed === 0 ? "ok    " : "FAILED"} ${file}: ${passed} passed, ${failed} failed, ${seconds} s\n`
    )
    if (failed > 0) {
      process.stdout.write(
        `${outcome === undefined ? stdout.slice(-2000) : stdout.match(/^(?:not ok|#).*$/gm)?.join("\n") ?? ""}\n${
          stderr.slice(0, 3000)
        } status ${status}\n`
      )
    }
  }
} finally {
  rmSync(directory, { recursive: true })
}
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`)
process.exitCode = sum.failed > 0 ? 1 : 0
