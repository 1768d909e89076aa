import * as Data from "effect/Data"

/** The provisioning disc is there, and its OVF environment cannot be had from it. */
export class MediaError extends Data.TaggedError("MediaError")<{
  /** The device or directory: `/dev/sr0`. */
  readonly device: string
  /**
   * `mount` and `read` are errors of the disc, `parse` with the document, `accept` with a password that no Linux
   * takes, `unmount` with what was mounted.
   */
  readonly kind: "mount" | "read" | "parse" | "accept" | "unmount"
  /**
   * What was found and what was expected, never a secret: `HostName occurs twice in LinuxProvisioningConfigurationSet`.
   */
  readonly detail: string
}> {
  /** cloud-init's texts (`cloudinit/sources/azure/errors.py`). */
  get reason(): string {
    switch (this.kind) {
      case "parse":
        return "error parsing ovf-env.xml"
      case "accept":
        return this.detail
      case "unmount":
        return "failed to unmount provisioning media"
      default:
        return "failed to read provisioning media"
    }
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message]]
  }

  override get message(): string {
    return `cannot ${this.kind} the provisioning media ${this.device}: ${this.detail}`
  }
}
