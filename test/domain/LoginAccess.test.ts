import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as LoginAccess from "../../src/domain/LoginAccess.ts"

const today = 20_000

type Lines = ReadonlyArray<readonly [keyword: string, ...values: ReadonlyArray<string>]>

const sshd = (...lines: Lines): ReadonlyMap<string, ReadonlyArray<string>> =>
  new Map(lines.map(([keyword, ...values]) => [keyword, values]))
const pam = ["usepam", "yes"] as const
const noPam = ["usepam", "no"] as const

const fresh = "alice:!:20000:0:99999:7:::"

/** An account as `useradd` makes it, with a key; a shadow entry as its line. */
const state = (
  { shadow = fresh, ...changes }: Partial<Omit<LoginAccess.LoginState, "shadow">> & { readonly shadow?: string } = {}
): LoginAccess.LoginState => ({
  name: "alice",
  uid: 1000,
  shell: "/bin/bash",
  shellFile: "program",
  shadow: LoginAccess.parseShadow(shadow),
  today,
  nologin: false,
  groups: ["alice", "adm"],
  credentials: { key: true, password: false },
  sshd: sshd(pam),
  ...changes
})

const kinds = (changes: Parameters<typeof state>[0]) => LoginAccess.obstacles(state(changes)).map(({ kind }) => kind)

type Row = readonly [what: string, changes: Parameters<typeof state>[0], ...kinds: ReadonlyArray<string>]

const check = (rows: ReadonlyArray<Row>) => {
  for (const [what, changes, ...expected] of rows) {
    it(`${expected.length === 0 ? "lets in" : `names "${expected.join("\", \"")}" for`} ${what}`, () => {
      assert.deepStrictEqual(kinds(changes), expected)
    })
  }
}

const password = { key: false, password: true }
const nothing = { key: false, password: false }

describe("obstacles: the account", () => {
  check([
    ["an account as useradd makes it", {}],
    ["one of which sshd tells nothing", { sshd: undefined }],
    ["one without a shadow entry", { shadow: "nonsense" }],
    ["the shell nologin", { shell: "/usr/sbin/nologin" }, "shell"],
    ["the shell nologin of another place", { shell: "/sbin/nologin" }, "shell"],
    ["the shell false", { shell: "/bin/false" }, "shell"],
    ["the shell sync", { shell: "/bin/sync" }, "shell"],
    ["a shell whose directory is called false", { shell: "/opt/false/sh" }],
    ["a shell that is not there", { shellFile: "missing" }, "shell"],
    ["a shell that nobody may execute", { shellFile: "no program" }, "shell"],
    ["a shell below a ChrootDirectory", { shellFile: "unknown" }],
    ["an /etc/nologin", { nologin: true }, "nologin"],
    ["root and an /etc/nologin", { nologin: true, uid: 0 }],
    ["a locked password without PAM", { sshd: sshd(noPam) }, "locked"],
    [
      "a locked password that is there, without PAM",
      { sshd: sshd(noPam), shadow: "alice:!$6$x:20000::::::" },
      "locked"
    ],
    ["a locked password in an sshd that was built without PAM", { sshd: sshd() }, "locked"],
    ["the password * without PAM", { sshd: sshd(noPam), shadow: "alice:*:20000:0:99999:7:::" }]
  ])
})

