import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { MediaError } from "../../src/errors/MediaError.ts"
import { ProvisioningMedia } from "../../src/services/ProvisioningMedia.ts"

/** What is in the drive: nothing, a disc with a fixture of `test/fixtures/ovf` (by name, no ending). */
export type Drive = Option.Option<"ordinary" | "password" | "wrong-root" | "password-73">

/** What every {@link ProvisioningMedia} does; `build` gives one that has this in its drive. */
export const contract = (
  name: string,
  build: (drive: Drive) => Effect.Effect<Layer.Layer<ProvisioningMedia>, never, Scope.Scope>
) =>
  describe(`ProvisioningMedia: ${name}`, () => {
    const environmentOf = (drive: Drive) =>
      Effect.flatMap(
        build(drive),
        (layer) => ProvisioningMedia.use(({ environment }) => environment).pipe(Effect.provide(layer))
      )

    it.effect("has none without a disc", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* environmentOf(Option.none()), Option.none())
      }))

    it.effect("has what the disc's document says", () =>
      Effect.gen(function*() {
        const environment = Option.getOrThrow(yield* environmentOf(Option.some("ordinary")))
        assert.deepStrictEqual(environment.username, Option.some("azureuser"))
        assert.deepStrictEqual(environment.hostname, Option.some("web-1"))
        assert.deepStrictEqual(environment.password, Option.none())
      }))

    it.effect("has the password, redacted", () =>
      Effect.gen(function*() {
        const environment = Option.getOrThrow(yield* environmentOf(Option.some("password")))
        assert.strictEqual(Redacted.value(Option.getOrThrow(environment.password)), " pa&ss <wörd> ")
        assert.notInclude(JSON.stringify(environment), "wörd")
      }))

    it.effect("fails on a document that is no OVF environment", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(environmentOf(Option.some("wrong-root")))
        assert.instanceOf(error, MediaError)
        assert.strictEqual(error.kind, "parse")
        assert.strictEqual(error.reason, "error parsing ovf-env.xml")
      }))

    it.effect("fails on a password that is too long, in cloud-init's words", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(environmentOf(Option.some("password-73")))
        assert.strictEqual(error.kind, "accept")
        assert.strictEqual(error.reason, "unsupported password length=73 max=72")
        assert.notInclude(error.message, "é")
      }))

    it.effect("can be asked again", () =>
      Effect.gen(function*() {
        const layer = yield* build(Option.some("ordinary"))
        yield* ProvisioningMedia.use((media) =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* media.environment, yield* media.environment)
          })
        ).pipe(Effect.provide(layer))
      }))
  })
