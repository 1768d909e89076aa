import * as Data from "effect/Data"

/** Azure did not accept a health report. */
export class WireServerError extends Data.TaggedError("WireServerError")<{
  readonly endpoint: string
  /** `Ready` or `NotReady`, as sent. */
  readonly state: string
  readonly detail: string
  readonly status?: number
  readonly attempts: number
}> {
  /** azure-init's `HttpStatus` and `Timeout`. */
  get reason(): string {
    return this.status === undefined ? "operation timed out" : "http status error"
  }

  get supporting(): ReadonlyArray<readonly [string, string]> {
    return [
      ["endpoint", this.endpoint],
      ...(this.status === undefined ? [] : [["status", String(this.status)] as const]),
      ["error", this.message]
    ]
  }

  override get message(): string {
    const attempts = this.attempts === 1 ? "1 attempt" : `${this.attempts} attempts`
    const advice = this.status === undefined
      ? "check that the VM's network is up and that no route or firewall keeps it from WireServer"
      : "check wireserver.health_endpoint in the settings"
    return `Azure has not accepted ${this.state} at ${this.endpoint} after ${attempts}: ${this.detail}; ${advice}`
  }
}
