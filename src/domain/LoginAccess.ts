import * as DateTime from "effect/DateTime"

/** Why an account lets nobody in, however good the key or the password is. */
export type ObstacleKind =
  | "system account"
  | "shell"
  | "expired"
  | "inactive"
  | "password change"
  | "locked"
  | "nologin"
  | "root login"
  | "user list"
  | "methods"

/** One thing that keeps the owner of an account out. */
export interface Obstacle {
  readonly kind: ObstacleKind
  /** What was found, and what to do about it. */
  readonly detail: string
}

/**
 * An entry of `/etc/shadow` (shadow(5)). Days count from 1970-01-01; a field that is empty or negative is `undefined`.
 */
export interface ShadowEntry {
  readonly password: string
  readonly lastChange: number | undefined
  /** Days that a password is good for. */
  readonly maximum: number | undefined
  /** Days after {@link maximum} in which the account is still open. */
  readonly inactive: number | undefined
  /** The first day on which the account is closed. */
  readonly expires: number | undefined
}

/** All that decides whether sshd lets an account in, whatever the client offers. */
export interface LoginState {
  readonly name: string
  readonly uid: number
  readonly shell: string
  /** What lies there; `"unknown"` for a shell that is looked for elsewhere, such as below a `ChrootDirectory`. */
  readonly shellFile: "program" | "missing" | "no program" | "unknown"
  /** `undefined` when the account has none, or it cannot be read. */
  readonly shadow: ShadowEntry | undefined
  /** Days since 1970-01-01. */
  readonly today: number
  /** Whether there is an `/etc/nologin` (nologin(5)). */
  readonly nologin: boolean
  /** Every group of the account, its own included. */
  readonly groups: ReadonlyArray<string>
  /** What the owner has to log in with. */
  readonly credentials: { readonly key: boolean; readonly password: boolean }
  /** What is in force in sshd, all values of each keyword in lower case; `undefined` when it could not be asked. */
  readonly sshd: ReadonlyMap<string, ReadonlyArray<string>> | undefined
}

/**
 * Programs that end a login at once, wherever they lie (nologin(8), false(1), and what Debian and Fedora give to system
 * accounts).
 */
const shellsOfNobody = new Set(["nologin", "false", "true", "sync", "shutdown", "halt"])

const shadowLine = /^[^:]*:([^:]*):(-?\d*):[^:]*:(-?\d*):[^:]*:(-?\d*):(-?\d*):[^:]*$/

/** An entry of `/etc/shadow`; `undefined` when the line is none. */
export const parseShadow = (line: string): ShadowEntry | undefined => {
  const [, password, ...numbers] = shadowLine.exec(line) ?? []
  if (password === undefined) return undefined
  const [lastChange, maximum, inactive, expires] = numbers.map((text) => /^\d+$/.test(text) ? Number(text) : undefined)
  return { password, lastChange, maximum, inactive, expires }
}

/**
 * The lowest uid of a person's account, and the highest of a system account, where `login.defs` names none
 * (login.defs(5)).
 */
const usualMinimum = 1000
const usualSystemMaximum = 999

/**
 * The lowest uid that is no system account's by a `login.defs`: `UID_MIN`, or what follows `SYS_UID_MAX` where that is
 * lower. An image may raise `UID_MIN` when its people have their accounts already.
 */
export const minimumUid = (loginDefs: string): number => {
  const numberOf = (name: string, usual: number) =>
    Number(new RegExp(`^[ \\t]*${name}[ \\t]+(\\d{1,10})[ \\t]*$`, "m").exec(loginDefs)?.[1] ?? usual)
  return Math.min(numberOf("UID_MIN", usualMinimum), numberOf("SYS_UID_MAX", usualSystemMaximum) + 1)
}

/** Whether a shell runs what is typed into it. */
export const isLoginShell = (shell: string): boolean => !shellsOfNobody.has(shell.slice(shell.lastIndexOf("/") + 1))

/** The day of an instant. */
export const dayOf = (milliseconds: number): number => Math.floor(milliseconds / 86_400_000)

const dateOf = (day: number): string => DateTime.formatIsoDateUtc(DateTime.makeUnsafe(day * 86_400_000))

/**
 * `UsePAM` is printed by an sshd that was built with PAM only. Without an answer the default of the distributions
 * counts.
 */
export const usesPam = (sshd: LoginState["sshd"]): boolean => sshd === undefined || sshd.get("usepam")?.[0] === "yes"

