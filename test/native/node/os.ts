/** The part of `node:os` that tests use, for the boot runtime. */
export const tmpdir = (): string => natives.env["TMPDIR"] ?? "/tmp"
