import type { Natives } from "../../../../runtime/natives.d.ts"
import * as Abort from "./abort.ts"
import * as Console from "./console.ts"
import * as Crypto from "./crypto.ts"
import * as Encoding from "./encoding.ts"
import * as Performance from "./performance.ts"
import { Segmenter } from "./segmenter.ts"
import * as Timers from "./timers.ts"
import * as Url from "./url.ts"

/** Defines the Web's globals that Effect and the agent use and QuickJS-ng lacks, in place of those that it has. */
export const install = (system: Natives, target: object): void => {
  const globals = {
    AbortController: Abort.AbortController,
    AbortSignal: Abort.AbortSignal,
    DOMException: Abort.DOMException,
    ...Encoding.make(system),
    ...Timers.make(system),
    ...Url.make(system),
    console: Console.make(system),
    crypto: Crypto.make(system),
    Intl: { Segmenter },
    performance: Performance.make(system),
    queueMicrotask: (work: () => void) => void Promise.resolve().then(work)
  }
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false })
  }
}
