import type { GroupName, Username } from "./Username.ts"

/** An account as `getent passwd` shows it. `home` is absolute. */
export interface UserAccount {
  readonly name: Username
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** What the administrator account is to be. */
export interface UserRequest {
  readonly name: Username
  /** Supplementary groups, in the order given; empty for none. */
  readonly groups: ReadonlyArray<GroupName>
  /** Create the groups that do not exist, instead of failing with their names. */
  readonly createMissingGroups: boolean
}
