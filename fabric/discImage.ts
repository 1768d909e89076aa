import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** The label of Azure's own provisioning discs. */
const label = "rd_rdfe"

/**
 * Makes the image of a provisioning disc, UDF with an ISO 9660 bridge that keeps the name (Rock Ridge), with this
 * `ovf-env.xml`; rejects when there is no genisoimage.
 */
export const writeDiscImage = async (output: string, document: string): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "azure-fabric-disc-"))
  try {
    await writeFile(join(directory, "ovf-env.xml"), document)
    await promisify(execFile)("genisoimage", ["-quiet", "-udf", "-r", "-V", label, "-o", output, directory])
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT"
    throw missing ? new Error("genisoimage is missing: install the package of that name", { cause: error }) : error
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
