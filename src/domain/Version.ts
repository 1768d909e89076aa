/**
 * The agent's version: azure-init's, whose protocol texts (`azure-init v…`, `Azure-Init/…`, the KVP key prefix) bear
 * it.
 */
export const version = "0.1.1"

/** What `scripts/build/bundle.ts` puts in place of these names; from sources, nothing is there. */
declare const AZURE_INIT_VERSION: string
declare const AZURE_INIT_COMMIT: string
declare const AZURE_INIT_ENGINE: string
declare const AZURE_INIT_TARGET: string

/**
 * Where this build comes from, and what runs it. `version` has the form that azure-init's build script gives it
 * (`build.rs`).
 */
export const build = {
  version: typeof AZURE_INIT_VERSION === "undefined" ? version : AZURE_INIT_VERSION,
  commit: typeof AZURE_INIT_COMMIT === "undefined" ? "none, from sources" : AZURE_INIT_COMMIT,
  engine: typeof AZURE_INIT_ENGINE === "undefined" ? "Node.js" : AZURE_INIT_ENGINE,
  target: typeof AZURE_INIT_TARGET === "undefined" ? "any" : AZURE_INIT_TARGET
} as const
