import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import type { KvpEntry } from "../../src/domain/KvpRecord.ts"
import * as KvpRecord from "../../src/domain/KvpRecord.ts"
import * as Live from "../../src/layers/live/Kvp.ts"
import { CurrentSettings } from "../../src/services/CurrentSettings.ts"
import { Kvp } from "../../src/services/Kvp.ts"
import { pathsBelow, temporaryRoot } from "./host.ts"
import { platformSettings } from "./platformSettings.ts"

/** A diagnostic of the agent. */
export const event = (id: string): KvpEntry => ({ key: `azure-init-0.1.1|vm|INFO|http:get|${id}`, value: id })
/** The report, under the key that the host looks for. */
export const report: KvpEntry = { key: "PROVISIONING_REPORT", value: "result=success" }

/** Boot time that the hosts of these tests have, in seconds. */
export const bootTime = 1_700_000_000

const settings = (diagnostics: boolean) =>
  Layer.succeed(CurrentSettings, {
    ...platformSettings(),
    telemetry: { kvpDiagnostics: diagnostics, kvpFilter: Option.none() }
  })

/** The live layer on a host below `root`. */
export const liveBelow = (root: string, diagnostics = true) =>
  Live.layer.pipe(Layer.provide([pathsBelow(root), settings(diagnostics)]))

/** A host with the directory of the pool, as where the daemon is installed. */
export const host = Effect.tap(temporaryRoot, (root) =>
  Effect.sync(() => {
    mkdirSync(`${root}/var/lib/hyperv`, { recursive: true })
    mkdirSync(`${root}/proc`)
    writeFileSync(`${root}/proc/stat`, `cpu 1 2 3\nbtime ${bootTime}\nprocesses 1\n`)
  }))

/** The pool's path. */
export const poolOf = (root: string) => `${root}/var/lib/hyperv/.kvp_pool_1`

/** What {@link withHost} gives a test. */
export interface Host {
  readonly kvp: Kvp["Service"]
  readonly root: string
  readonly pool: string
  /** The messages of the warnings, in order. */
  readonly warnings: ReadonlyArray<string>
  /** Everything that was logged, with its fields. */
  readonly logged: ReadonlyArray<unknown>
}

/** Runs a test on a host that `prepare` has changed before the layer is built. */
export const withHost = <A, E>(test: (host: Host) => Effect.Effect<A, E>, prepare: (root: string) => void = () => {}) =>
  Effect.gen(function*() {
    const root = yield* host
    prepare(root)
    const warnings: Array<string> = []
    const logged: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => {
      logged.push(message)
      if (logLevel === "Warn") warnings.push(Array.isArray(message) ? String(message[0]) : String(message))
    })
    return yield* Kvp.use((kvp) => test({ kvp, root, pool: poolOf(root), warnings, logged })).pipe(
      Effect.provide([liveBelow(root), Logger.layer([logger])])
    )
  })

/** The entries of a pool file. */
export const decoded = (pool: string) => KvpRecord.decodePool(readFileSync(pool)).entries
/** Lays down a pool that was last written at `mtime`, in seconds. */
export const writePool = (root: string, entries: ReadonlyArray<KvpEntry>, mtime: number) => {
  writeFileSync(poolOf(root), KvpRecord.encode(entries))
  utimesSync(poolOf(root), mtime, mtime)
}
