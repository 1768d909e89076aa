/**
 * One character as a reader sees it, near enough for columns of a terminal (Unicode, annex 29): a line break, a flag,
 * or a character with what is put onto it and joined to it.
 */
const grapheme =
  /\r\n|\p{Regional_Indicator}{2}|\P{M}[\p{M}\p{Emoji_Modifier}]*(?:\u200d\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}]*)*\u200d?|\p{M}+/gsu

/** `Intl.Segmenter` for graphemes, which help texts are measured by; the locale makes no difference. */
export class Segmenter {
  segment(input: string): Iterable<{ readonly segment: string; readonly index: number; readonly input: string }> {
    return Array.from(input.matchAll(grapheme), (match) => ({ segment: match[0], index: match.index, input }))
  }
}
