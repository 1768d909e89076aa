import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { Hostname } from "../../domain/Hostname.ts"
import { HostnameError } from "../../errors/HostnameError.ts"
import { HostnameProvisioner } from "../../services/HostnameProvisioner.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { Subprocess } from "../../services/Subprocess.ts"
import { files } from "../linux/files.ts"

/** A `hostnamectl` that cannot reach its service waits 25 s by itself; one that can starts it and is done in 0.1 s. */
const hostnamectlTimeout = "10 seconds"

/** {@link HostnameProvisioner} by systemd-hostnamed. */
export const layerHostnamectl: Layer.Layer<HostnameProvisioner, never, Subprocess> = Layer.effect(
  HostnameProvisioner,
  Effect.gen(function*() {
    const subprocess = yield* Subprocess
    return HostnameProvisioner.of({
      set: (hostname) =>
        subprocess.run({ command: "hostnamectl", args: ["set-hostname", hostname], timeout: hostnamectlTimeout }).pipe(
          Effect.asVoid,
          Effect.mapError((error) => new HostnameError({ hostname, detail: error.message })),
          Effect.withSpan("provision::hostname:hostnamectl", { attributes: { hostname } })
        )
    })
  })
)

/**
 * {@link HostnameProvisioner} by `sethostname(2)` and `/etc/hostname`; needs no service, so it works before D-Bus is
 * up.
 *
 * A running systemd-hostnamed needs no telling: it shows both names at once.
 */
export const layerFile: Layer.Layer<HostnameProvisioner, never, Linux | Path.Path> = Layer.effect(
  HostnameProvisioner,
  Effect.gen(function*() {
    const paths = yield* Paths
    const linux = yield* Linux
    const { readTextIfPresent, writeAtomic } = yield* files

    const isAlready = (path: string, hostname: Hostname) =>
      Effect.map(readTextIfPresent(path), (text) => text?.trim() === hostname)

    const set = Effect.fnUntraced(function*(hostname: Hostname) {
      // Not by /proc/sys, which is read-only in containers and may not be there.
      if (!(yield* isAlready(paths.kernelHostname, hostname))) yield* linux.setHostname(hostname)
      if (!(yield* isAlready(paths.hostname, hostname))) {
        yield* writeAtomic(paths.hostname, `${hostname}\n`, { mode: 0o644 })
      }
    })

    return HostnameProvisioner.of({
      set: (hostname) =>
        set(hostname).pipe(
          Effect.mapError((error) => new HostnameError({ hostname, detail: error.message })),
          Effect.withSpan("provision::hostname:file", { attributes: { hostname } })
        )
    })
  })
)
