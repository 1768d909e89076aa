
/** Calls that the device, the network or a reader can hold up, on a thread of their own; the result comes to `done`, once, in a later turn of the loop. */
export interface Offloaded {
