import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { HostnameError } from "../../errors/HostnameError.ts"
import { HostnameProvisioner } from "../../services/HostnameProvisioner.ts"

/**
 * A {@link HostnameProvisioner} that keeps the names it was given in `calls`; each call takes the next answer, the last
 * one repeats.
 */
export const make = (answers: ReadonlyArray<"set" | "defect" | { readonly failure: string }> = ["set"]): {
  readonly layer: Layer.Layer<HostnameProvisioner>
  readonly calls: ReadonlyArray<string>
  /** The name in force, `undefined` before the first success. */
  readonly hostname: () => string | undefined
} => {
  const calls: Array<string> = []
  let current: string | undefined
  const service = HostnameProvisioner.of({
    set: (hostname) =>
      Effect.suspend(() => {
        const answer = answers[Math.min(calls.length, answers.length - 1)] ?? "set"
        calls.push(hostname)
        if (answer === "defect") return Effect.die(new Error("a defect of the backend"))
        if (answer !== "set") return Effect.fail(new HostnameError({ hostname, detail: answer.failure }))
        current = hostname
        return Effect.void
      })
  })
  return { layer: Layer.succeed(HostnameProvisioner, service), calls, hostname: () => current }
}
