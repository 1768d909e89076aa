import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { LogFilter } from "../../domain/LogFilter.ts"
import * as Filter from "../../domain/LogFilter.ts"

/** A filter and what is wrong with it, as fields of a warning; neither where there is none. */
export interface ParsedFilter {
  readonly filter?: LogFilter
  readonly problem?: Readonly<Record<string, string>>
}

/**
 * A filter from one of its sources; blank text counts as none, and so does a filter that matches no target of the
 * agent.
 */
export const parse = (source: string, text: Option.Option<string>): ParsedFilter => {
  if (Option.isNone(text) || text.value.trim() === "") return {}
  const parsed = Filter.parse(text.value)
  if (Result.isFailure(parsed)) return { problem: { source, filter: text.value, error: parsed.failure } }
  const unmatched = Filter.unmatched(parsed.success)
  return {
    ...(Filter.isVain(parsed.success) ? {} : { filter: parsed.success }),
    ...(unmatched.length === 0 ? {} : {
      problem: {
        source,
        filter: text.value,
        error: `'${unmatched.join("', '")}' is no level and no target of this agent: use a level, such as info, or ${
          Filter.targets.join(", ")
        }`
      }
    })
  }
}
