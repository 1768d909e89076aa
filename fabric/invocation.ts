import type { Disc } from "./disc.ts"
import type { Sources } from "./loadPlaybook.ts"
import type { Place } from "./platform.ts"
import type { Listen } from "./server.ts"

/** What the command line asks for. */
export type Invocation =
  | { readonly _tag: "Nothing" }
  | {
    readonly _tag: "Serve"
    readonly sources: Sources
    readonly transcript: string | undefined
    readonly listens: Readonly<Record<Place, Listen>>
    /** The interface on which DHCP is served. */
    readonly dhcp: string | undefined
    /** Whether standard input is lines of playbooks. */
    readonly control: boolean
  }
  | {
    readonly _tag: "Run"
    readonly sources: Sources
    readonly transcript: string | undefined
    /** Whether the command runs on a throw-away machine. */
    readonly machine: boolean
    /** Whether root may run it on this machine itself. */
    readonly onThisMachine: boolean
    readonly command: ReadonlyArray<string>
  }
  | {
    readonly _tag: "Disc"
    readonly sources: Sources
    readonly output: string
    /** What is on the disc other than the playbook's VM says. */
    readonly changes: Partial<Disc>
  }
  | { readonly _tag: "Kvp"; readonly file: string }
  | { readonly _tag: "Schema" }
  | { readonly _tag: "Check"; readonly file: string }
