import { join } from "node:path"

/** The repository's directory. */
export const root: string = join(import.meta.dirname, "../..")
