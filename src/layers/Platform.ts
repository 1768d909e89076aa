/**
 * What the agent takes from its platform. The build of the executable puts `platform/Native.ts` in place of this
 * module; both have the same names.
 */
export * from "./platform/Node.ts"
