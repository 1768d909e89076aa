}

declare global {
  /** The boot runtime's natives; there on the executable only, never on Node. */
  const natives: Natives
}
