import type { Random } from "./random.ts"

/**
 * The largest input in bytes; a little over the 1 MiB at which the agent's readers stop, so that their bounds are met
 * as well.
 */
export const maximumInput = 1024 * 1024 + 4096

/**
 * Bytes at which decoders change their minds: ends of ranges, NUL, blanks, quotes, and the first bytes of long UTF-8
 * characters.
 */
const interestingBytes = [
  0,
  1,
  9,
  10,
  13,
  32,
  34,
  39,
  60,
  62,
  92,
  0x7f,
  0x80,
  0xbf,
  0xc0,
  0xe2,
  0xed,
  0xf0,
  0xf4,
  0xfe,
  0xff
]

/** Numbers at the ends of what fits into bytes, words, doubles and decimal fields. */
const interestingNumbers = [
  "-1",
  "0",
  "1",
  "00",
  "0x7f",
  "127",
  "255",
  "256",
  "1022",
  "1024",
  "65535",
  "65536",
  "86400",
  "2147483647",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740993",
  "18446744073709551616",
  "1e308",
  "1e-400",
  "1e999",
  "-0.0",
  "nan",
  "inf",
  "0.1e1",
  "99999999999999999999999999999999"
]

/**
 * Characters that break texts: byte order marks, separators, directions, surrogates as UTF-8, and more
 * bytes than letters.
 */
const interestingText = [
  "\uFEFF",
  "\u2028",
  "\u0085",
  "\u00A0",
  "\u202E",
  "\u200D",
  "\u0130",
  "ß",
  "😀",
  "e\u0301",
  "\u0000",
  "\r\n",
  "\n\n",
  "\t",
  "__proto__",
  "constructor",
  "toString",
  "../",
  "%s",
  "${x}"
].map((text) => Buffer.from(text)).concat(Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0x80]))

const splice = (bytes: Uint8Array, start: number, removed: number, added: Uint8Array): Uint8Array =>
  Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)])

/** What one step needs: the input, where numbers come from, and the target's documents and words. */
interface Step {
  readonly bytes: Uint8Array
  readonly random: Random
  readonly corpus: ReadonlyArray<Uint8Array>
  readonly words: ReadonlyArray<Uint8Array>
}

/** Where a stretch of the input begins and how long it is; mostly short. */
const stretch = (bytes: Uint8Array, random: Random): readonly [start: number, length: number] => {
  const start = random.below(bytes.length)
  const longest = random.below(4) === 0 ? bytes.length - start : Math.min(32, bytes.length - start)
  return [start, 1 + random.below(longest)]
}

/** How large a repetition may be made; large ones cost the time of hundreds of small ones. */
const blowUps = [64, 64, 256, 256, 1024, 1024, 4096, 4096, 65_536, maximumInput]

/** The steps of which a mutation is made; each leaves its input alone. */
const steps: ReadonlyArray<(step: Step) => Uint8Array> = [
  /** Flips a bit. */
  ({ bytes, random }) => {
    const changed = Uint8Array.from(bytes)
    const place = random.below(bytes.length)
    if (bytes.length > 0) changed[place] = (changed[place] ?? 0) ^ (1 << random.below(8))
    return changed
  },
  /** Sets a byte. */
  ({ bytes, random }) => {
    const changed = Uint8Array.from(bytes)
    if (bytes.length > 0) changed[random.below(bytes.length)] = random.pick(interestingBytes)
    return changed
  },
  /** Puts a byte in. */
  ({ bytes, random }) =>
    splice(
      bytes,
      random.below(bytes.length + 1),
      0,
      Uint8Array.of(random.below(2) === 0 ? random.below(256) : random.pick(interestingBytes))
    ),
  /** Takes a stretch out. */
  ({ bytes, random }) => {
    const [start, length] = stretch(bytes, random)
    return splice(bytes, start, length, new Uint8Array())
  },
  /** Copies a stretch to another place, over what is there or in between. */
  ({ bytes, random }) => {
    const [start, length] = stretch(bytes, random)
    return splice(bytes, random.below(bytes.length + 1), random.below(2) * length, bytes.slice(start, start + length))
  },
  /** Goes on as another document does from some place on. */
  ({ bytes, corpus, random }) => {
    const other = random.pick(corpus)
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1))
    ])
  },
  /** Takes a stretch of another document. */
  ({ bytes, corpus, random }) => {
    const other = random.pick(corpus)
    const [start, length] = stretch(other, random)
    return splice(
      bytes,
      random.below(bytes.length + 1),
      random.below(2) * length,
      other.subarray(start, start + length)
    )
  },
  /** Cuts the end off. */
  ({ bytes, random }) => bytes.slice(0, random.below(bytes.length + 1)),
  /** Replaces a number by one at the end of some range. */
  ({ bytes, random }) => {
    const text = Buffer.from(bytes).toString("latin1")
    const numbers = [...text.slice(0, 65_536).matchAll(/\d+/g)]
    const found = numbers[random.below(numbers.length)]
    const number = Buffer.from(random.pick(interestingNumbers))
    return found === undefined
      ? splice(bytes, random.below(bytes.length + 1), 0, number)
      : splice(bytes, found.index, found[0].length, number)
  },
  /** Puts a word of the format in, or over what is there. */
  ({ bytes, random, words }) => {
    const word = random.pick(random.below(3) === 0 || words.length === 0 ? interestingText : words)
    return splice(bytes, random.below(bytes.length + 1), random.below(2) * word.length, word)
  },
  /** Repeats a stretch or a word, often enough to meet the bounds of readers and the depth of parsers. */
  ({ bytes, random, words }) => {
    const [start, length] = stretch(bytes, random)
    const piece = random.below(2) === 0 && words.length > 0 ? random.pick(words) : bytes.slice(start, start + length)
    if (piece.length === 0) return bytes
    const size = random.below(random.pick(blowUps))
    const times = Math.min(Math.ceil(size / piece.length), Math.floor((maximumInput - bytes.length) / piece.length))
    return times < 1 ? bytes : splice(bytes, start, 0, Buffer.alloc(times * piece.length, piece))
  }
]

/** Another document made from one of the corpus by one to eight steps; it has at most {@link maximumInput} bytes. */
export const mutate = (
  random: Random,
  corpus: ReadonlyArray<Uint8Array>,
  words: ReadonlyArray<Uint8Array>
): Uint8Array<ArrayBuffer> => {
  let bytes: Uint8Array = random.pick(corpus)
  for (let left = 1 << random.below(4); left > 0; left--) {
    bytes = random.pick(steps)({ bytes, random, corpus, words }).subarray(0, maximumInput)
  }
  return Uint8Array.from(bytes)
}

/**
 * A smaller input for which `bad` still holds: pieces are left out, large ones first, then single bytes made plain.
 * Asks at most `tries` times.
 */
export const minimise = async (
  input: Uint8Array,
  bad: (candidate: Uint8Array) => Promise<boolean>,
  tries: number
): Promise<Uint8Array> => {
  const state = { best: input, left: tries }
  const better = async (candidate: Uint8Array): Promise<boolean> => {
    if (state.left-- <= 0 || !(await bad(candidate))) return false
    state.best = candidate
    return true
  }
  for (let piece = Math.ceil(input.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let start = 0; start < state.best.length && state.left > 0;) {
      if (!(await better(splice(state.best, start, piece, new Uint8Array())))) start += piece
    }
  }
  for (let place = 0; place < state.best.length && state.left > 0; place++) {
    if (state.best[place] !== 0x61) await better(splice(state.best, place, 1, Uint8Array.of(0x61)))
  }
  return state.best
}
