import { spawn } from "node:child_process"

/** A program that answers every line that it is told with one of its own. */
export interface Companion {
  /** Its next line; rejects with what it complained of when it has ended. */
  readonly line: () => Promise<string>
  readonly say: (line: string) => void
  /** Ends its standard input, which ends it. */
  readonly stop: () => Promise<void>
}

/**
 * A program that answers lines and ends when its standard input does: in a session of its own, so that it can do so
 * after a Ctrl-C.
 */
export const companion = (command: string, args: ReadonlyArray<string>): Companion => {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], detached: true })
  const waiting: Array<{ readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }> = []
  const ready: Array<string> = []
  let rest = ""
  let complaint = ""
  let over = false
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const first = waiting.shift()
      if (first === undefined) ready.push(line)
      else first.resolve(line)
    }
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => complaint += text)
  child.stdin.on("error", () => {})
  const ended = new Promise<void>((resolve) => {
    const end = (why: string) => {
      over = true
      for (const { reject } of waiting.splice(0)) reject(new Error(`${command} ended: ${complaint.trim() || why}`))
      resolve()
    }
    child.on("close", (code, signal) => end(`status ${code ?? signal}`)).on("error", (error) => end(error.message))
  })
  return {
    line: () =>
      new Promise<string>((resolve, reject) => {
        const first = ready.shift()
        if (first !== undefined) resolve(first)
        else if (over) reject(new Error(`${command} ended: ${complaint.trim()}`))
        else waiting.push({ resolve, reject })
      }),
    say: (line) => void child.stdin.write(`${line}\n`),
    stop: () => {
      child.stdin.end()
      return ended
    }
  }
}
