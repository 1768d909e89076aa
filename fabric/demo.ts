/**
 * `npm run demo`: a first boot and a second one on a throw-away machine with an Azure of its own, and what came of it.
 *
 * `npm run demo -- --root DIRECTORY` boots an image whose files are unpacked there, `--agent PATH` the agent that is in
 * it.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { ovfEnvironment } from "./disc.ts"
import { agents, type Host, obstacles, start } from "./host.ts"
import { readPool, type Step } from "./kvp.ts"
import { canLogin, login, makeKeyPair, startSshd } from "./login.ts"
import type { TranscriptEntry } from "./transcript.ts"

const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined
const bold = (text: string): string => colours ? `\u001B[1m${text}\u001B[0m` : text
const dim = (text: string): string => colours ? `\u001B[2m${text}\u001B[0m` : text

const print = (text = ""): void => {
  process.stdout.write(`${text}\n`)
}

const title = (text: string): void => {
  print()
  print(bold(text))
}

const indented = (text: string): void => {
  for (const line of text.trimEnd().split("\n")) print(`  ${line}`)
}

const username = "azureuser"
const hostname = "web-1"

/** A key that belongs to nobody, for machines without ssh. */
const nobodysKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnsTuJ1Yc5m3dT9m4W2m8gQ0Wv1bJ3w2y5H8rQ1eQbV owner@laptop"

/** What the command line says; ends the program with what is wrong with it. */
const options = (() => {
  try {
    return parseArgs({ options: { root: { type: "string" }, agent: { type: "string" } } }).values
  } catch (error) {
    process.stderr.write(
      `demo: ${
        error instanceof Error ? error.message : String(error)
      }\nusage: npm run demo -- [--root DIRECTORY] [--agent PATH]\n`
    )
    return process.exit(2)
  }
})()

const root = options.root === undefined ? undefined : resolve(options.root)
if (root !== undefined && !existsSync(`${root}/etc/passwd`)) {
  process.stderr.write(`demo: --root: ${root} holds no etc/passwd: unpack the image's root file system there\n`)
  process.exit(2)
}

/** What the build has made: without cargo, the bundle alone. */
const built = existsSync(agents.executable[0]) ? agents.executable : agents.bundle
const agent = options.agent === undefined ? built : [options.agent]

const showRequest = ({ answered, body, endpoint, headers, method, target }: TranscriptEntry): void => {
  print(
    `  ${
      endpoint === "imds" ? "169.254.169.254  IMDS      " : "168.63.129.16    WireServer"
    }  ${method} ${target}  -> ${answered}`
  )
  for (const [name, value] of headers) print(dim(`      ${name}: ${value}`))
  if (body !== "") print(`      ${body}`)
}

const showSteps = (all: ReadonlyArray<Step>): void => {
  // Without the single commands and attempts, which bear one name each.
  const steps = all.filter(({ name }) => name !== "libazureinit:subprocess" && name !== "http:request")
  const first = Math.min(...steps.map(({ start }) => start))
  const last = Math.max(...steps.map(({ end }) => end))
  const width = 40
  const scale = width / Math.max(1, last - first)
  for (const { end, name, start } of steps) {
    const from = Math.min(width - 1, Math.floor((start - first) * scale))
    const length = Math.max(1, Math.round((end - start) * scale))
    const bar = `${" ".repeat(from)}${"=".repeat(Math.min(length, width - from))}`.padEnd(width)
    print(`  ${String(start - first).padStart(5)} ms ${String(end - start).padStart(5)} ms  |${bar}| ${name}`)
  }
}

/** Whether the machine has the agent's program. */
const hasAgent = async (host: Host): Promise<boolean> => {
  const script = "case $1 in */*) [ -f \"$1\" ] && [ -x \"$1\" ] ;; *) command -v -- \"$1\" ;; esac"
  return (await host.run(["sh", "-c", script, "agent", agent[0] ?? ""])).status === 0
}

/** Runs the agent, as at every boot; the exit status. */
const boot = async (host: Host): Promise<number> => {
  const { milliseconds, status, stderr } = await host.run(agent)
  print(`  exit status ${status}, ${Math.round(milliseconds)} ms`)
  if (stderr !== "") indented(stderr)
  return status
}

