import * as Schema from "effect/Schema"

/** Azure did not accept a health report. */
export class WireServerError extends Schema.TaggedError<WireServerError>()("WireServerError", {
  endpoint: Schema.String,
  /** `Ready` or `NotReady`, as sent. */
  state: Schema.String,
  detail: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  attempts: Schema.Int
}) {
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
