import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))

/** Runs the agent's command line, which talks to nobody, in a shell that says where its output goes. */
const run = (command: string, ...argv: ReadonlyArray<string>) => {
  const ran = spawnSync("sh", ["-c", command, process.execPath, main, ...argv], { encoding: "utf8", timeout: 30_000 })
  return { status: ran.status, stdout: ran.stdout, stderr: ran.stderr }
}

describe("console of the command line", () => {
  it("prints to a pipe, a file and a terminal's like", () => {
    const piped = run("\"$0\" \"$@\"", "--version")
    assert.deepStrictEqual(piped, { status: 0, stdout: "azure-init 0.1.1\n", stderr: "" })
    const file = "f=$(mktemp); echo before >$f; \"$0\" \"$@\" >>$f; echo after >>$f; cat $f; rm $f"
    assert.strictEqual(run(file, "--version").stdout, "before\nazure-init 0.1.1\nafter\n")
    assert.match(run("\"$0\" \"$@\" | cat", "--help").stdout, /USAGE/)
    const wrong = run("\"$0\" \"$@\"", "--nonsense")
    assert.strictEqual(wrong.status, 2)
    assert.match(wrong.stderr, /nonsense/)
  }, 60_000)

  it.each(["--help", "--version"])("does not wait for ever when %s goes to a pipe that is full", (argument) => {
    const full = "d=$(mktemp -d); mkfifo $d/full; exec 3<>$d/full; rm -r $d; "
      + "dd if=/dev/zero of=/proc/self/fd/3 bs=4096 oflag=nonblock 2>/dev/null; exec \"$0\" \"$@\" >&3"
    assert.strictEqual(run(full, argument).status, 0)
  }, 60_000)
})
