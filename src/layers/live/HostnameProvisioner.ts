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

/** {@link HostnameProvisioner} by `/etc/hostname` and the kernel; needs no service, so it works before D-Bus is up. */
export const layerFile: Layer.Layer<HostnameProvisioner, never, Linux | Path.Path | Subprocess> = Layer.effect(
  HostnameProvisioner,
  Effect.gen(function*() {
    const paths = yield* Paths
    const linux = yield* Linux
    const { readTextIfPresent, writeAtomic } = yield* files
    const subprocess = yield* Subprocess

    const isAlready = (path: string, hostname: Hostname) =>
      Effect.map(readTextIfPresent(path), (text) => text?.trim() === hostname)

    const set = Effect.fnUntraced(function*(hostname: Hostname) {
      if (!(yield* isAlready(paths.kernelHostname, hostname))) {
        yield* Effect.scoped(
          Effect.flatMap(linux.open(paths.kernelHostname, { access: "readWrite" }), (file) => file.write(hostname))
        ).pipe(
          // /proc/sys may be read-only in a container, where sethostname(2) is allowed all the same.
          Effect.catch(() => subprocess.run({ command: "hostname", args: [hostname] }))
        )
      }
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
