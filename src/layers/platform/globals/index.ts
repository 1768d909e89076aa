import { install } from "./install.ts"

/** The first module of the executable: what comes after it finds the globals of a browser or of Node. */
install(natives, globalThis)
