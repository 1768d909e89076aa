/** What every machine can be asked, made of the little in which its kinds differ. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import type { Readable } from "node:stream"
import type { Platform } from "./platformProcess.ts"
import type { Playbook } from "./playbook.ts"
import type { TranscriptEntry } from "./transcript.ts"

/** Where a machine's commands are. */
export const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** How a command on the host ended. */
export interface Outcome {
  /** The exit status; 128 and the signal's number for one that was killed, as a shell has it. */
  readonly status: number
  /** From its start to its end, with the 5 ms or so that entering the machine takes. */
  readonly milliseconds: number
  readonly stdout: string
  readonly stderr: string
}

/** How {@link Host.run} runs a command. */
export interface RunOptions {
  /** In addition to `PATH`, `HOME` and `LANG=C`. */
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
}

/** A machine, its platform and the commands on it. */
export interface Host {
  /** Runs a command as root in `/`, to its end. */
  readonly run: (command: ReadonlyArray<string>, options?: RunOptions) => Promise<Outcome>
  /** Runs a script of sh; rejects when its status is not 0. Gives back standard output. */
  readonly shell: (script: string, input?: string) => Promise<string>
  /** Writes a file, its directory too, owner root. */
  readonly write: (path: string, content: string, mode?: string) => Promise<void>
  /** The file's bytes; rejects when there is none. */
  readonly read: (path: string) => Promise<Uint8Array>
  /** The platform does this from now on, from the beginning. */
  readonly play: (playbook: Playbook) => Promise<void>
  /** What the platform has been asked since the start or the last {@link Host.forget}, oldest first. */
  readonly transcript: () => ReadonlyArray<TranscriptEntry>
  /** Begins a new transcript. */
  readonly forget: () => void
  /**
   * All processes end at once, `/run` and `/tmp` are empty; with another VM id, it is a clone of this machine that
   * boots.
   */
  readonly reboot: (vmId?: string) => Promise<void>
  /** Ends everything on the machine, and leaves nothing of it. */
  readonly stop: () => Promise<void>
}

/** How a command ended, with its output as it came. */
export interface Ended {
  /** The exit status; 128 and the signal's number for one that was killed, as a shell has it. */
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** What a kind of machine brings along; {@link hostOf} makes a {@link Host} of it. */
export interface Machine {
  readonly execute: (command: ReadonlyArray<string>, options: RunOptions) => Promise<Ended>
  readonly platform: Platform
  readonly reboot: Host["reboot"]
  /** Ends the machine, when the platform has ended. */
  readonly stop: () => Promise<void>
}

const collect = (stream: Readable): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Array<Buffer> = []
    stream.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts)))
      .on("error", reject)
  })

/** The status that a shell gives to a command that ended like this. */
export const statusOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal])

/** Gives a child its standard input, and waits for its end; rejects when it could not be started. */
export const endOf = async (child: ChildProcessWithoutNullStreams, input = ""): Promise<Ended> => {
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => resolve(statusOf(code, signal)))
  })
  const [stdout, stderr, status] = await Promise.all([collect(child.stdout), collect(child.stderr), ended])
  return { status, stdout, stderr }
}

/** A way into a machine. */
export interface Entrance {
  /** A process of the machine, as this one counts. */
  readonly pid: string
  /** Which of its namespaces are entered, as nsenter(1) names them. */
  readonly namespaces: ReadonlyArray<string>
  /** What is written in the machine's `/.throw-away-machine`. */
  readonly mark: string
}

/** A mark that no other machine has. */
export const newMark = (): string => randomUUID()

/** As `env`, `timeout` and others end when they themselves have failed. */
const refused = 125

const refusal = "refusing to run a command: this is not the throw-away machine that was made for it"

