import * as Layer from "effect/Layer"
import { HostnameProvisioner } from "../../services/HostnameProvisioner.ts"
import { ImageAdministrators } from "../../services/ImageAdministrators.ts"
import { type Distribution, hostnameBackends, layer as base } from "./Base.ts"

/**
 * An immutable distribution in the manner of Flatcar: `/usr` is read-only.
 *
 * The hostname goes to `/etc/hostname` and the kernel first, whatever the settings say: the agent may run there before
 * the bus.
 *
 * sshd's own configuration lies in `/usr/share/ssh`, and on installations from before 2023 `/etc/ssh/sshd_config` is a
 * symbolic link to it without an `Include` (flatcar/Flatcar #1062). The live SSH layer never writes through that link:
 * it puts a drop-in where sshd reads one, otherwise a file of `/etc` in the link's place, so nothing has to be
 * different here.
 *
 * `core`, with the uid 500, is the administrator that every image has (Flatcar's baselayout), and so no system account.
 */
export const layer: Distribution = (settings) =>
  Layer.mergeAll(
    Layer.provide(base(settings), Layer.succeed(ImageAdministrators, ["core"])),
    HostnameProvisioner.firstOf([hostnameBackends.file, hostnameBackends.hostnamectl])
  )
