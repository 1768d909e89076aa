import * as Schema from "effect/Schema"

/**
 * The name of the administrator account, as it may stand in `/etc/passwd` and as an operand of `useradd`.
 *
 * One to 32 characters (`UT_NAMESIZE` of utmp(5)), letters, digits, `_`, `.` and `-`; starts with a letter or `_`, so
 * it is never taken for an option or for a numeric id. Upper case is allowed: Azure accepts it, and `useradd` of Debian
 * 12 and 13 do.
 */
export const Username = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, {
    expected: "1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
  })
).pipe(Schema.brand("Username"))

/** See {@link Username}. */
export type Username = typeof Username.Type

/** The name of a group: the rules of {@link Username}. */
export const GroupName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/u, {
    expected: "1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
  })
).pipe(Schema.brand("GroupName"))

/** See {@link GroupName}. */
export type GroupName = typeof GroupName.Type
