/** The diagram of docs/architecture.md, and the imports that it shows. An edge is `FROM -> TO`, each a room. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

/** The arrows of a Mermaid flowchart; a node is called by the first line of its label. */
export const edgesOf = (flowchart: string): ReadonlyArray<string> => {
  const labels = new Map(
    [...flowchart.matchAll(/^\s*(\w+)\["([^"<]+)/gm)].map(([, id = "", label = ""]) => [id, label] as const)
  )
  const labelOf = (id: string): string => labels.get(id) ?? `no node ${id}`
  return [...flowchart.matchAll(/^\s*(\w+) --> (\w+)$/gm)].map(([, from = "", to = ""]) =>
    `${labelOf(from)} -> ${labelOf(to)}`
  )
}

/** A module's room: `domain`, `layers/live`, `layers` for the modules directly in it, `main.ts`. */
const roomOf = (path: string): string =>
  path.startsWith("layers/") && path.split("/").length > 2
    ? dirname(path).split("/", 2).join("/")
    : path.split("/")[0] ?? ""

/** Every pair of rooms of which one imports from the other. */
export const importsBetweenRooms = (src: string): ReadonlyArray<string> => {
  const edges = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
    .flatMap((name) =>
      [...readFileSync(join(src, name), "utf8").matchAll(/\b(?:from |import\()"(\.[^"]+)"/g)]
        .map(([, target = ""]) => relative(src, join(src, dirname(name), target)))
        .filter((target) => !target.startsWith("..") && roomOf(target) !== roomOf(name))
        .map((target) => `${roomOf(name)} -> ${roomOf(target)}`)
    )
  return [...new Set(edges)].toSorted()
}

/** The edges, and every pair of rooms that several of them lead along. */
export const reachable = (edges: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = new Set(edges)
  // A Set's iteration visits what is added meanwhile.
  for (const edge of all) {
    const [from, over] = edge.split(" -> ")
    for (const next of edges) if (next.startsWith(`${over} -> `)) all.add(`${from} -> ${next.split(" -> ")[1]}`)
  }
  return [...all]
}
