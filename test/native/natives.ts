/** In place of `test/support/natives.ts`: on the boot runtime nothing is faked. */
export const system = natives
