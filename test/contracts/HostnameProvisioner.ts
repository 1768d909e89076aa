import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Hostname } from "../../src/domain/Hostname.ts"
import { HostnameProvisioner } from "../../src/services/HostnameProvisioner.ts"

/** A {@link HostnameProvisioner} under test, and what its host has come to be. */
export interface Subject {
  readonly layer: Layer.Layer<HostnameProvisioner>
  /** The name in force now and after a boot. */
  readonly hostname: () => string | undefined
}

/** What every {@link HostnameProvisioner} does. */
export const contract = (name: string, build: Effect.Effect<Subject, never, Scope.Scope>) =>
  describe(`HostnameProvisioner: ${name}`, () => {
    const withHostnames = <A, E>(
      test: (hostnames: HostnameProvisioner["Service"], subject: Subject) => Effect.Effect<A, E>
    ) =>
      Effect.flatMap(
        build,
        (subject) =>
          HostnameProvisioner.use((hostnames) => test(hostnames, subject)).pipe(Effect.provide(subject.layer))
      )

    it.effect("sets the name, and again", () =>
      withHostnames((hostnames, subject) =>
        Effect.gen(function*() {
          yield* hostnames.set(Hostname.make("vm-1"))
          yield* hostnames.set(Hostname.make("vm-1"))
          assert.strictEqual(subject.hostname(), "vm-1")
        })
      ))

    // Of the same length: the kernel takes a write to its file as the whole name, a plain file below a temporary root
    // would keep the rest.
    it.effect("replaces a name", () =>
      withHostnames((hostnames, subject) =>
        Effect.gen(function*() {
          yield* hostnames.set(Hostname.make("vm-1"))
          yield* hostnames.set(Hostname.make("vm-2"))
          assert.strictEqual(subject.hostname(), "vm-2")
        })
      ))
  })