describe("obstacles: the days of the shadow entry", () => {
  check([
    ["an account that expires tomorrow", { shadow: "alice:!:20000:0:99999:7::20001:" }],
    ["an account that expires today", { shadow: "alice:!:20000:0:99999:7::20000:" }, "expired"],
    ["an account that has expired", { shadow: "alice:!:20000:0:99999:7::1:" }, "expired"],
    ["an account that expired on day 0", { shadow: "alice:!:20000:0:99999:7::0:" }, "expired"],
    ["an expiry of -1", { shadow: "alice:!:20000:0:99999:7::-1:" }],
    ["the last day without PAM", { shadow: "alice:*:20000:0:99999:7::20000:", sshd: sshd(noPam) }],
    ["an account that expired yesterday, without PAM", {
      shadow: "alice:*:20000:0:99999:7::19999:",
      sshd: sshd(noPam)
    }, "expired"],
    ["day 0 without PAM", { shadow: "alice:*:20000:0:99999:7::0:", sshd: sshd(noPam) }],
    ["a password that must be changed", { shadow: "alice:!:0:0:99999:7:::" }, "password change"],
    ["the same where sshd tells nothing", { shadow: "alice:!:0:0:99999:7:::", sshd: undefined }, "password change"],
    ["a password that must be changed, without PAM", { shadow: "alice:*:0:0:99999:7:::", sshd: sshd(noPam) }],
    ["a password on its last day", { shadow: "alice:!:19910:0:90:7:::" }],
    ["a password that expired yesterday", { shadow: "alice:!:19909:0:90:7:::" }, "password change"],
    ["the same on the last day of its grace", { shadow: "alice:!:19900:0:90:7:10::" }, "password change"],
    ["the same after its grace", { shadow: "alice:!:19899:0:90:7:10::" }, "inactive"],
    ["the same without any grace", { shadow: "alice:!:19909:0:90:7:0::" }, "inactive"],
    ["a password from the future", { shadow: "alice:!:20001:0:0:7:0::" }],
    ["a password that never expires", { shadow: "alice:!:1:0::7:::" }],
    [
      "all at once",
      {
        shell: "/bin/false",
        nologin: true,
        shadow: "alice:!:0:0:99999:7::1:",
        sshd: sshd(pam, ["denyusers", "alice"])
      },
      "shell",
      "nologin",
      "expired",
      "password change",
      "user list"
    ]
  ])
})

describe("obstacles: sshd's lists", () => {
  const lists = (...lines: Lines) => ({ sshd: sshd(pam, ...lines) })
  check([
    ["AllowUsers with the user", lists(["allowusers", "bob", "alice"])],
    ["AllowUsers with a pattern", lists(["allowusers", "al?c*"])],
    ["AllowUsers from some hosts", lists(["allowusers", "alice@10.0.0.0/8"])],
    ["AllowUsers with others", lists(["allowusers", "bob", "malice", "alic", "alicea"]), "user list"],
    ["AllowUsers with another's name of regular expressions", lists(["allowusers", ".*", "a.*"]), "user list"],
    ["DenyUsers with others", lists(["denyusers", "bob", "alice2"])],
    ["DenyUsers with the user", lists(["denyusers", "bob", "alice"]), "user list"],
    ["DenyUsers with everybody", lists(["denyusers", "*"]), "user list"],
    ["DenyUsers with everybody from everywhere", lists(["denyusers", "*@*"]), "user list"],
    ["DenyUsers from some hosts", lists(["denyusers", "alice@192.0.2.*"])],
    ["AllowGroups with a group of the user's", lists(["allowgroups", "wheel", "adm"])],
    ["AllowGroups with other groups", lists(["allowgroups", "wheel", "sudo"]), "user list"],
    ["DenyGroups with a group of the user's", lists(["denygroups", "ad?"]), "user list"],
    ["DenyGroups with other groups", lists(["denygroups", "wheel"])],
    [
      "all four",
      lists(["denyusers", "*"], ["allowusers", "x"], ["denygroups", "*"], ["allowgroups", "x"]),
      "user list",
      "user list",
      "user list",
      "user list"
    ]
  ])
})

