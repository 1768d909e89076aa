import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { type Host, repository, start } from "../../fabric/host.ts"
import { decodeAll, type SshPublicKey, toLine } from "../../src/domain/SshPublicKey.ts"
import * as Random from "../fuzz/random.ts"
import { makeOptions, mutateBlob, mutateText, optionLines } from "../support/keyLines.ts"
import { playbook } from "./hosts/overlay.ts"
import { root } from "./hosts/roots.ts"

/** What ssh-keygen makes here; security keys come from an agent. */
const generated = ["rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-256", "ecdsa-384", "ecdsa-521", "ed25519-256"] as const

/** A line of the user's file, and the key with which a login is tried. */
interface Attempt {
  readonly line: string
  readonly key: string
}

/** A machine with a user, an sshd that reads nothing but `/lines` for its keys, and a private key of every type. */
const machine = async (below: string | undefined) => {
  const host = await start({ playbook: playbook(), ...(below === undefined ? {} : { root: below }) })
  await host.shell(`set -eu
    useradd -m -p '*' owner
    mkdir -m 755 /keys
    cd /keys
    for key in ${generated.join(" ")}; do ssh-keygen -q -t "\${key%-*}" -b "\${key#*-}" -N '' -C "$key" -f "$key"; done
    ssh-keygen -q -t dsa -N '' -C dsa -f dsa 2>/dev/null || true
    ssh-keygen -q -t ed25519 -N '' -C ca -f ca
    ssh-keygen -q -s ca -I id -n owner ed25519-256.pub
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    cat >sshd_config <<'END'
ListenAddress 127.0.0.1
Port 2222
HostKey /keys/hostkey
AuthorizedKeysFile /lines
UsePAM no
PidFile /keys/pid
END
    if $(command -v sshd) -t -f sshd_config -o PerSourcePenalties=no 2>/dev/null; then echo PerSourcePenalties no >>sshd_config; fi
    $(command -v sshd) -f /keys/sshd_config
    ${join(repository, "node_modules/node/bin/node")} ${
    join(repository, "test/support/securityKeyAgent.ts")
  } /keys >ready 2>agent.log &
    until [ -s ready ]; do sleep 0.1; done`)
  const publicKey = async (key: string): Promise<string> => (await host.shell(`cat /keys/${key}.pub`)).trim()
  const keys = new Map<string, string>()
  for (const key of [...generated, "sk-ed25519", "sk-ecdsa"]) keys.set(key, await publicKey(key))
  return { host, keys, publicKey }
}

/** Whether each attempt ends in a login; a login with a certificate too, where there is one. */
const logins = async (host: Host, attempts: ReadonlyArray<Attempt>): Promise<ReadonlyArray<boolean>> => {
  const answers = await host.shell(
    `while IFS= read -r attempt; do
      printf '%s\\n' "\${attempt#* }" >/lines
      key=\${attempt%% *}
      [ -e "/keys/$key" ] || key=$key.pub
      timeout 20 ssh -F none -v -i "/keys/$key" -o IdentityAgent=/keys/agent -o IdentitiesOnly=yes -o BatchMode=yes -p 2222 \\
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PubkeyAcceptedAlgorithms=+ssh-rsa owner@127.0.0.1 true \\
        </dev/null >/dev/null 2>/tmp/ssh.log || true
      if grep -q '^Authenticated to' /tmp/ssh.log; then echo yes; else echo no; fi
    done`,
    attempts.map(({ key, line }) => `${key} ${line}\n`).join("")
  )
  const all = answers.trimEnd().split("\n").map((answer) => answer === "yes")
  assert.strictEqual(all.length, attempts.length)
  return all
}

const keyOf = (line: string): Promise<SshPublicKey | undefined> =>
  Effect.runPromise(Effect.map(decodeAll([line]), ({ keys: [key] }) => key))

/**
 * Not where we differ on purpose: we refuse control characters in options, and skip white space at the start that sshd
 * does not.
 */
const comparable = ({ line }: Attempt): boolean => {
  const key = line.indexOf("ssh-")
  return [line.indexOf("\u0007"), line.indexOf("\r")].every((at) => at < 0 || at > key)
}

/**
 * A login with the line as it was given succeeds if and only if we take the line for this key; and it succeeds with the
 * line that we write of it. Returns how many logins there were.
 */
