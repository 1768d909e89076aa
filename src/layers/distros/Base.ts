import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { Settings } from "../../domain/Settings.ts"
import type { CurrentSettings } from "../../services/CurrentSettings.ts"
import { HostnameProvisioner } from "../../services/HostnameProvisioner.ts"
import type { Linux } from "../../services/Linux.ts"
import { PasswordProvisioner } from "../../services/PasswordProvisioner.ts"
import type { SshProvisioner } from "../../services/SshProvisioner.ts"
import type { Subprocess } from "../../services/Subprocess.ts"
import { UserProvisioner } from "../../services/UserProvisioner.ts"
import * as Hostname from "../live/HostnameProvisioner.ts"
import * as Password from "../live/PasswordProvisioner.ts"
import { Sshd } from "../live/sshd.ts"
import * as Ssh from "../live/SshProvisioner.ts"
import * as User from "../live/UserProvisioner.ts"

/** What a distribution decides: how accounts, passwords, SSH access and the hostname are made. */
export type Distribution = (settings: Settings) => Layer.Layer<
  UserProvisioner | PasswordProvisioner | SshProvisioner | HostnameProvisioner,
  never,
  Subprocess | CurrentSettings | Linux | Path.Path
>

/** The hostname backends by their names in the settings. */
export const hostnameBackends: Readonly<
  Record<"file" | "hostnamectl", Layer.Layer<HostnameProvisioner, never, Linux | Path.Path | Subprocess>>
> = { file: Hostname.layerFile, hostnamectl: Hostname.layerHostnamectl }

const userBackends = { useradd: User.layerUseradd, adduser: User.layerAdduser }
const passwordBackends = { passwd: Password.layerPasswd }

/** A distribution with systemd, shadow-utils and OpenSSH; the backends are those of the settings, in their order. */
export const layer: Distribution = (settings) =>
  Layer.mergeAll(
    UserProvisioner.firstOf(settings.userProvisioners.backends.map((name) => userBackends[name])),
    PasswordProvisioner.firstOf(settings.passwordProvisioners.backends.map((name) => passwordBackends[name])),
    HostnameProvisioner.firstOf(settings.hostnameProvisioners.backends.map((name) => hostnameBackends[name])),
    Ssh.layer
  ).pipe(
    // Built first, so that all of them have the same one.
    Layer.provide(Sshd.layer)
  )