describe("obstacles: root and the credentials", () => {
  const root = (value: string) => ({ uid: 0, name: "root", sshd: sshd(pam, ["permitrootlogin", value]) })
  const inForce = (...lines: Lines) => ({ sshd: sshd(pam, ...lines) })
  check([
    ["root where it is permitted", root("yes")],
    ["root with a key where keys are permitted", root("without-password")],
    ["root with a key where keys are permitted, by the newer name", root("prohibit-password")],
    [
      "root with a password where keys are permitted",
      { ...root("without-password"), credentials: password },
      "root login"
    ],
    ["root with a password where it is permitted", { ...root("yes"), credentials: password }],
    ["root with nothing yet where keys are permitted", { ...root("without-password"), credentials: nothing }],
    ["root where commands are permitted", root("forced-commands-only"), "root login"],
    ["root where nothing is permitted", root("no"), "root login"],
    ["somebody else where root is not permitted", inForce(["permitrootlogin", "no"])],
    ["a key where keys are not taken", inForce(["pubkeyauthentication", "no"]), "methods"],
    ["a password where keys are not taken", { ...inForce(["pubkeyauthentication", "no"]), credentials: password }],
    ["both where keys are not taken", {
      ...inForce(["pubkeyauthentication", "no"]),
      credentials: { key: true, password: true }
    }],
    ["any method", inForce(["authenticationmethods", "any"])],
    ["a key where the key is a method", inForce(["authenticationmethods", "password publickey"])],
    ["a key where both are wanted", inForce(["authenticationmethods", "publickey,password"]), "methods"],
    ["a password where both are wanted", {
      ...inForce(["authenticationmethods", "publickey,password"]),
      credentials: password
    }, "methods"],
    ["both where both are wanted", {
      ...inForce(["authenticationmethods", "publickey,password"]),
      credentials: { key: true, password: true }
    }],
    ["a key where a code is wanted too", inForce(["authenticationmethods", "publickey,keyboard-interactive:pam"])],
    ["nothing yet, whatever the methods", {
      ...inForce(["authenticationmethods", "publickey,password"], ["pubkeyauthentication", "no"]),
      credentials: nothing
    }]
  ])
})

describe("obstacles: what to do", () => {
  it("names a command for a password that must be changed which leaves nothing to expire", () => {
    const [{ detail } = { detail: "" }] = LoginAccess.obstacles(state({ shadow: "alice:!:0:0:90:7:::" }))
    assert.include(detail, "run chage -d 1 -M -1 alice in the image")
    assert.deepStrictEqual(kinds({ shadow: "alice:!:1:0::7:::" }), [])
  })
})

describe("obstacles: patterns", () => {
  for (
    const [pattern, matches] of [
      ["*", true],
      ["al*", true],
      ["*ce", true],
      ["*li*e", true],
      ["a?ice", true],
      ["alice**", true],
      ["a*i*i*e", false],
      ["alice?", false],
      ["?alice", false],
      ["al", false],
      ["*l", false],
      ["al.ce", false],
      ["", false]
    ] as const
  ) {
    it(`${matches ? "finds" : "does not find"} alice in the pattern "${pattern}"`, () => {
      assert.deepStrictEqual(kinds({ sshd: sshd(pam, ["allowusers", pattern]) }), matches ? [] : ["user list"])
    })
  }

  it("takes no time for a pattern of many stars", () => {
    const changes = { name: "a".repeat(32), sshd: sshd(pam, ["allowusers", `${"*a".repeat(15)}*b`]) }
    assert.deepStrictEqual(kinds(changes), ["user list"])
  })
})

