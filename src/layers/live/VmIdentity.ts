import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { swapByteOrder, VmId } from "../../domain/VmId.ts"
import { VmIdentityError } from "../../errors/VmIdentityError.ts"
import type { Linux } from "../../services/Linux.ts"
import { Paths } from "../../services/Paths.ts"
import { VmIdentity } from "../../services/VmIdentity.ts"
import { files } from "../linux/files.ts"

/** The chassis asset tag of every Azure VM: "MSFT AZURE VM" in decimal pairs (cloud-init's `identity.py`). */
const azureChassisAssetTag = "7783-7084-3265-9085-8269-3286-77"

const decodeVmId = Schema.decodeUnknownOption(VmId)

/**
 * {@link VmIdentity} from DMI.
 *
 * Generation 2 firmware (UEFI, SMBIOS 3.1) shows the id as Azure prints it; generation 1 (SMBIOS 2.3) in the other byte
 * order. A text that is no UUID is taken as it is when it can be a file name, as azure-init does.
 */
export const layer: Layer.Layer<VmIdentity, never, Linux | Path.Path> = Layer.effect(
  VmIdentity,
  Effect.gen(function*() {
    const paths = yield* Paths
    const { exists, readText } = yield* files

    const vmId = Effect.gen(function*() {
      const path = paths.productUuid
      const text = (yield* readText(path).pipe(
        Effect.mapError((error) => new VmIdentityError({ path, detail: error.detail }))
      )).trim().toLowerCase()
      const generation2 = (yield* Effect.forEach(paths.efi, exists)).includes(true)
      const decoded = decodeVmId(generation2 ? text.replace(/^urn:uuid:/, "") : swapByteOrder(text))
      if (Option.isNone(decoded)) {
        return yield* new VmIdentityError({ path, detail: "holds no UUID" })
      }
      return decoded.value
    })

    const platform = readText(paths.chassisAssetTag).pipe(
      Effect.map((tag) => tag.trim() === azureChassisAssetTag ? "azure" as const : "other" as const),
      Effect.catch(() => Effect.succeed("unknown" as const))
    )

    const textOf = (path: string) => Effect.catch(readText(path), () => Effect.succeed(""))
    const software = Effect.map(
      Effect.all([textOf(paths.kernelRelease), textOf(paths.osRelease)]),
      ([kernel, os]) => ({
        kernel: kernel.trim() || "unknown",
        os: /^VERSION_ID=["']?([^"'\n]*)/m.exec(os)?.[1] || "unknown"
      })
    )

    return VmIdentity.of({ vmId, platform, software })
  })
)