const compare = async (host: Host, keys: ReadonlyMap<string, string>, attempts: ReadonlyArray<Attempt>) => {
  const verdicts = await Promise.all(attempts.map(async ({ key, line }) => {
    const decoded = await keyOf(line)
    const own = await keyOf(keys.get(key) ?? "")
    return decoded?.fingerprint === own?.fingerprint ? decoded : undefined
  }))
  const given = await logins(host, attempts)
  attempts.forEach(({ line }, index) => {
    assert.strictEqual(verdicts[index] !== undefined, given[index], `we and sshd: ${line.slice(0, 400)}`)
  })
  const taken = attempts.flatMap(({ key }, index) => {
    const decoded = verdicts[index]
    return decoded === undefined ? [] : [{ key, line: toLine(decoded) }]
  })
  const written = await logins(host, taken)
  taken.forEach(({ line }, index) => assert.isTrue(written[index], `the line that we write: ${line.slice(0, 400)}`))
  return taken.length
}

describe.each([
  ["this machine's sshd", () => undefined],
  ["trixie's sshd", () => root("trixie")]
])("a line of authorized_keys and %s", (_, below) => {
  let host: Host
  let keys: ReadonlyMap<string, string>
  let publicKey: (key: string) => Promise<string>
  const own = (key: string): string => keys.get(key) ?? ""
  const plain = (key: string): string => own(key).split(" ").slice(0, 2).join(" ")

  beforeAll(async () => {
    ;({ host, keys, publicKey } = await machine(below()))
  })
  afterAll(() => host.stop())

  it("agree on a key of every type, under every name of its type, with and without options and comment", async () => {
    const names = ["rsa-sha2-256", "rsa-sha2-512", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"]
    const attempts = [...keys].flatMap(([key, line]) => [
      { key, line },
      { key, line: `${plain(key)}\r` },
      { key, line: `\t  no-pty,command="true" \t ${line}` },
      { key, line: `no-such-option ${line}` },
      { key, line: line.replace(/ A{4}/, " AAAB") },
      ...names.map((name) => ({ key, line: line.replace(/^\S+/, name) }))
    ])
    assert.strictEqual(await compare(host, keys, attempts), 3 * keys.size + 2 * 3 + 1)
  })

  it("agree on every option", async () => {
    const lines = optionLines(plain("ed25519-256"))
    const taken = await compare(host, keys, lines.map((line) => ({ key: "ed25519-256", line })))
    assert.isAbove(taken, 25)
    assert.isBelow(taken, lines.length - 25)
  })

  it("agree on mutated lines", async () => {
    const random = Random.make("logins")
    const key = "ed25519-256"
    const attempts = Array.from({ length: 40 }, () => [
      { key, line: mutateText(random, own(key)) },
      { key, line: mutateBlob(random, own(key)) },
      { key, line: mutateText(random, `${makeOptions(random)} ${own(key)}`) }
    ]).flat()
    assert.isAbove(await compare(host, keys, attempts.filter(comparable)), 3)
  })

  it("agree on an ssh-dss key: nobody takes it", async () => {
    const line = await publicKey("dsa").catch(() => "ssh-dss AAAAB3NzaC1kc3MAAACBAA== dsa")
    assert.isUndefined(await keyOf(line))
    assert.deepStrictEqual(await logins(host, [{ key: "dsa", line }]), [false])
  })

  it("of an authority: it lets its certificates in and not its own key; an expired one lets nobody in", async () => {
    const authority = await publicKey("ca")
    const lines = [
      `cert-authority ${authority}`,
      `cert-authority,principals="owner" ${authority}`,
      `cert-authority,principals="" ${authority}`,
      `cert-authority,expiry-time="20200101" ${authority}`,
      `principals="owner" ${authority}`
    ]
    const attempts = lines.flatMap((line) => [{ key: "ed25519-256", line }, { key: "ca", line }])
    assert.deepStrictEqual(await logins(host, attempts), [true, false, true, false, ...Array(6).fill(false)])
    const taken = await Promise.all(lines.map(keyOf))
    assert.deepStrictEqual(taken.map((key) => key !== undefined), [true, true, false, false, false])
  })

  it("differ on a certificate: sshd skips it, so that we write the key in it", async () => {
    const line = await publicKey("ed25519-256-cert")
    const key = await keyOf(line)
    assert.isDefined(key)
    if (key === undefined) return
    await host.shell("mv /keys/ed25519-256-cert.pub /keys/certificate.pub")
    const attempts = [{ key: "ed25519-256", line }, { key: "ed25519-256", line: toLine(key) }]
    assert.deepStrictEqual(await logins(host, attempts), [false, true])
  })
})