describe("obstacles: properties", () => {
  const Day = Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 40_000 }))
  const Field = Schema.Union([Day, Schema.Literal("")])

  it.prop(
    "never throws, and says for everything what to do and no more than once",
    [Field, Field, Field, Field, Day, Schema.Literals(["!", "*", "$6$x", ""]), Schema.Literals(["yes", "no"])],
    ([lastChange, maximum, inactive, expires, day, field, usePam]) => {
      const found = LoginAccess.obstacles(state({
        shadow: `alice:${field}:${lastChange}:0:${maximum}:7:${inactive}:${expires}:`,
        today: day,
        sshd: sshd(["usepam", usePam])
      }))
      assert.strictEqual(new Set(found.map(({ kind }) => kind)).size, found.length)
      for (const { detail } of found) assert.include(detail, "in the image")
      if (usePam === "no") assert.isFalse(found.some(({ kind }) => kind === "password change" || kind === "inactive"))
    }
  )

  it.prop(
    "an expired account stays expired, and an account without days never expires",
    [Day, Day, Day],
    ([expires, day, later]) => {
      const at = (when: number, text: string) =>
        kinds({ shadow: `alice:!::0::::${text}:`, today: when }).includes("expired")
      if (at(day, String(expires))) assert.isTrue(at(day + later + 1, String(expires)))
      assert.isFalse(at(day, ""))
    }
  )

  it.prop("AllowUsers lets in the user that it names, and DenyUsers shuts that one out", [
    Schema.String.check(Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/))
  ], ([name]) => {
    assert.deepStrictEqual(kinds({ name, sshd: sshd(pam, ["allowusers", name]) }), [])
    assert.deepStrictEqual(kinds({ name, sshd: sshd(pam, ["denyusers", name]) }), ["user list"])
    assert.deepStrictEqual(kinds({ name, sshd: sshd(pam, ["allowusers", `${name}x`]) }), ["user list"])
  })
})

describe("parseShadow", () => {
  it("takes the fields that count, and nothing for empty and negative numbers", () => {
    assert.deepStrictEqual(LoginAccess.parseShadow("alice:$6$x:1:2:3:4:5:6:"), {
      password: "$6$x",
      lastChange: 1,
      maximum: 3,
      inactive: 5,
      expires: 6
    })
    assert.deepStrictEqual(LoginAccess.parseShadow("alice::-1::::::"), {
      password: "",
      lastChange: undefined,
      maximum: undefined,
      inactive: undefined,
      expires: undefined
    })
    assert.isUndefined(LoginAccess.parseShadow("alice:x"))
    assert.isUndefined(LoginAccess.parseShadow("alice:!:soon::::::"))
  })
})

