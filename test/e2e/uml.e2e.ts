import { assert, describe, it } from "@effect/vitest"
import { agents } from "../../fabric/host.ts"
import {
  disc,
  hostname,
  impatient,
  owner,
  playbook,
  readyRequest,
  settingsFile,
  silentImds,
  username,
  vmId
} from "./hosts/overlay.ts"
import { onUml, type UmlBoot } from "./hosts/uml.ts"

/**
 * Notes how the kernel shows the disc while it is mounted; without a child of its own, whose start would take longer
 * than the agent reads.
 */
const noting = `
seen() {
  while read -r line; do
    case $line in *azure-init/media*) echo "$line" >>/home/disc-mounts && return ;; esac
  done </proc/self/mounts
  return 1
}
until seen; do :; done &`

const agent = agents.executable.join(" ")
const requests = ({ transcript }: UmlBoot): ReadonlyArray<string> =>
  transcript.map(({ answered, body, endpoint, method, target }) =>
    `${endpoint} ${method} ${target} ${body === "" ? "-" : body} ${answered}`
  )

const assertBoots = (
  { boots, written }: Parameters<Parameters<typeof onUml>[3]>[0],
  password: "L" | "P"
): void => {
  const [first, second] = boots
  if (first === undefined || second === undefined) throw new Error("There are two boots")
  assert.strictEqual(first.status, 0, `${first.output}${first.said("log")}`)
  assert.strictEqual(requests(first).at(-1), readyRequest)
  assert.strictEqual(first.said("hostname"), `${hostname}\n`)
  assert.match(first.said("id"), new RegExp(`^uid=1000\\(${username}\\) gid=1000\\(${username}\\)`))
  assert.match(first.said("passwd"), new RegExp(`^${username} ${password} `))
  assert.strictEqual(written(`home/${username}/.ssh`), "700 1000:1000\n")
  assert.strictEqual(written(`home/${username}/.ssh/authorized_keys`), `600 1000:1000\n${owner.publicKey}\n`)
  assert.strictEqual(written(`var/lib/azure-init/${vmId}.provisioned`), "600 0:0\n")
  assert.strictEqual(written("etc/sudoers.d/azure-init-user"), `440 0:0\n${username} ALL=(ALL) NOPASSWD: ALL\n`)
  for (const boot of boots) assert.notInclude(boot.said("mounts"), "azure-init/media")
  assert.strictEqual(second.status, 0, second.output)
  assert.deepStrictEqual(requests(second), [], "the second boot asks nobody")
}

describe("User-mode Linux, whose kernel has the udf driver", () => {
  it("mounts the disc for real, reads what only it has, and leaves it unmounted", () =>
    onUml(
      {
        playbook: playbook({ imds: silentImds }),
        vmId,
        disc: disc({ keys: [owner.publicKey], password: "Correct-horse-7", disablePasswordAuthentication: false }),
        files: { [settingsFile]: `${impatient}[password_provisioners]\nallow = true\n` }
      },
      // The second boot does not look at the disc.
      `${noting}\n${agent}; status=$?; kill $!; exit $status`,
      2,
      (machine) => {
        assertBoots(machine, "P")
        assert.match(
          machine.written("home/disc-mounts") ?? "",
          /\n\/dev\/sr0 \/run\/azure-init\/media udf ro,nosuid,nodev,noexec,relatime,iocharset=utf8 0 0\n$/
        )
      }
    ))

  it("does the same with a clock that starts in 1970 and jumps while it waits", () =>
    onUml(
      {
        playbook: playbook({ imds: [{ status: 503, body: "" }, {}], health: [{ status: 503, body: "" }, {}] }),
        vmId,
        disc: disc()
      },
      `date -s @10; ( sleep 1; date -s 2099-01-01; sleep 1; date -s @20 ) & ${agent}; status=$?; wait; exit $status`,
      2,
      (machine) => assertBoots(machine, "L")
    ))
})
