import * as Effect from "effect/Effect"
import * as Xml from "effect/encoding/Xml"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/** An element, its name without the prefix of its namespace. */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: ReadonlyArray<Element>
  /** The text that lies directly in it. */
  readonly text: string
}

interface Growing extends Element {
  readonly children: Array<Growing>
  text: string
}

/**
 * The root of an XML document; the failure says where it is wrong. Entities of a document's own are not expanded but
 * refused.
 */
export const parseXml = (text: string): Promise<Result.Result<Element, string>> =>
  Stream.make(text).pipe(
    Stream.pipeThroughChannel(Xml.decodeString()),
    Stream.runFold((): Array<Growing> => [{ name: "", attributes: {}, children: [], text: "" }], (open, event) => {
      const current = open.at(-1)
      if (event._tag === "StartElement") {
        const name = event.name.slice(event.name.indexOf(":") + 1)
        const element: Growing = { name, attributes: event.attributes, children: [], text: "" }
        current?.children.push(element)
        open.push(element)
      } else if (event._tag === "EndElement") {
        open.pop()
      } else if (event._tag === "Text" && current !== undefined) {
        current.text += event.text
      }
      return open
    }),
    Effect.map((open) => {
      const root = open[0]?.children[0]
      return root === undefined ? Result.fail("there is no element") : Result.succeed<Element>(root)
    }),
    Effect.catch(({ message }) => Effect.succeed(Result.fail(message))),
    Effect.runPromise
  )

/** The children of that name. */
export const childrenOf = (parent: Element | undefined, name: string): ReadonlyArray<Element> =>
  (parent?.children ?? []).filter((child) => child.name === name)

/** The descendant at a path of names, the first one of each. */
export const find = (root: Element, ...path: ReadonlyArray<string>): Element | undefined =>
  path.reduce<Element | undefined>((parent, name) => childrenOf(parent, name)[0], root)
