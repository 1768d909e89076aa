import * as Schema from "effect/Schema"

/**
 * A host name as `sethostname(2)` and RFC 1123 allow it: at most 64 bytes (`HOST_NAME_MAX`), labels of 1 to 63 letters,
 * digits and inner hyphens, separated by dots.
 */
export const Hostname = Schema.String.check(
  Schema.isPattern(
    /^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
    {
      expected:
        "a host name of at most 64 letters, digits, '-' and '.', each label starting and ending with a letter or digit"
    }
  )
).pipe(Schema.brand("Hostname"))

/** See {@link Hostname}. */
export type Hostname = typeof Hostname.Type
