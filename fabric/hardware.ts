/** What Azure's hardware shows a machine, as files to be laid over its own. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { writeDiscImage } from "./discImage.ts"

const write = (file: string, content: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

const uuidFile = (directory: string): string => join(directory, "sys/class/dmi/id/product_uuid")

/**
 * Writes `sys/`, to be laid over `/sys/class` and `/sys/block`, and, with the `ovf-env.xml` of a disc, the image
 * `disc.img` and its content in `disc/`. `productUuid` is the VM id as the firmware shows it.
 */
export const writeHardware = async (
  directory: string,
  productUuid: string,
  disc: string | undefined
): Promise<void> => {
  write(uuidFile(directory), `${productUuid}\n`)
  // Azure's, on every VM (azure-init's `doc/`, cloud-init's `DataSourceAzure.py`).
  write(join(directory, "sys/class/dmi/id/chassis_asset_tag"), "7783-7084-3265-9085-8269-3286-77\n")
  mkdirSync(join(directory, "sys/block"))
  if (disc === undefined) return
  // TYPE_ROM of SCSI, as the kernel shows it for an optical drive.
  write(join(directory, "sys/block/sr0/device/type"), "5\n")
  write(join(directory, "disc/ovf-env.xml"), disc)
  await writeDiscImage(join(directory, "disc.img"), disc)
}

/**
 * The machine is another VM from now on. In place: what an overlay shows of {@link writeHardware}'s directory is this
 * very file.
 */
export const changeProductUuid = (directory: string, productUuid: string): void =>
  writeFileSync(uuidFile(directory), `${productUuid}\n`, { flag: "r+" })
