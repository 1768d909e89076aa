/** A row of the fault matrix, and the trial of an agent by it. */
import type { Outcome } from "../../../fabric/host.ts"
import { readPool } from "../../../fabric/kvp.ts"
import type { Playbook } from "../../../fabric/playbook.ts"
import type { TranscriptEntry } from "../../../fabric/transcript.ts"
import { type Host, owner, playbook, settingsFile, stateOf, username, vmId } from "../hosts/overlay.ts"
import { secrets, settings, startVm, undisturbed, type Vm, whole } from "./vms.ts"

/**
 * How a disturbed boot has to end:
 *
 * - `ready`: status 0, Azure has accepted Ready and nothing else, and the VM is what an undisturbed one is
 * - `failed`: another status, Azure has accepted the failure and nothing else
 * - `unheard`: another status, Azure has accepted nothing
 * - `silent`: another status, and no request of the agent's has reached WireServer
 * - `honest`: either `ready` or `failed`, where it cannot be foreseen which
 * - `cut`: the agent was ended from outside, wherever it was
 */
export type Ending = "ready" | "failed" | "unheard" | "silent" | "honest" | "cut"

/** A boot of the agent, disturbed or not. */
export type Boot = (host: Host, agent: ReadonlyArray<string>) => Promise<Outcome>

/** Something that goes wrong at a first boot, and what must hold afterwards. */
export interface Fault {
  readonly group: string
  readonly name: string
  /** {@link whole} without it. */
  readonly vm?: Vm
  /** What the platform does other than Azure would. */
  readonly answers?: Partial<Playbook>
  readonly settings?: string
  /** The size of the machine's disk. */
  readonly disk?: string
  /** Disturbs the machine, before the boot. */
  readonly arrange?: (host: Host) => Promise<unknown>
  /** The boot; the agent and nothing else without it. */
  readonly boot?: Boot
  readonly ends: Ending
  /** What the report has to say. */
  readonly reason?: RegExp
  /** Whether the owner's key has to be in place after the disturbed boot; it has to wherever it has arrived. */
  readonly keys?: boolean
  /** Whether the disturbance itself keeps a disc mounted that the agent has mounted. */
  readonly mounted?: boolean
  /** `false` when there is no pool that could be written. */
  readonly kvp?: boolean
  /** What else is wrong with the machine after the disturbed boot; nothing when it is as it should be. */
  readonly examine?: (host: Host) => Promise<ReadonlyArray<string>>
  /** Ends the disturbance; the platform is itself again in any case. */
  readonly repair?: (host: Host) => Promise<unknown>
  /** Milliseconds that the disturbed boot may take; {@link usualLimit} without it. */
  readonly within?: number
}

/** Milliseconds that a disturbed boot may take where its row says nothing else. */
export const usualLimit = 10_000

/** What came of a trial. */
export interface Verdict {
  /** How the disturbed boot ended, for people. */
  readonly ended: string
  /** What should hold and does not; empty is good. */
  readonly problems: ReadonlyArray<string>
}

/** Every helper that the agent may call, recorded with its arguments and environment. */
const recording = `set -e
mkdir -p /usr/local/sbin
cat >/usr/local/sbin/recorded <<'END'
#!/bin/sh
{ echo "$0 $*"; export -p; } >>/run/helpers.log
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec "\${0##*/}" "$@"
END
chmod 755 /usr/local/sbin/recorded
for helper in chpasswd eject flock getent groupadd hostnamectl id mount passwd pwconv sshd systemctl umount useradd usermod visudo; do
  for directory in /usr/sbin /usr/bin; do
    if [ -x $directory/$helper ] && [ ! -e /usr/local/sbin/$helper ]; then ln -s recorded /usr/local/sbin/$helper; fi
  done
done`

const unrecording = "cd /usr/local/sbin && find . -lname recorded -delete && rm -f recorded"

/** What is mounted, and which processes run, one to a line. */
const surroundings = "cut -d' ' -f1-4 /proc/self/mounts"
const processes =
  "for each in /proc/[0-9]*; do case ${each#/proc/} in $$) ;; *) tr '\\0' ' ' <$each/cmdline 2>/dev/null && echo \" (${each#/proc/})\" ;; esac; done"

const lines = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line.trim() !== "")

/**
 * Files with one of these texts, of all that was written to the disk, and of what memory alone holds; the disc itself
 * is no copy of it.
 */
