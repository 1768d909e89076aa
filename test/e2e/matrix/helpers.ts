/** The helper binaries of a first boot with a disc and a password, and what a boot without one of them comes to. */
import { sources } from "../hosts/overlay.ts"

/** How a helper can let the agent down. */
export const failings = [
  "is missing",
  "is no program",
  "fails",
  "hangs",
  "hangs and ignores SIGTERM",
  "is killed",
  "fails after 10 MiB of output",
  "repeats its input and fails"
] as const

/** See {@link failings}. */
export type Failing = typeof failings[number]

/** A helper of the agent. */
export interface Helper {
  readonly name: string
  /** Where Debian and Ubuntu have it. */
  readonly path: string
  /** A shell command that makes a machine on which the agent needs it; it needs it on every one when absent. */
  readonly needed?: string
  /** The failings that keep nothing from being as it should: something else does its work, or it is not needed. */
  readonly harmless: ReadonlyArray<Failing>
  /** What the report says of it otherwise. */
  readonly reason?: RegExp
  /** Whether the owner's keys are in place without it. */
  readonly keys?: boolean
}

/** See {@link Helper}. */
export const helpers: ReadonlyArray<Helper> = [
  { name: "flock", path: "/usr/bin/flock", harmless: failings },
  // It mounts what the kernel has no driver for, with the helper that the machines have.
  { name: "mount", path: "/usr/bin/mount", harmless: [], reason: /mount/ },
  { name: "umount", path: "/usr/bin/umount", harmless: failings },
  // Without it, /etc/passwd is read; with one that does not work, nobody knows who is who.
  {
    name: "getent",
    path: "/usr/bin/getent",
    needed: sources("systemd files"),
    harmless: ["is missing"],
    reason: /getent/,
    keys: false
  },
  { name: "hostnamectl", path: "/usr/bin/hostnamectl", harmless: failings },
  { name: "useradd", path: "/usr/sbin/useradd", harmless: [], reason: /useradd/, keys: false },
  { name: "chpasswd", path: "/usr/sbin/chpasswd", harmless: [], reason: /chpasswd/ },
  // It only checks the rule; where sudo is not installed there is none.
  { name: "visudo", path: "/usr/sbin/visudo", harmless: ["is missing"], reason: /visudo/ },
  // It only tells where keys go and whether its configuration is good; one that says that it is not counts.
  {
    name: "sshd",
    path: "/usr/sbin/sshd",
    harmless: ["is missing", "is no program", "hangs", "hangs and ignores SIGTERM", "is killed"],
    reason: /sshd/
  },
  { name: "eject", path: "/usr/bin/eject", harmless: failings }
]
