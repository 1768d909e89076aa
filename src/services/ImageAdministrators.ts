import * as Context from "effect/Context"

/**
 * Accounts below `UID_MIN` that a distribution makes for its administrator; every other account there is a system
 * account.
 */
export const ImageAdministrators = Context.Reference<ReadonlyArray<string>>(
  "azure-init/services/ImageAdministrators",
  { defaultValue: () => [] }
)