/** What sshd's own check of the account and PAM's `pam_unix` say about its entries. */
const accountObstacles = (state: LoginState): ReadonlyArray<Obstacle> => {
  const { name, nologin, shadow, shell, shellFile, today, uid } = state
  const found: Array<Obstacle> = []
  const add = (kind: ObstacleKind, detail: string) => found.push({ kind, detail })
  const repair = (command: string) => `run ${command} in the image, or choose another administrator name`
  if (!isLoginShell(shell)) {
    add("shell", `the shell ${shell} refuses logins: ${repair(`usermod -s /bin/sh ${name}`)}`)
  } else if (shellFile === "missing" || shellFile === "no program") {
    const what = shellFile === "missing" ? "does not exist" : "is not executable"
    add("shell", `the shell ${shell} ${what}: install it, ${repair(`usermod -s /bin/sh ${name}`)}`)
  }
  if (nologin && uid !== 0) add("nologin", "/etc/nologin exists: remove it from the image")
  if (shadow === undefined) return found
  const pam = usesPam(state.sshd)
  const { expires, inactive, lastChange = -1, maximum, password } = shadow
  // sshd's own check, which counts without PAM, leaves the day itself open and takes 0 for never.
  if (expires !== undefined && (pam ? today >= expires : expires > 0 && today > expires)) {
    add("expired", `the account has expired on ${dateOf(expires)}: ${repair(`chage -E -1 ${name}`)}`)
  }
  if (!pam && password.startsWith("!")) {
    add(
      "locked",
      `sshd runs without PAM and refuses a locked password: ${repair(`usermod -p '*' ${name}`)}`
    )
  }
  if (!pam || lastChange > today) return found
  const late = maximum === undefined ? 0 : today - lastChange - maximum
  if (lastChange === 0) {
    add("password change", `the password must be changed at the first login: ${repair(`chage -d 1 -M -1 ${name}`)}`)
  } else if (late > 0 && inactive !== undefined && late > inactive) {
    add("inactive", `the password expired ${late} days ago, which closes the account: ${repair(`chage -M -1 ${name}`)}`)
  } else if (late > 0) {
    add("password change", `the password expired ${late} days ago: ${repair(`chage -M -1 ${name}`)}`)
  }
  return found
}

/**
 * match_pattern of OpenSSH's `match.c`: `*` and `?`. It goes back to the last `*` only, or many of them would take
 * minutes.
 */
export const matches = (text: string, pattern: string): boolean => {
  let at = 0
  let next = 0
  let star: { readonly next: number; at: number } | undefined
  while (at < text.length) {
    if (pattern[next] === "*") star = { next: ++next, at }
    else if (pattern[next] === "?" || pattern[next] === text[at]) {
      next++
      at++
    } else if (star === undefined) return false
    else {
      next = star.next
      at = ++star.at
    }
  }
  return /^\**$/.test(pattern.slice(next))
}

/** A pattern of `AllowUsers` or `DenyUsers`, `USER` or `USER@HOST`. */
const userPattern = (text: string): { readonly user: string; readonly host: string } => {
  const at = text.lastIndexOf("@")
  return at < 0 ? { user: text, host: "*" } : { user: text.slice(0, at), host: text.slice(at + 1) }
}

/**
 * The lists of users and groups, in sshd's order. A pattern that names hosts lets in from somewhere, and shuts out from
 * there only.
 */
const listObstacles = (
  { groups, name }: LoginState,
  values: (keyword: string) => ReadonlyArray<string>
): ReadonlyArray<Obstacle> => {
  const inGroup = (pattern: string) => groups.some((group) => matches(group, pattern))
  const named = (pattern: string) => matches(name, userPattern(pattern).user)
  const everywhere = (pattern: string) => userPattern(pattern).host === "*" && named(pattern)
  const barred = (
    [
      ["DenyUsers", values("denyusers").some(everywhere)],
      ["AllowUsers", values("allowusers").length > 0 && !values("allowusers").some(named)],
      ["DenyGroups", values("denygroups").some(inGroup)],
      ["AllowGroups", values("allowgroups").length > 0 && !values("allowgroups").some(inGroup)]
    ] as const
  ).flatMap(([keyword, bars]) => bars ? [keyword] : [])
  return barred.map((keyword) => ({
    kind: "user list",
    detail: keyword.startsWith("Deny")
      ? `${keyword} of sshd_config shuts the user out: take it out there, or choose another administrator name`
      : `${keyword} of sshd_config does not let the user in: add ${
        keyword === "AllowUsers" ? "the user" : "one of the user's groups"
      } there, or choose another administrator name`
  }))
}

/** What the rest of sshd's configuration says about this user and these credentials. */
const sshdObstacles = (state: LoginState): ReadonlyArray<Obstacle> => {
  const { credentials: { key, password }, sshd, uid } = state
  if (sshd === undefined) return []
  const values = (keyword: string) => sshd.get(keyword) ?? []
  const found: Array<Obstacle> = [...listObstacles(state, values)]
  const root = values("permitrootlogin")[0] ?? "yes"
  const keysOnly = root === "prohibit-password" || root === "without-password"
  if (uid === 0 && root !== "yes" && !(keysOnly && (key || !password))) {
    found.push({
      kind: "root login",
      detail:
        `PermitRootLogin ${root} of sshd_config refuses root: change it in the image, or choose another administrator name`
    })
  }
  if (!key && !password) return found
  const takesKeys = key && values("pubkeyauthentication")[0] !== "no"
  const lists = (values("authenticationmethods")[0] ?? "any").split(/[ \t]+/).map((list) =>
    list.split(",").map((method) => method.replace(/:.*/, ""))
  )
  // Whatever else a list asks for, such as keyboard-interactive, the image may answer.
  const possible = lists.some((list) =>
    (takesKeys || !list.includes("publickey")) && (password || !list.includes("password"))
  )
  if (!possible || !(takesKeys || password)) {
    const keyword = takesKeys || password ? "AuthenticationMethods" : "PubkeyAuthentication"
    const owned = [...(key ? ["an SSH key"] : []), ...(password ? ["a password"] : [])].join(" and ")
    found.push({
      kind: "methods",
      detail: `${keyword} ${values(keyword.toLowerCase())[0] ?? ""} of sshd_config is not satisfied by ${owned}, `
        + "which is all that the owner has: change it in the image"
    })
  }
  return found
}

/** Everything that keeps the owner of this account out; empty when nothing is known to. */
export const obstacles = (state: LoginState): ReadonlyArray<Obstacle> => [
  ...accountObstacles(state),
  ...sshdObstacles(state)
]
