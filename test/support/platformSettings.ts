import { defaults, type Settings } from "../../src/domain/Settings.ts"

/** The defaults, with other values for the two services of the platform where a test needs them. */
export const platformSettings = (changed: {
  readonly imds?: Partial<Settings["imds"]>
  readonly wireserver?: Partial<Settings["wireserver"]>
} = {}): Settings => ({
  ...defaults,
  imds: { ...defaults.imds, ...changed.imds },
  wireserver: { ...defaults.wireserver, ...changed.wireserver }
})