describe("what an obstacle says", () => {
  const says = (what: string, changes: Parameters<typeof state>[0], detail: string) => {
    it(`names what was found and what to do: ${what}`, () => {
      assert.deepStrictEqual(LoginAccess.obstacles(state(changes)).map((one) => one.detail), [detail])
    })
  }
  const run = (command: string) => `run ${command} in the image, or choose another administrator name`
  const root = { uid: 0, name: "root" }
  const needed = ["authenticationmethods", "publickey,password"] as const
  const has = "which is all that the owner has: change it in the image"

  says("shell", { shell: "/bin/false" }, `the shell /bin/false refuses logins: ${run("usermod -s /bin/sh alice")}`)
  says(
    "missing shell",
    { shellFile: "missing" },
    `the shell /bin/bash does not exist: install it, ${run("usermod -s /bin/sh alice")}`
  )
  says(
    "shell that is no program",
    { shellFile: "no program" },
    `the shell /bin/bash is not executable: install it, ${run("usermod -s /bin/sh alice")}`
  )
  says("nologin", { nologin: true }, "/etc/nologin exists: remove it from the image")
  says(
    "expired",
    { shadow: "alice:!:20000:0:99999:7::20000:" },
    `the account has expired on 2024-10-04: ${run("chage -E -1 alice")}`
  )
  says(
    "locked",
    { sshd: sshd(noPam) },
    `sshd runs without PAM and refuses a locked password: ${run("usermod -p '*' alice")}`
  )
  says(
    "password that must be changed",
    { shadow: "alice:!:0:0:99999:7:::" },
    `the password must be changed at the first login: ${run("chage -d 1 -M -1 alice")}`
  )
  says(
    "password that expired",
    { shadow: "alice:!:19900:0:90:7:::" },
    `the password expired 10 days ago: ${run("chage -M -1 alice")}`
  )
  says(
    "password that expired beyond its grace",
    { shadow: "alice:!:19899:0:90:7:10::" },
    `the password expired 11 days ago, which closes the account: ${run("chage -M -1 alice")}`
  )
  says(
    "root",
    { ...root, sshd: sshd(pam, ["permitrootlogin", "no"]) },
    "PermitRootLogin no of sshd_config refuses root: change it in the image, or choose another administrator name"
  )
  says(
    "methods for a key",
    { sshd: sshd(pam, needed) },
    `AuthenticationMethods publickey,password of sshd_config is not satisfied by an SSH key, ${has}`
  )
  says(
    "methods for a password",
    { sshd: sshd(pam, needed), credentials: password },
    `AuthenticationMethods publickey,password of sshd_config is not satisfied by a password, ${has}`
  )
  says(
    "methods for both",
    {
      sshd: sshd(pam, needed, ["pubkeyauthentication", "no"]),
      credentials: { key: true, password: true }
    },
    `AuthenticationMethods publickey,password of sshd_config is not satisfied by an SSH key and a password, ${has}`
  )
  says(
    "no keys",
    { sshd: sshd(pam, ["pubkeyauthentication", "no"]) },
    `PubkeyAuthentication no of sshd_config is not satisfied by an SSH key, ${has}`
  )

  it("names each list that bars the user, in sshd's order", () => {
    const barring = sshd(pam, ["denyusers", "*"], ["allowusers", "x"], ["denygroups", "*"], ["allowgroups", "x"])
    assert.deepStrictEqual(
      LoginAccess.obstacles(state({ sshd: barring })).map(({ detail }) => detail),
      [
        "DenyUsers of sshd_config shuts the user out: take it out there, or choose another administrator name",
        "AllowUsers of sshd_config does not let the user in: add the user there, or choose another administrator name",
        "DenyGroups of sshd_config shuts the user out: take it out there, or choose another administrator name",
        "AllowGroups of sshd_config does not let the user in: add one of the user's groups there, "
        + "or choose another administrator name"
      ]
    )
  })
})

describe("what is read of the machine", () => {
  it.each([
    ["", 1000],
    ["UID_MIN\t\t  500", 500],
    ["# UID_MIN 1\n \tUID_MIN 700 \nUID_MAX 60000", 700],
    ["SYS_UID_MIN 100", 1000],
    ["UID_MIN 5000\n", 1000],
    ["UID_MIN 5000\n  SYS_UID_MAX  4999 ", 5000],
    ["UID_MIN 5x", 1000],
    ["UID_MIN 12345678901", 1000]
  ])("takes from the login.defs %j the least uid %d", (text, least) => {
    assert.strictEqual(LoginAccess.minimumUid(text), least)
  })

  it("knows the programs that are no shell for a login", () => {
    for (
      const shell of [
        "nologin",
        "/sbin/nologin",
        "/bin/false",
        "/bin/true",
        "/bin/sync",
        "/sbin/shutdown",
        "/sbin/halt"
      ]
    ) {
      assert.isFalse(LoginAccess.isLoginShell(shell), shell)
    }
    for (const shell of ["/bin/sh", "sh", "/usr/bin/git-shell", "/false/sh"]) {
      assert.isTrue(LoginAccess.isLoginShell(shell), shell)
    }
  })

  it("counts days from 1970, in UTC", () => {
    assert.deepStrictEqual([0, 86_399_999, 86_400_000].map(LoginAccess.dayOf), [0, 0, 1])
  })

  it("takes PAM for in use where sshd says so, or says nothing at all", () => {
    assert.isTrue(LoginAccess.usesPam(undefined))
    assert.isTrue(LoginAccess.usesPam(sshd(pam)))
    assert.isFalse(LoginAccess.usesPam(sshd(noPam)))
    assert.isFalse(LoginAccess.usesPam(sshd()))
  })
})
