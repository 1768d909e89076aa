/** The part of `node:assert` that Effect's own helpers for tests name, by chai's. */
import { assert } from "chai"

export const { deepStrictEqual, doesNotThrow, fail, ok, strictEqual, throws } = assert
