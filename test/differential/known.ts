import type { Outcome } from "../fuzz/target.ts"

/** A difference that has to be there, and why. */
interface Known {
  readonly target: string
  readonly why: string
  readonly holds: (node: string, quickjs: string, input: Uint8Array) => boolean
}

const outcomesOf = (text: string): ReadonlyArray<Outcome> => {
  const { whole }: { readonly whole: ReadonlyArray<Outcome> } = JSON.parse(text)
  return whole
}

/** A status line whose reason has a control character, which RFC 9112 (4) allows in none. */
const oddReason = /HTTP\/1\.[01] \d{3} [^\r\n]*(?![\t\r\n\x80-\x9f])\p{Cc}/u

const known: ReadonlyArray<Known> = [
  {
    target: "http",
    why:
      "Node's parser of HTTP is llhttp, the boot runtime's is httparse: a message that is not HTTP may be refused for "
      + "another reason, but never by one of them only, except for a reason with control characters, which llhttp takes",
    holds: (node, quickjs, input) => {
      if (!node.startsWith("{") || !quickjs.startsWith("{")) return false
      const [ours, theirs] = [outcomesOf(quickjs), outcomesOf(node)]
      const odd = oddReason.test(Buffer.from(input).toString("latin1"))
      return ours.length === theirs.length && ours.every((outcome, index) => {
        const other = theirs[index]
        return outcome._tag === "Refused" && (other?._tag === "Refused" || odd)
          || JSON.stringify(outcome) === JSON.stringify(other)
      })
    }
  }
]

/** Whether a difference is one that has to be there. */
export const isKnown = (target: string, node: string, quickjs: string, input: Uint8Array): boolean =>
  known.some((one) => one.target === target && one.holds(node, quickjs, input))
