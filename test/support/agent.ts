import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { InstanceMetadata } from "../../src/domain/InstanceMetadata.ts"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { defaults, type Settings } from "../../src/domain/Settings.ts"
import { GroupName, Username } from "../../src/domain/Username.ts"
import { VmId } from "../../src/domain/VmId.ts"
import type { SettingsProblem } from "../../src/errors/SettingsError.ts"
import type { VmIdentityError } from "../../src/errors/VmIdentityError.ts"
import * as Hostname from "../../src/layers/test/HostnameProvisioner.ts"
import * as Imds from "../../src/layers/test/Imds.ts"
import * as Kvp from "../../src/layers/test/Kvp.ts"
import * as Password from "../../src/layers/test/PasswordProvisioner.ts"
import * as Media from "../../src/layers/test/ProvisioningMedia.ts"
import * as State from "../../src/layers/test/ProvisioningState.ts"
import * as Ssh from "../../src/layers/test/SshProvisioner.ts"
import * as User from "../../src/layers/test/UserProvisioner.ts"
import * as Identity from "../../src/layers/test/VmIdentity.ts"
import * as WireServer from "../../src/layers/test/WireServer.ts"
import { provision } from "../../src/programs/provision.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import type { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"
import type { Imds as ImdsService } from "../../src/services/Imds.ts"
import type { PasswordProvisioner } from "../../src/services/PasswordProvisioner.ts"
import type { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"
import type { ProvisioningState } from "../../src/services/ProvisioningState.ts"
import { SettingsLoaded } from "../../src/services/SettingsLoaded.ts"
import type { SshProvisioner } from "../../src/services/SshProvisioner.ts"
import type { UserProvisioner } from "../../src/services/UserProvisioner.ts"

export const vmId = VmId.make("550e8400-e29b-41d4-a716-446655440000")
export const username = Username.make("azureuser")
export const group = (name: string) => GroupName.make(name)

/** A real ed25519 key, as Azure gives it: CR LF at its end. */
export const goodKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILi8q5oxShkKU/uPZonJYYeOAXgtkhh0hW4IfiEd8Fz4 lab\r\n"

export const metadata: InstanceMetadata = {
  adminUsername: "azureuser",
  computerName: "labvm",
  disablePasswordAuthentication: true,
  publicKeys: [goodKey]
}

/** A disc that says nothing of the VM. */
export const emptyDisc: OvfEnvironment = {
  username: Option.none(),
  password: Option.none(),
  hostname: Option.none(),
  disablePasswordAuthentication: Option.none(),
  publicKeys: [],
  publicKeysWithoutValue: 0,
  customData: Option.none(),
  preprovisionedVm: false,
  preprovisionedVmType: "None",
  provisionGuestProxyAgent: false
}

/** A disc that names the administrator and the host, other than {@link metadata} does. */
export const disc: OvfEnvironment = {
  ...emptyDisc,
  username: Option.some("discuser"),
  hostname: Option.some("dischost"),
  disablePasswordAuthentication: Option.some(true)
}

/** A whole agent of test layers; everything is as Azure wants it unless said otherwise. */
export const makeAgent = (options: {
  readonly imds?: Parameters<typeof Imds.make>[0]
  readonly media?: Parameters<typeof Media.make>[0]
  readonly stuckMedia?: Parameters<typeof Media.make>[1]
  readonly wireServer?: Parameters<typeof WireServer.make>[0]
  readonly state?: State.Script
  readonly user?: User.Script
  readonly password?: Parameters<typeof Password.make>[0]
  readonly ssh?: Ssh.Script
  readonly hostname?: Parameters<typeof Hostname.make>[0]
  readonly vmId?: VmId | VmIdentityError
  readonly platform?: "azure" | "other" | "unknown"
  readonly settings?: Partial<Settings>
  readonly settingsFiles?: ReadonlyArray<string>
  readonly settingsErrors?: ReadonlyArray<SettingsProblem>
  readonly settingsWarnings?: ReadonlyArray<SettingsProblem>
  readonly groups?: ReadonlyArray<GroupName>
  readonly wrongGroups?: ReadonlyArray<string>
  /** Services in place of the fakes. */
  readonly instead?:
    | Layer.Layer<
      HostnameProvisioner | PasswordProvisioner | ProvisioningMedia | SshProvisioner | UserProvisioner
    >
    | Layer.Layer<ImdsService | ProvisioningMedia>
    | Layer.Layer<ProvisioningState>
} = {}) => {
  const imds = Imds.make(options.imds ?? [metadata])
  const media = Media.make(options.media ?? [Option.none()], options.stuckMedia)
  const wireServer = WireServer.make(options.wireServer)
  const state = State.make(options.state)
  const user = User.make(options.user)
  const password = Password.make(options.password)
  const ssh = Ssh.make(options.ssh)
  const hostname = Hostname.make(options.hostname)
  const kvp = Kvp.make()
  const settings = { ...defaults, ...options.settings }
  const layer = Layer.mergeAll(
    imds.layer,
    media.layer,
    wireServer.layer,
    state.layer,
    user.layer,
    password.layer,
    ssh.layer,
    hostname.layer,
    kvp.layer,
    Identity.make(options.vmId ?? vmId, options.platform).layer,
    Layer.succeed(CurrentSettings, settings),
    Layer.succeed(SettingsLoaded, {
      settings,
      files: options.settingsFiles ?? [],
      set: new Set<string>(),
      errors: options.settingsErrors ?? [],
      warnings: options.settingsWarnings ?? []
    }),
    options.instead ?? Layer.empty
  )
  const run = provision(options.groups ?? [], options.wrongGroups).pipe(Effect.provide(layer))
  /** Boots once; the exit status of the process. */
  const boot = Effect.map(
    Effect.exit(run),
    Exit.match({
      onSuccess: () => 0,
      onFailure: (cause) => {
        const failure = cause.reasons.find((reason) => reason._tag === "Fail")
        if (failure === undefined) throw new Error(`not a failure: ${String(cause)}`)
        return failure.error.status
      }
    })
  )
  /** The last PROVISIONING_REPORT. */
  const report = () => kvp.calls.offered.findLast(({ key }) => key === "PROVISIONING_REPORT")?.value ?? ""
  return { run, boot, report, imds, media, wireServer, state, user, password, ssh, hostname, kvp }
}
