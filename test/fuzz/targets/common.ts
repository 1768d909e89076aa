import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { Username } from "../../../src/domain/Username.ts"
import { CurrentSettings } from "../../../src/services/CurrentSettings.ts"
import { platformSettings } from "../../support/platformSettings.ts"
import { type Outcome, refused, value } from "../target.ts"

/** The directory of all fixtures. */
export const fixtures = new URL("../../fixtures/", import.meta.url)

/** The files of a directory of fixtures, in the order of their names. */
export const filesIn = (directory: string): ReadonlyArray<Uint8Array> =>
  readdirSync(new URL(directory, fixtures)).sort().map((name) => readFileSync(new URL(`${directory}${name}`, fixtures)))

/** Documents that are text. */
export const bytesOf = (...texts: ReadonlyArray<string>): ReadonlyArray<Uint8Array> =>
  texts.map((text) => Buffer.from(text))

/** A promise about an answer; a broken one is a finding. */
export const promise = (kept: boolean, what: string): void => {
  if (!kept) throw new Error(`promise broken: ${what}`)
}

/** As the agent's subprocess service hands output on: at most 1 MiB of characters, wrong UTF-8 replaced. */
export const output = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).slice(0, 1024 * 1024)

/** Writes a file, its directories included. */
export const put = (path: string, bytes: Uint8Array | string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

/** A path that climbs would leave the directory that stands for the host, and the run would work on the real one. */
export const withoutClimbing = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  const changed = Uint8Array.from(bytes)
  for (let index = 1; index < changed.length; index++) {
    if (changed[index] === 0x2e && changed[index - 1] === 0x2e) changed[index] = 0x5f
  }
  return changed
}

/** An empty directory in place of what a former input has left. */
export const emptied = (directory: string): Effect.Effect<void> =>
  Effect.sync(() => {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
  })

/** One attempt: the interval leads beyond the total, so that there is no retry. */
export const once = { retryInterval: Duration.seconds(20), totalRetryTimeout: Duration.seconds(20) }

/** The agent's settings, with one attempt for each request. */
export const settings = Layer.succeed(CurrentSettings, platformSettings({ imds: once, wireserver: once }))

/** What became of a decoder's work; `detail` tells kinds of answers apart. */
export const outcome = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  work: Effect.Effect<A, E, R>,
  detail: (answer: A) => string = () => ""
): Effect.Effect<Outcome, never, R> =>
  Effect.match(work, {
    onSuccess: (answer) => value(detail(answer), answer),
    onFailure: (error) => refused(error._tag, error.message)
  })

/** Who the accounts of the decoders belong to: who runs them. */
export const account = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

/** A key that is taken. */
export const oneKey = readFileSync(new URL("ssh/ed25519.pub", fixtures), "utf8")
