import * as Data from "effect/Data"

/** IMDS gave no usable metadata within the deadline, or refused. */
export class ImdsError extends Data.TaggedError("ImdsError")<{
  readonly url: string
  /** What the last attempt met: `http`, `connection`, `timeout`, `document`. */
  readonly kind: "http" | "connection" | "timeout" | "document"
  /**
   * The error of the last attempt in words: `HTTP 500`, `connection refused`,
   * `compute.osProfile.adminUsername is missing`.
   */
  readonly detail: string
  readonly status?: number
  readonly attempts: number
}> {
  /** cloud-init's texts for IMDS (`cloudinit/sources/azure/errors.py`). */
  get reason(): string {
    switch (this.kind) {
      case "http":
        return `http error ${this.status ?? 0} querying IMDS`
      case "connection":
        return "connection error querying IMDS"
      case "timeout":
        return "connection timeout querying IMDS"
      case "document":
        return "error parsing IMDS metadata"
    }
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [["error", this.message], ["url", this.url]]
  }

  override get message(): string {
    const attempts = this.attempts === 1 ? "1 attempt" : `${this.attempts} attempts`
    const advice = this.kind === "http" || this.kind === "document"
      ? "IMDS answers, but not as it should: try again, and tell Azure's support if it lasts"
      : "check that the VM's network is up and that no route or firewall keeps it from IMDS"
    return `no instance metadata from ${this.url} after ${attempts}: ${this.detail}; ${advice}`
  }
}

/**
 * IMDS had not answered when its grace beside a complete provisioning disc was over; the disc is used alone, so nothing
 * reports this.
 */
export class ImdsLateError extends Data.TaggedError("ImdsLateError")<{
  /** Seconds from the moment when the disc had been read. */
  readonly grace: number
}> {
  override get message(): string {
    return `no instance metadata within ${this.grace} s after a complete provisioning disc was read; `
      + "imds.grace_with_media_secs sets how long to wait"
  }
}
