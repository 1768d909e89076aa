/** The databases of the name service that the agent asks. */
export type Database = "passwd" | "group" | "shadow"

/** Where the file of a database stands among its sources. */
export interface Sources {
  /** Whether the file is asked first and an entry that it has is the answer. */
  readonly fileFirst: boolean
  /** Whether nothing but the file is asked. */
  readonly fileOnly: boolean
}

/** A source, or what is to be done about its answer (nsswitch.conf(5)). */
const item = /\[[^\]]*\]|[^\s[]+/g

/** Members of the same group in the next source are added; the entry itself stays. */
const merges = /^\[\s*success\s*=\s*merge\s*\]$/i

/**
 * The sources of a database, from the text of `/etc/nsswitch.conf`; without a line for it, glibc and musl ask the file.
 */
export const sourcesOf = (text: string, database: Database): Sources => {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line.split(/[\s:]/)[0] === database)
  // Which of several lines counts is a matter of the library's version.
  const [line = `${database}: files`] = lines.length > 1 ? [""] : lines
  const listed = line.startsWith(`${database}:`) ? line.slice(database.length + 1) : ""
  const [first = "", second = ""] = listed.match(item) ?? []
  const fileFirst = first === "files" && (!second.startsWith("[") || merges.test(second))
  return { fileFirst, fileOnly: fileFirst && second === "" }
}

/** The fields of each database's lines, the name left out (passwd(5), group(5), shadow(5)). */
const fields: Readonly<Record<Database, RegExp>> = {
  passwd: /^:[^:]*:\d{1,10}:\d{1,10}:[^:]*:[^:]*:[^:]*$/,
  group: /^:[^:]*:\d{1,10}:[^:]*$/,
  shadow: /^:[^:]*(?::-?\d*){6}:[^:]*$/
}

/**
 * An entry of a file: its line, `absent`, or `unclear` where only the name service itself can say what it makes of the
 * file.
 */
export type Entry = { readonly line: string } | "absent" | "unclear"

/**
 * The entry of this name in the text of a database's file, as its `files` source finds it; of a group, also of this id.
 */
export const entryOf = (text: string, database: Database, key: string): Entry => {
  const lines = text.split("\n")
  // Lines for other sources (passwd(5) of NIS), and blanks that each library treats in its own way.
  if (lines.some((line) => /^[+-]|^\s+\S|\r/.test(line))) return "unclear"
  const line = lines.find((line) =>
    line.startsWith(`${key}:`) || (database === "group" && line.split(":")[2] === key && !line.startsWith("#"))
  )
  if (line === undefined) return "absent"
  return fields[database].test(line.slice(line.indexOf(":"))) ? { line } : "unclear"
}
