import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { spellings, type VmId } from "../../domain/VmId.ts"
import { FileError } from "../../errors/FileError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { ProvisioningState } from "../../services/ProvisioningState.ts"
import { attempt, files } from "../linux/files.ts"
import { openLocked } from "../linux/lock.ts"

/** azure-init's marker (`status.rs`): written when Azure has accepted Ready. */
const reportedSuffix = ".provisioned"

/** Our own marker: everything is done, Azure has not yet accepted Ready. */
const configuredSuffix = ".configured"

/**
 * {@link ProvisioningState} as empty marker files, mode 0600, in the data directory of the settings.
 *
 * The directory is made with mode 0700. One that exists must belong to this process's user and be closed to other writers: who can
 * write there can keep a VM from being provisioned (fault 44 of azure-init).
 */
export const layer: Layer.Layer<ProvisioningState, never, CurrentSettings | Linux | Path.Path> = Layer.effect(
  ProvisioningState,
  Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const linux = yield* Linux
    const path = yield* Path.Path
    const { exists, makeDirectories, remove, syncDirectory, writeAtomic } = yield* files
    const directory = `${paths.root}${settings.azure_init_data_dir.path}`

    const present = (vmId: VmId, suffix: string) =>
      Effect.map(
        Effect.forEach(spellings(vmId), (id) => exists(path.join(directory, `${id}${suffix}`))),
        (found) => found.includes(true)
      )

    /** Whether nobody but us could have put a marker there. */
    const trusted = attempt("look at", directory, linux.stat(directory)).pipe(
      Effect.map((status) => status.uid === linux.euid && (status.mode & 0o022) === 0)
    )

    const prepareDirectory = Effect.gen(function*() {
      const created = yield* makeDirectories(directory, 0o700)
      if (created !== undefined) {
        yield* Effect.logInfo("Made the directory for the markers", { path: directory })
        yield* syncDirectory(path.dirname(created))
      }
      if (!(yield* trusted)) {
        return yield* new FileError({
          operation: "trust",
          path: directory,
          detail: "it belongs to somebody else or others may write there: chown it to root, chmod it to 0700"
        })
      }
    }).pipe(Effect.withSpan("status:check_provision_dir"))

    const mark = (vmId: VmId, suffix: string) =>
      Effect.andThen(
        prepareDirectory,
        writeAtomic(path.join(directory, `${vmId}${suffix}`), "", { mode: 0o600 })
      )

    return ProvisioningState.of({
      progress: Effect.fnUntraced(function*(vmId) {
        if (!(yield* Effect.catch(trusted, () => Effect.succeed(true)))) {
          yield* Effect.logWarning("Others may write where the markers are: not believing them", { path: directory })
          return "unprovisioned"
        }
        if (yield* present(vmId, reportedSuffix)) {
          yield* Effect.logInfo("This VM is provisioned already")
          return "reported"
        }
        yield* Effect.logInfo("This VM has to be provisioned")
        return (yield* present(vmId, configuredSuffix)) ? "configured" : "unprovisioned"
      }, Effect.withSpan("status:is_provisioning_complete")),

      markConfigured: (vmId) => mark(vmId, configuredSuffix),

      markReported: Effect.fnUntraced(function*(vmId) {
        const marker = path.join(directory, `${vmId}${reportedSuffix}`)
        yield* prepareDirectory
        // One marker becomes the other, so that no moment shows both or neither.
        const renamed = yield* Effect.forEach(
          spellings(vmId),
          (id) =>
            Effect.isSuccess(
              attempt("rename", marker, linux.rename(path.join(directory, `${id}${configuredSuffix}`), marker))
            )
        )
        yield* renamed.includes(true) ? syncDirectory(directory) : writeAtomic(marker, "", { mode: 0o600 })
        yield* Effect.logInfo("Wrote the marker of a provisioned VM", { path: marker })
      }, Effect.withSpan("status:mark_provisioning_complete")),

      clean: Effect.gen(function*() {
        const entries = yield* attempt("list", directory, linux.list(directory)).pipe(
          Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed([]) : Effect.fail(error))
        )
        const markers = entries
          .filter(({ name }) => name.endsWith(reportedSuffix) || name.endsWith(configuredSuffix))
          .map(({ name }) => path.join(directory, name))
        yield* Effect.forEach(markers, remove)
        if (markers.length > 0) yield* syncDirectory(directory)
        return markers
      }),

      lock: (wait) =>
        makeDirectories(path.dirname(paths.lockFile), 0o700).pipe(
          Effect.andThen(
            openLocked(linux, paths.lockFile, { access: "readWrite", create: 0o600, noFollow: true }, wait)
          ),
          Effect.asVoid
        )
    })
  })
)
