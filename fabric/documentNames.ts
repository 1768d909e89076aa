/** The documents that a playbook can name; `documents.ts` says what they are. */
export const documentNames = [
  "instance",
  "instance-basic",
  "instance-without-os-profile",
  "instance-without-keys",
  "versions",
  "goal-state",
  "error-page"
] as const

/** One of {@link documentNames}. */
export type DocumentName = (typeof documentNames)[number]
