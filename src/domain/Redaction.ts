/** What stands in a text in place of a secret. */
export const placeholder = "<redacted>"

/**
 * A part of a secret counts from this many characters on: half of the 12 that Azure asks of an administrator's
 * password, and long enough that ordinary words of a message stay.
 */
const longestKept = 6

/** A secret of fewer characters is only hidden where it stands as a word: it would blank every message otherwise. */
const shortestPart = 4

/** What to look for in a text, as {@link hide} adds it. */
export interface Needles {
  /** Hidden wherever they stand. */
  readonly whole: Set<string>
  /** Every part of `longestKept` characters of the secrets that have as many. */
  readonly parts: Set<string>
  /** Hidden where they stand as a word. */
  readonly words: Set<string>
}

/** Nothing to look for yet. */
export const nothing = (): Needles => ({ whole: new Set(), parts: new Set(), words: new Set() })

/** Adds one secret; an empty or blank one hides nothing. */
export const hide = (needles: Needles, secret: string): void => {
  if (secret.trim() === "") return
  if (secret.length < shortestPart) needles.words.add(secret)
  else needles.whole.add(secret)
  for (let start = 0; start + longestKept <= secret.length; start++) {
    needles.parts.add(secret.slice(start, start + longestKept))
  }
}

/**
 * Adds what a helper reads from its standard input: each line, and of a line `name:secret`, as chpasswd(8) reads, the
 * secret by itself. The name is none.
 */
export const hideInput = (needles: Needles, input: string): void => {
  for (const line of input.split(/[\r\n]/)) {
    const colon = line.indexOf(":")
    hide(needles, line.slice(colon + 1))
    if (colon >= 0 && line.length >= shortestPart) needles.whole.add(line)
  }
}

/** A line break, and with what programs indent what they have wrapped. */
const wrapped = /[\r\n][ \t]*/g

/**
 * The text with {@link placeholder} in place of every secret, also of one that was wrapped over several lines, and of
 * every part of a secret with six characters or more.
 */
export const redact = (text: string, needles: Needles): string => {
  if (needles.whole.size + needles.words.size === 0) return text
  // One more than there are characters, so that what is hidden always ends.
  const hidden = new Uint8Array(text.length + 1)
  for (const word of needles.words) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      const [before = "", after = ""] = [text[at - 1], text[at + word.length]]
      if (!/[\p{L}\p{N}]/u.test(before + after)) hidden.fill(1, at, at + word.length)
    }
  }
  hideIn(text, [], needles, hidden)
  const breaks = [...text.matchAll(wrapped)].map((match) => [match.index, match[0].length] as const)
  if (breaks.length > 0) hideIn(text.replaceAll(wrapped, ""), breaks, needles, hidden)
  return replaceHidden(text, hidden)
}

/** Marks in `hidden` what has to go; `text` lacks the breaks, given as place and length, that the whole text has. */
const hideIn = (
  text: string,
  breaks: ReadonlyArray<readonly [at: number, length: number]>,
  needles: Needles,
  hidden: Uint8Array
): void => {
  let next = 0
  let removed = 0
  /** Where in the whole text this character stands; asked with growing numbers. */
  const origin = (at: number): number => {
    for (let one = breaks[next]; one !== undefined && one[0] <= at + removed; one = breaks[++next]) removed += one[1]
    return at + removed
  }
  const marked = new Uint8Array(text.length)
  for (let at = 0; at + longestKept <= text.length; at++) {
    if (needles.parts.has(text.slice(at, at + longestKept))) marked.fill(1, at, at + longestKept)
  }
  for (const needle of needles.whole) {
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      marked.fill(1, at, at + needle.length)
    }
  }
  let previous = -2
  let end = 0
  for (let at = 0; at < text.length; at++) {
    const place = origin(at)
    if (marked[at] !== 1) continue
    // The break inside a secret goes with it.
    hidden.fill(1, previous === at - 1 ? end : place, place + 1)
    previous = at
    end = place + 1
  }
}

const replaceHidden = (text: string, hidden: Uint8Array): string => {
  let result = ""
  let at = 0
  for (let start = hidden.indexOf(1); start >= 0; start = hidden.indexOf(1, at)) {
    result += text.slice(at, start) + placeholder
    at = hidden.indexOf(0, start)
  }
  return result + text.slice(at)
}
