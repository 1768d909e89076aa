/** The VMs that the faults meet, and what becomes of each when nothing disturbs it. */
import { ovfEnvironment } from "../../../fabric/disc.ts"
import { start } from "../../../fabric/host.ts"
import type { Playbook } from "../../../fabric/playbook.ts"
import { agents, type Host, hostname, owner, playbook, stateOf, username, vmId } from "../hosts/overlay.ts"

/** A VM as Azure has it: what IMDS says and what the disc says. */
export interface Vm {
  readonly instance: Partial<Playbook["instance"]>
  /** The `ovf-env.xml`; no disc without it. */
  readonly disc: string | undefined
}

/** What nobody but the owner may know; the disc holds all of it, IMDS nothing. */
const password = "Correct-horse;7 <battery>&staple"
const customData = "czNjcjN0LWJvb3QtdGltZS1kYXRh"

/** What must be found nowhere: the parts of the secrets that stay as they are however they are escaped. */
export const secrets = ["Correct-horse;7", "battery>&staple", "battery&gt;&amp;staple", customData]

const document = (keys: ReadonlyArray<string>): string =>
  ovfEnvironment({ username, hostname, password, disablePasswordAuthentication: false, keys })
    .replace("      <SSH>", `      <CustomData>${customData}</CustomData>\n      <SSH>`)

/** A password on the disc, and the key in both places: either source alone makes the VM what it should be. */
export const whole: Vm = {
  instance: { disablePasswordAuthentication: false },
  disc: document([owner.publicKey])
}

/** A key in IMDS, and no disc. */
export const discless: Vm = { instance: {}, disc: undefined }

/** A password on the disc, a key in IMDS: neither source alone will do. */
export const divided: Vm = { instance: { disablePasswordAuthentication: false }, disc: document([]) }

/** With these an image takes passwords, and the agent is quick to ask again. */
export const settings = (
  deadlines: { readonly imds?: number; readonly wireserver?: number; readonly grace?: number } = {}
): string => `
[password_provisioners]
allow = true
[imds]
connection_timeout_secs = 0.25
request_timeout_secs = 0.5
retry_interval_secs = 0.05
total_retry_timeout_secs = ${(deadlines.imds ?? 60).toFixed(1)}
grace_with_media_secs = ${(deadlines.grace ?? 10).toFixed(1)}
[wireserver]
connection_timeout_secs = 0.25
read_timeout_secs = 0.5
retry_interval_secs = 0.05
total_retry_timeout_secs = ${(deadlines.wireserver ?? 60).toFixed(1)}
`

/** A machine for this VM, at first boot. */
export const startVm = (vm: Vm, answers: Partial<Playbook> = {}, disk?: string): Promise<Host> =>
  start({
    vmId,
    playbook: { ...playbook({ instance: vm.instance }), ...answers },
    disc: vm.disc,
    ...(disk === undefined ? {} : { disk })
  })

const references = new Map<Vm, Promise<string>>()

/** What a first boot that nothing disturbs makes of this VM, as `stateOf` shows it. */
export const undisturbed = (vm: Vm): Promise<string> => {
  const known = references.get(vm)
  if (known !== undefined) return known
  const made = (async () => {
    const host = await startVm(vm)
    try {
      await host.write("/etc/azure-init/azure-init.toml", settings())
      const ended = await host.run(agents.executable)
      if (ended.status !== 0) throw new Error(`An undisturbed boot ends with status ${ended.status}: ${ended.stderr}`)
      return await stateOf(host)
    } finally {
      await host.stop()
    }
  })()
  references.set(vm, made)
  return made
}
