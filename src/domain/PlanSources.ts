import type * as Option from "effect/Option"
import type * as Result from "effect/Result"
import type { InstanceMetadata } from "./InstanceMetadata.ts"
import type { OvfEnvironment } from "./OvfEnvironment.ts"
import type { DecodedKeys } from "./SshPublicKey.ts"
import type { GroupName } from "./Username.ts"

/** A source of the platform: IMDS, or the provisioning media's OVF environment. */
export type PlatformSource = "IMDS" | "media"

/**
 * Where a field of the plan comes from. `settings` are the settings files, `default` is what counts where nothing else
 * names a value, and `command line` includes the environment variable that stands for a flag.
 */
export type Source = PlatformSource | "command line" | "settings" | "default"

/** A decoded value and where it comes from. */
export interface Sourced<A, S extends Source = Source> {
  readonly value: A
  readonly source: S
}

/** Why a source gave nothing, in a sentence. */
export interface SourceFailure {
  readonly message: string
}

/** What the platform said, or why it said nothing. `E` is the failure of the media, which the plan may hand on. */
export interface PlanSources<E extends SourceFailure = SourceFailure> {
  readonly imds: Result.Result<InstanceMetadata, SourceFailure>
  /** `none` when there is no provisioning media. */
  readonly media: Result.Result<Option.Option<OvfEnvironment>, E>
  /** The SSH keys of each, decoded; empty where the source failed, the media's also where IMDS has a usable one. */
  readonly keys: Readonly<Record<PlatformSource, DecodedKeys>>
}

/** What the settings say about the account; `groups` and `createMissingGroups` are from a file or the default. */
export interface PlanSettings {
  readonly groups: Sourced<ReadonlyArray<GroupName>, "settings" | "default">
  readonly createMissingGroups: Sourced<boolean, "settings" | "default">
  /** Whether a password that Azure gives may be set. */
  readonly allowPassword: boolean
}
