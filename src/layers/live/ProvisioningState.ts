import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { spellings, type VmId } from "../../domain/VmId.ts"
import { FileError } from "../../errors/FileError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { ProvisioningState } from "../../services/ProvisioningState.ts"
import { attempt, type Files, files } from "../linux/files.ts"
import { openLocked } from "../linux/lock.ts"

/** azure-init's marker (`status.rs`): written when Azure has accepted Ready. */
const reportedSuffix = ".provisioned"

/** Our own marker: everything is done, Azure has not yet accepted Ready. */
const configuredSuffix = ".configured"

/** Where the markers are, and what looks after them. */
interface Markers {
  readonly directory: string
  readonly files: Files
  readonly linux: Linux["Service"]
  readonly path: Path.Path
}

const fileOf = ({ directory, path }: Markers, vmId: string, suffix: string) => path.join(directory, `${vmId}${suffix}`)

const isPresent = (markers: Markers, vmId: VmId, suffix: string) =>
  Effect.map(
    Effect.forEach(spellings(vmId), (id) => markers.files.exists(fileOf(markers, id, suffix))),
    (found) => found.includes(true)
  )

/** Whether nobody but this process's user could have put a marker there. */
const isTrusted = ({ directory, linux }: Markers) =>
  attempt("look at", directory, linux.stat(directory)).pipe(
    Effect.map((status) => status.uid === linux.euid && (status.mode & 0o022) === 0)
  )

const prepareDirectory = Effect.fnUntraced(function*(markers: Markers) {
  const { directory, files, path } = markers
  const created = yield* files.makeDirectories(directory, 0o700)
  if (created !== undefined) {
    yield* Effect.logInfo("Made the directory for the markers", { path: directory })
    yield* files.syncDirectory(path.dirname(created))
  }
  if (!(yield* isTrusted(markers))) {
    return yield* new FileError({
      operation: "trust",
      path: directory,
      detail: "it belongs to somebody else or others may write there: chown it to root, chmod it to 0700"
    })
  }
}, Effect.withSpan("status:check_provision_dir"))

const mark = (markers: Markers, vmId: VmId, suffix: string) =>
  Effect.andThen(
    prepareDirectory(markers),
    markers.files.writeAtomic(fileOf(markers, vmId, suffix), "", { mode: 0o600 })
  )

const progress = Effect.fnUntraced(function*(markers: Markers, vmId: VmId) {
  if (!(yield* Effect.orElseSucceed(isTrusted(markers), () => true))) {
    yield* Effect.logWarning("Others may write where the markers are: not believing them", { path: markers.directory })
    return "unprovisioned"
  }
  if (yield* isPresent(markers, vmId, reportedSuffix)) {
    yield* Effect.logInfo("This VM is provisioned already")
    return "reported"
  }
  yield* Effect.logInfo("This VM has to be provisioned")
  return (yield* isPresent(markers, vmId, configuredSuffix)) ? "configured" : "unprovisioned"
}, Effect.withSpan("status:is_provisioning_complete"))

const markReported = Effect.fnUntraced(function*(markers: Markers, vmId: VmId) {
  const marker = fileOf(markers, vmId, reportedSuffix)
  yield* prepareDirectory(markers)
  // One marker becomes the other, so that no moment shows both or neither.
  const renamed = yield* Effect.forEach(
    spellings(vmId),
    (id) => Effect.isSuccess(markers.linux.rename(fileOf(markers, id, configuredSuffix), marker))
  )
  yield* renamed.includes(true)
    ? markers.files.syncDirectory(markers.directory)
    : markers.files.writeAtomic(marker, "", { mode: 0o600 })
  yield* Effect.logInfo("Wrote the marker of a provisioned VM", { path: marker })
}, Effect.withSpan("status:mark_provisioning_complete"))

const clean = Effect.fnUntraced(function*({ directory, files, linux, path }: Markers) {
  const entries = yield* attempt("list", directory, linux.list(directory)).pipe(
    Effect.catchIf((error) => error.code === "ENOENT", () => Effect.succeed([]))
  )
  const found = entries
    .filter(({ name }) => name.endsWith(reportedSuffix) || name.endsWith(configuredSuffix))
    .map(({ name }) => path.join(directory, name))
  yield* Effect.forEach(found, files.remove)
  if (found.length > 0) yield* files.syncDirectory(directory)
  return found
})

/**
 * {@link ProvisioningState} as empty marker files, mode 0600, in the data directory of the settings.
 *
 * The directory is made with mode 0700. One that exists must belong to this process's user and be closed to other
 * writers: who can write there can keep a VM from being provisioned (fault 44 of azure-init).
 */
export const layer: Layer.Layer<ProvisioningState, never, CurrentSettings | Linux | Path.Path> = Layer.effect(
  ProvisioningState,
  Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const linux = yield* Linux
    const path = yield* Path.Path
    const host = yield* files
    const markers: Markers = {
      directory: `${paths.root}${settings.azureInitDataDir.path}`,
      files: host,
      linux,
      path
    }
    return ProvisioningState.of({
      progress: (vmId) => progress(markers, vmId),
      markConfigured: (vmId) => mark(markers, vmId, configuredSuffix),
      markReported: (vmId) => markReported(markers, vmId),
      clean: clean(markers),
      lock: (wait) =>
        host.makeDirectories(path.dirname(paths.lockFile), 0o700).pipe(
          Effect.andThen(
            openLocked(linux, paths.lockFile, { access: "readWrite", create: 0o600, noFollow: true }, wait)
          ),
          Effect.asVoid
        )
    })
  })
)
