import * as Context from "effect/Context"

/** Every place on the host that the agent touches, absolute. */
export interface Paths {
  /** Prefix of every path of this record and of home directories; empty on a real host. */
  readonly root: string
  readonly settingsFiles: ReadonlyArray<string>
  readonly settingsDirectories: ReadonlyArray<string>
  readonly osRelease: string
  readonly productUuid: string
  readonly chassisAssetTag: string
  readonly efi: ReadonlyArray<string>
  readonly kvpPool: string
  readonly procStat: string
  readonly procMounts: string
  readonly sysBlock: string
  readonly dev: string
  readonly mediaMountPoint: string
  readonly lockFile: string
  readonly shadow: string
  readonly group: string
  readonly sudoersDirectory: string
  readonly sshdConfig: string
  readonly sshdDropInDirectory: string
  readonly hostname: string
  readonly kernelHostname: string
  readonly kernelRelease: string
  readonly selinux: string
}

/**
 * The standard places below a root prefix.
 *
 * Settings: both azure-init's code's paths and its documentation's (docs/compatibility.md, `settings-paths`).
 */
export const rooted = (root: string): Paths => ({
  root,
  settingsFiles: [`${root}/etc/azure-init.toml`, `${root}/etc/azure-init/azure-init.toml`],
  settingsDirectories: [`${root}/etc/azure-init.d`, `${root}/etc/azure-init/azure-init.toml.d`],
  osRelease: `${root}/etc/os-release`,
  productUuid: `${root}/sys/class/dmi/id/product_uuid`,
  chassisAssetTag: `${root}/sys/class/dmi/id/chassis_asset_tag`,
  efi: [`${root}/sys/firmware/efi`, `${root}/dev/efi`],
  kvpPool: `${root}/var/lib/hyperv/.kvp_pool_1`,
  procStat: `${root}/proc/stat`,
  procMounts: `${root}/proc/self/mounts`,
  sysBlock: `${root}/sys/block`,
  dev: `${root}/dev`,
  mediaMountPoint: `${root}/run/azure-init/media`,
  lockFile: `${root}/run/azure-init/lock`,
  shadow: `${root}/etc/shadow`,
  group: `${root}/etc/group`,
  sudoersDirectory: `${root}/etc/sudoers.d`,
  sshdConfig: `${root}/etc/ssh/sshd_config`,
  sshdDropInDirectory: `${root}/etc/ssh/sshd_config.d`,
  hostname: `${root}/etc/hostname`,
  kernelHostname: `${root}/proc/sys/kernel/hostname`,
  kernelRelease: `${root}/proc/sys/kernel/osrelease`,
  selinux: `${root}/sys/fs/selinux`
})

/** The places in force; a test or a distribution provides others. */
export const Paths = Context.Reference<Paths>("azure-init/services/Paths", { defaultValue: () => rooted("") })