const filesWithAny = async (host: Host, texts: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  lines(
    await host.shell(
      // Without the repository, a mount of its own, which may lie below one of these places and has the secrets in its
      // tests.
      "cat >/run/.texts; find /.written /run /tmp /dev/shm -xdev ! -path '/run/disc/*' ! -path /run/.texts -type f "
        + "-exec grep -laF -f /run/.texts {} +; rm /run/.texts",
      texts.map((text) => `${text}\n`).join("")
    )
  ).map((file) => file.replace("/.written", ""))

const accepted = (entry: TranscriptEntry): boolean =>
  entry.endpoint === "health" && typeof entry.answered === "number" && entry.answered >= 200 && entry.answered < 300

/** What the platform has been told. */
const reportsOf = (host: Host) => {
  const transcript = host.transcript()
  const told = transcript.filter(accepted).map(({ body }) => body)
  const ready = told.filter((body) => body === "{\"state\":\"Ready\"}").length
  const failures = told.filter((body) => body.includes("\"ProvisioningFailed\""))
  const firstReady = transcript.findIndex((entry) => accepted(entry) && entry.body === "{\"state\":\"Ready\"}")
  return {
    asked: transcript.filter(({ endpoint }) => endpoint === "health").length,
    ready,
    failures,
    // Of the first Ready that was accepted, and of whatever came later.
    fromReady: firstReady === -1
      ? []
      : transcript.slice(firstReady).map(({ endpoint, method, time }) => `${time} ${method} ${endpoint}`),
    text: JSON.stringify(transcript)
  }
}

const leaks = async (host: Host, output: string): Promise<ReadonlyArray<string>> => {
  const problems = (await filesWithAny(host, secrets)).map((file) => `a secret of the disc is in ${file}`)
  const hash = /^[^:]*:(\$[^:]+)/.exec(await host.shell(`grep '^${username}:' /etc/shadow || true`))?.[1]
  if (hash !== undefined) {
    for (const file of await filesWithAny(host, [hash])) {
      if (!/^\/etc\/shadow[-+]?$/.test(file)) problems.push(`the password's hash is in ${file}`)
    }
  }
  const { text } = reportsOf(host)
  if (secrets.some((secret) => text.includes(secret))) problems.push("a secret of the disc was sent to the platform")
  if (secrets.some((secret) => output.includes(secret))) problems.push("the agent prints a secret of the disc")
  return problems
}

/** How the owner's key lies there: kind, mode, owner and content of the file, mode and owner of its directory. */
const keysAt = (host: Host): Promise<string> =>
  host.shell(
    `cd ~${username}/.ssh 2>/dev/null && stat -c '%F %a %U:%G' authorized_keys . && cat authorized_keys || echo 'no keys'`
  )

const keysAsTheyShouldBe =
  `regular file 600 ${username}:${username}\ndirectory 700 ${username}:${username}\n${owner.publicKey}\n`

/**
 * The state, or that it cannot even be described; without the links of users that the agent has set aside, which stay
 * theirs.
 */
const stateNow = (host: Host): Promise<string> =>
  stateOf(host).then(
    (state) => state.replace(/^.*\.ssh\.azure-init-[0-9a-f]{8}\n/gm, ""),
    (error: unknown) => error instanceof Error ? error.message : String(error)
  )

/** The first lines that differ. */
const difference = (found: string, expected: string): string => {
  const [are, should] = [found.split("\n"), expected.split("\n")]
  const at = should.findIndex((line, index) => line !== are[index])
  return `line ${at + 1} is ${JSON.stringify(are[at])} in place of ${JSON.stringify(should[at])}`
}

/** Tries an agent by this fault: on a fresh machine a disturbed boot, and then one that is not disturbed any more. */
export const tryBy = async (fault: Fault, agent: ReadonlyArray<string>): Promise<Verdict> => {
  const vm = fault.vm ?? whole
  const expected = await undisturbed(vm)
  const host = await startVm(vm, fault.answers, fault.disk)
  const problems: Array<string> = []
  try {
    await host.write(settingsFile, fault.settings ?? settings())
    await host.shell(recording)
    await fault.arrange?.(host)
    const mounts = await host.shell(surroundings)
    const before = new Set(lines(await host.shell(processes)))

    const ended = await (fault.boot ?? ((at, command) => at.run(command)))(host, agent)
    const told = reportsOf(host)
    const output = ended.stdout + ended.stderr
    const marks = lines(await host.shell("ls -A /var/lib/azure-init 2>/dev/null || true"))
    const ending = `status ${ended.status}, ${told.ready} Ready and ${told.failures.length} failures of ${told.asked}`

    if (ended.milliseconds > (fault.within ?? usualLimit)) {
      problems.push(`it takes ${Math.round(ended.milliseconds)} ms`)
    }
    const ends = fault.ends === "honest" ? (ended.status === 0 ? "ready" : "failed") : fault.ends
    if (ends === "cut") {
      if (told.ready > 1) problems.push(`Azure accepts Ready ${told.ready} times`)
      if (told.failures.length > 0) problems.push("Azure is told of a failure that is none")
    } else {
      const [ready, failures] = ends === "ready" ? [1, 0] : ends === "failed" ? [0, 1] : [0, 0]
      if ((ended.status === 0) !== (ends === "ready") || told.ready !== ready || told.failures.length !== failures) {
        problems.push(`it should end ${ends}, and ends with ${ending}; ${output}`)
      }
      if (ends === "silent" && told.asked > 0) problems.push(`Azure is asked all the same: ${told.asked} requests`)
      if (ends === "unheard" && told.asked === 0) problems.push("it does not even try to tell Azure")
      const left = lines(await host.shell(processes)).filter((each) => !before.has(each) && !each.startsWith("tr "))
      problems.push(...left.map((each) => `it leaves the process ${each}`))
    }
    if (told.fromReady.length > 1) {
      problems.push(`something is sent after Ready was accepted: ${told.fromReady.join(", ")}`)
    }
    if (marks.includes(`${vmId}.provisioned`) && told.ready === 0) {
      problems.push("the VM is marked as provisioned, and Azure has not accepted Ready")
    }
    if (told.ready > 0) {
      // Ready is a promise that everything is in place; the marker is what an agent that was cut off may still owe.
      const state = (await stateNow(host)).replace(/^.*\.(provisioned|configured)\n/gm, "")
      const whatShould = expected.replace(/^.*\.(provisioned|configured)\n/gm, "")
      if (state !== whatShould) problems.push(`Azure accepts Ready, and ${difference(state, whatShould)}`)
    }
    if (fault.reason !== undefined) {
      const description = told.failures[0]?.replaceAll("\\\"", "\"") ?? ""
      if (ends === "failed" && !fault.reason.test(description)) problems.push(`the report says: ${description}`)
    }
    if (fault.reason !== undefined && fault.kvp !== false) {
      const pool = readPool(await host.read("/var/lib/hyperv/.kvp_pool_1").catch(() => new Uint8Array()))
      if (!fault.reason.test(pool.report ?? "")) problems.push(`KVP says: ${pool.report}`)
      problems.push(...pool.problems)
    }
    if (fault.keys !== false && ends !== "cut") {
      const keys = await keysAt(host)
      if (keys !== keysAsTheyShouldBe) problems.push(`the owner's key arrived, and there is: ${keys}`)
    }
    if (fault.mounted !== true && (await host.shell(surroundings)) !== mounts) {
      problems.push("something is mounted that was not, or the reverse")
    }
    problems.push(...await leaks(host, output))
    problems.push(...await fault.examine?.(host) ?? [])
    if (told.failures.some((body) => body.length > 0 && !body.includes(vmId))) {
      problems.push("the report does not name the VM")
    }

    await fault.repair?.(host)
    await host.shell(unrecording)
    await host.reboot()
    await host.write(settingsFile, settings())
    await host.play(playbook({ instance: vm.instance }))
    host.forget()
    const next = await host.run(agent)
    const after = reportsOf(host)
    if (next.status !== 0) {
      const log = lines(await host.shell("tail -n 5 /var/log/azure-init.log 2>/dev/null || true"))
      problems.push(`the next boot ends with status ${next.status}: ${next.stderr} ${log.join(" ")}`)
    }
    if (after.failures.length > 0) problems.push("the next boot reports a failure")
    const most = ends === "cut" ? 2 : 1
    if (told.ready + after.ready < 1 || told.ready + after.ready > most) {
      problems.push(`Azure accepts Ready ${told.ready} times, and ${after.ready} times at the next boot`)
    }
    const state = await stateNow(host)
    if (state !== expected) problems.push(`after the next boot ${difference(state, expected)}`)
    if ((await host.shell("grep azure-init /proc/self/mounts || true")) !== "") problems.push("a disc is mounted")
    problems.push(...(await leaks(host, next.stdout + next.stderr)).map((problem) => `after the next boot ${problem}`))
    return { ended: ending, problems }
  } finally {
    await host.stop()
  }
}