/** Runs its arguments where the file has the mark, which is given as `$0`, and nowhere else. */
const proving = `mark=
{ read -r mark </.throw-away-machine; } 2>/dev/null
if [ "$mark" != "$0" ]; then
  echo "${refusal}" >&2
  exit ${refused}
fi
unset mark
exec "$@"`

/** The environment of a machine's commands. */
const environmentOf = (more: RunOptions["environment"]) => ({ PATH: path, HOME: "/root", LANG: "C", ...more })

/**
 * The arguments of nsenter(1) for a command on a machine. Without --root and --wd it gets the root of the mount
 * namespace, which is not the machine's where that was made in a chroot.
 */
const entering = ({ mark, namespaces, pid }: Entrance, command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "--target",
  pid,
  ...namespaces,
  "--root",
  "--wd",
  "--",
  "sh",
  "-c",
  proving,
  mark,
  ...command
]

/**
 * Runs a command on a machine, with the environment of a machine's commands. The command begins only where the
 * machine's mark is; rejects where it is not, and nothing has been written then.
 */
export const runIn = async (
  entrance: Entrance,
  command: ReadonlyArray<string>,
  { environment, input }: RunOptions
): Promise<Ended> => {
  const child = spawn("nsenter", entering(entrance, command), { env: environmentOf(environment) })
  const ended = await endOf(child, input)
  if (ended.status === refused && ended.stderr.toString("utf8").trim() === refusal) {
    throw new Error(`${refusal} (process ${entrance.pid}, ${command[0]})`)
  }
  return ended
}

const childrenOf = (pid: number | undefined): ReadonlyArray<number> => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((each) => each !== "").map(
      Number
    )
  } catch {
    return []
  }
}

/**
 * As {@link runIn}, with this process's own standard input, output and error; gives back the exit status. SIGTERM and
 * SIGHUP are passed on. Where the mark is not, standard error says so and the status is 125.
 */
export const runAttached = (entrance: Entrance, command: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn("nsenter", entering(entrance, command), { stdio: "inherit", env: environmentOf({}) })
    // A terminal sends SIGINT to the command as well, which decides by itself what it does about it.
    process.on("SIGINT", () => {})
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      // nsenter(1) waits for a child in the other pid namespace, and passes nothing on.
      process.on(signal, () => childrenOf(child.pid).forEach((each) => process.kill(each, signal)))
    }
    child.on("error", reject).on("exit", (code, signal) => resolve(statusOf(code, signal)))
  })

/** Runs a command of this machine, with its files, on the network of a process. */
export const runOnNetworkOf = (pid: string, command: ReadonlyArray<string>): Promise<Ended> =>
  endOf(spawn("nsenter", ["--target", pid, "--net", "--", ...command], { env: environmentOf({}) }))

/** A {@link Host} of a kind of machine. */
export const hostOf = ({ execute, platform, reboot, stop }: Machine): Host => {
  const checked = async (command: ReadonlyArray<string>, input?: string): Promise<Buffer> => {
    const { status, stderr, stdout } = await execute(command, input === undefined ? {} : { input })
    if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}: ${stderr.toString("utf8")}`)
    return stdout
  }
  return {
    run: async (command, options = {}) => {
      const began = performance.now()
      const { status, stderr, stdout } = await execute(command, options)
      return {
        status,
        milliseconds: performance.now() - began,
        stdout: stdout.toString("utf8"),
        stderr: stderr.toString("utf8")
      }
    },
    shell: async (script, input) => (await checked(["sh", "-c", script], input)).toString("utf8"),
    write: async (file, content, mode = "0644") => {
      const script = "mkdir -p \"$(dirname \"$1\")\" && cat >\"$1\" && chmod \"$2\" \"$1\""
      await checked(["sh", "-c", script, "write", file, mode], content)
    },
    read: (file) => checked(["cat", "--", file]),
    play: platform.play,
    transcript: platform.transcript,
    forget: platform.forget,
    reboot,
    stop: async () => {
      await platform.stop()
      await stop()
    }
  }
}