const showMachine = async (host: Host): Promise<void> => {
  title("The account")
  indented(
    await host.shell(
      `exec 2>&1; getent passwd ${username}; id ${username}; passwd -S ${username}; echo "hostname: $(hostname)"`
    )
  )
  title("Its keys")
  indented(
    await host.shell(
      `exec 2>&1; cd /home/${username} && stat -c '%A %U:%G %n' .ssh .ssh/authorized_keys && cat .ssh/authorized_keys || true`
    )
  )
  title("Its sudo rule, what sshd is told, and the marker of a VM that is provisioned")
  indented(
    await host.shell(`
    for file in /etc/sudoers.d/azure-init* /etc/ssh/sshd_config.d/*azure-init* /var/lib/azure-init/*; do
      if [ -e "$file" ]; then stat -c '%A %U:%G %n' "$file"; sed 's/^/    /' "$file"; fi
    done`)
  )
}

const showLogin = async (host: Host, key: ReturnType<typeof makeKeyPair>): Promise<void> => {
  title("The owner logs in over ssh with that key")
  await startSshd(host)
  const { status, stderr, stdout } = await login(
    host,
    username,
    key,
    "echo \"$(id -un) on $(hostname), with sudo: $(sudo -n id -un)\""
  )
  indented(status === 0 ? stdout : `failed with status ${status}: ${stderr}`)
}

const showTelemetry = async (host: Host): Promise<void> => {
  const pool = readPool(await host.read("/var/lib/hyperv/.kvp_pool_1").catch(() => new Uint8Array()))
  title("The steps and their times, from the KVP records that the host of the VM reads")
  showSteps(pool.steps)
  title("What else it tells the host")
  for (const { key, value } of pool.entries) {
    if (!value.startsWith("Start: ")) {
      print(`  ${key.split("|")[3] ?? key}: ${value.replace(/^Time: \S+ \| Event: /, "")}`)
    }
  }
  for (const problem of pool.problems) print(`  ${problem}`)
}

/** Boots once more, where nothing is left to do; the demo's exit status. */
const bootAgain = async (host: Host): Promise<number> => {
  const requests = host.transcript()
  title(`Second boot: ${agent.at(-1)}`)
  await host.reboot()
  const status = await boot(host)
  const again = host.transcript().length - requests.length
  print(`  requests: ${again}`)
  const ready = requests.filter(({ answered, body }) => body === "{\"state\":\"Ready\"}" && answered === 200).length
  const good = status === 0 && again === 0 && ready === 1
  title(
    good
      ? "Provisioned once, Ready accepted once, nothing left to do on the second boot."
      : "This is not what it should be: see above."
  )
  return good ? 0 : 1
}

const demo = async (): Promise<number> => {
  const lacking = obstacles({ disc: false })
  if (lacking.length > 0) {
    for (const sentence of lacking) process.stderr.write(`${sentence}\n`)
    return 1
  }
  const disc = existsSync("/usr/bin/genisoimage")
  const ssh = canLogin(root)
  if (!disc) print("There is no genisoimage here: this VM has no provisioning disc, as many on Azure have none.")
  if (!ssh) print("There is no ssh server, ssh client or sudo here: the owner's login is not shown.")
  const key = ssh ? makeKeyPair("owner@laptop") : { publicKey: nobodysKey, privateKey: "" }

  const began = performance.now()
  const host = await start({
    playbook: {
      instance: { username, hostname, keys: [`${key.publicKey}\r\n`], disablePasswordAuthentication: true },
      imds: [],
      health: []
    },
    disc: disc ? ovfEnvironment({ username, hostname, disablePasswordAuthentication: true }) : undefined,
    ...(root === undefined ? {} : { root })
  })
  try {
    print(
      `A fresh machine: a copy-on-write view of ${root ?? "this one"}, with IMDS${
        disc ? ", WireServer and a disc" : " and WireServer"
      }, in ${Math.round(performance.now() - began)} ms.`
    )
    if (!await hasAgent(host)) {
      process.stderr.write(
        `demo: --agent: there is no program ${agent.join(" ")} on ${
          root === undefined ? "this machine" : `the machine of ${root}`
        }: give the path that it has there\n`
      )
      return 2
    }
    title(`First boot: ${agent.at(-1)}`)
    const first = await boot(host)
    title("What it asked and told the platform")
    host.transcript().forEach(showRequest)
    if (first !== 0) {
      indented(await host.shell("cat /var/log/azure-init.log 2>&1 || true"))
      return 1
    }
    await showMachine(host)
    if (ssh) await showLogin(host, key)
    await showTelemetry(host)

    return await bootAgain(host)
  } finally {
    await host.stop()
  }
}

process.exitCode = await demo().catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
