/** The part of `node:util` that tests use, for the boot runtime, by what chai has of it. */
import { use } from "chai"

type Utilities = Parameters<Parameters<typeof use>[0]>[1]

const found: Array<Utilities> = []
use((_, utilities) => void found.push(utilities))
const [utilities] = found
if (utilities === undefined) throw new Error("chai has no utilities")

export const inspect = (value: unknown): string => utilities.inspect(value)

export const isDeepStrictEqual = (left: unknown, right: unknown): boolean => utilities.eql(left, right)
