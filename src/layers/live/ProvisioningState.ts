import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import { spellings, type VmId } from "../../domain/VmId.ts"
import { FileError } from "../../errors/FileError.ts"
import { CurrentSettings } from "../../services/CurrentSettings.ts"
import { Paths } from "../../services/Paths.ts"
import { ProvisioningState } from "../../services/ProvisioningState.ts"
import { attempt, exists, syncDirectory, writeAtomic } from "./files.ts"
import { openLocked } from "./flock.ts"

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
export const layer: Layer.Layer<ProvisioningState, never, CurrentSettings> = Layer.effect(
  ProvisioningState,
  Effect.gen(function*() {
    const paths = yield* Paths
    const settings = yield* CurrentSettings
    const directory = `${paths.root}${settings.azure_init_data_dir.path}`

    const present = (vmId: VmId, suffix: string) =>
      Effect.map(
        Effect.forEach(spellings(vmId), (id) => exists(NodePath.join(directory, `${id}${suffix}`))),
        (found) => found.includes(true)
      )

    /** Whether nobody but us could have put a marker there. */
    const trusted = attempt("look at", directory, () => Fs.stat(directory)).pipe(
      Effect.map((status) => status.uid === process.geteuid?.() && (status.mode & 0o022) === 0)
    )

    const prepareDirectory = Effect.gen(function*() {
      const created = yield* attempt(
        "create",
        directory,
        () => Fs.mkdir(directory, { recursive: true, mode: 0o700 })
      )
      if (created !== undefined) {
        yield* Effect.logInfo("Made the directory for the markers", { path: directory })
        yield* syncDirectory(NodePath.dirname(created))
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
        writeAtomic(NodePath.join(directory, `${vmId}${suffix}`), "", { mode: 0o600 })
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
        const path = NodePath.join(directory, `${vmId}${reportedSuffix}`)
        yield* prepareDirectory
        // One marker becomes the other, so that no moment shows both or neither.
        const renamed = yield* Effect.forEach(
          spellings(vmId),
          (id) =>
            Effect.isSuccess(
              attempt("rename", path, () => Fs.rename(NodePath.join(directory, `${id}${configuredSuffix}`), path))
            )
        )
        yield* renamed.includes(true) ? syncDirectory(directory) : writeAtomic(path, "", { mode: 0o600 })
        yield* Effect.logInfo("Wrote the marker of a provisioned VM", { path })
      }, Effect.withSpan("status:mark_provisioning_complete")),

      clean: Effect.gen(function*() {
        const names = yield* attempt("list", directory, () => Fs.readdir(directory)).pipe(
          Effect.catch((error) => error.code === "ENOENT" ? Effect.succeed([]) : Effect.fail(error))
        )
        const markers = names
          .filter((name) => name.endsWith(reportedSuffix) || name.endsWith(configuredSuffix))
          .map((name) => NodePath.join(directory, name))
        yield* Effect.forEach(markers, (path) => attempt("remove", path, () => Fs.rm(path, { force: true })))
        if (markers.length > 0) yield* syncDirectory(directory)
        return markers
      }),

      lock: (wait) =>
        attempt(
          "create",
          paths.lockFile,
          () => Fs.mkdir(NodePath.dirname(paths.lockFile), { recursive: true, mode: 0o700 })
        ).pipe(
          Effect.andThen(openLocked(
            paths.lockFile,
            constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
            0o600,
            wait
          )),
          Effect.asVoid
        )
    })
  })
)
