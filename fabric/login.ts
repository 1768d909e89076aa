import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Host, Outcome } from "./host.ts"

/** A key pair of an owner, as `ssh-keygen` writes it. */
export interface KeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

/** Whether this machine has what a login needs, and the root file system of another one too if one is given. */
export const canLogin = (root?: string): boolean =>
  ["", ...(root === undefined ? [] : [root])].every((below) =>
    ["sshd", "ssh", "ssh-keygen", "sudo"].every((tool) =>
      ["bin", "sbin", "usr/bin", "usr/sbin"].some((directory) => existsSync(`${below}/${directory}/${tool}`))
    )
  )

/** Makes an Ed25519 key pair with this comment. */
export const makeKeyPair = (comment: string): KeyPair => {
  const directory = mkdtempSync(join(tmpdir(), "azure-fabric-key-"))
  try {
    const file = join(directory, "key")
    const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file], {
      encoding: "utf8"
    })
    if (made.status !== 0) throw new Error(`ssh-keygen: ${made.error?.message ?? made.stderr}`)
    return { privateKey: readFileSync(file, "utf8"), publicKey: readFileSync(`${file}.pub`, "utf8").trim() }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Starts the machine's sshd anew, on its loopback address, with the configuration that it has and a host key of its
 * own.
 */
export const startSshd = (host: Host): Promise<string> =>
  host.shell(
    `set -eu
    mkdir -p /run/sshd
    wait_until() { i=0; until "$@" || [ $((i += 1)) -gt 250 ]; do sleep 0.02; done; }
    freed() { ! grep -q ':0016 00000000:0000 0A' /proc/net/tcp; }
    if [ -e /run/sshd.pid ]; then kill "$(cat /run/sshd.pid)"; rm -f /run/sshd.pid; wait_until freed; fi
    [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
    $(command -v sshd) -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd.pid
    # It goes into the background before it listens, and writes the file afterwards.
    wait_until [ -s /run/sshd.pid ]`
  )

/** A real login over ssh with nothing but this key, from the machine to itself. */
export const login = async (host: Host, username: string, key: KeyPair, command: string): Promise<Outcome> => {
  await host.write("/tmp/owner-key", key.privateKey, "0600")
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR"
  ]
  return host.run([
    "ssh",
    "-F",
    "none",
    "-i",
    "/tmp/owner-key",
    ...options.flatMap((option) => ["-o", option]),
    `${username}@127.0.0.1`,
    command
  ])
}
