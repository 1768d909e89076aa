import { assert, describe, it } from "@effect/vitest"
import { check, endOf } from "../../src/domain/SshKeyOptions.ts"

const now = Date.UTC(2026, 0, 2, 3, 4, 5)
const hour = 60 * 60 * 1000

const whyNot = (options: string, at = now): string | undefined => {
  const checked = check(options, at)
  return "why" in checked ? checked.why : undefined
}

describe("SshKeyOptions", () => {
  it("ends the options at the first blank or tab outside of quotes", () => {
    assert.strictEqual(endOf("no-pty ssh-rsa"), 6)
    assert.strictEqual(endOf("no-pty\tssh-rsa"), 6)
    assert.strictEqual(endOf("command=\"a b\",pty ssh-rsa"), 17)
    assert.strictEqual(endOf("command=\"a\\\" b\" ssh-rsa"), 15)
    assert.strictEqual(endOf("a\\\" b\""), 3)
    assert.strictEqual(endOf("alone"), 5)
    assert.strictEqual(endOf("a\\ b"), 2)
    assert.isUndefined(endOf("command=\"a b"))
    assert.isUndefined(endOf("command=\"a\\\" b"))
  })

  it.each([
    "",
    "restrict",
    "Restrict,NO-PTY,x11-forwarding,no-X11-forwarding",
    "cert-authority",
    "no-touch-required,verify-required,no-user-rc,agent-forwarding,no-port-forwarding",
    "no-agent-forwarding,no-verify-required",
    ",,restrict,,pty,",
    "command=\"\"",
    "command=\"a \\\"b\\\" \\\\ \\x, c\t#\"",
    "cert-authority,principals=\"a,b\"",
    "cert-authority,principals=\"\\\"\"",
    "environment=\"A_1=\",environment=\"A_1=b=c\"",
    "permitopen=\"host:22\",permitopen=\"[::1]:*\",permitopen=\"/65535\",permitopen=\"a:http\"",
    "permitlisten=\"22\",permitlisten=\"localhost:+22\",permitlisten=\"*:*\"",
    "permitopen=\"a:h323\",permitopen=\"a:3com-tsmux\",permitopen=\"a: 22\"",
    `permitopen="${"x".repeat(1024)}:22"`,
    "tunnel=\"0\",tunnel=\"ANY\",tunnel=\"2147483645\",tunnel=\" +5\"",
    `from="${"x".repeat(1022)}"`,
    "from=\"10.0.0.0/8,!10.1.2.3,*.example,fd00::/8,::/0,10/7/8\"",
    `from="127.0.0.1,${"x".repeat(2000)}"`
  ])("takes %s", (options) => assert.isUndefined(whyNot(options)))

  it.each([
    ["nonsense", "\"nonsense\" is not one"],
    ["no-restrict", "\"no-restrict\" is not one"],
    ["no-cert-authority", "is not one"],
    ["no-no-pty", "is not one"],
    ["ptyx", "\"ptyx\" is not one"],
    ["no-pty=\"x\"", "\"no-pty\" is not one"],
    ["command=\"a\"b", "\"command\" is not one"],
    ["pty,\"x\"", "is not one"],
    [`${"x".repeat(41)}`, `"${"x".repeat(40)}…" is not one`],
    [`${"x".repeat(40)}`, `"${"x".repeat(40)}" is not one`],
    ["pty,command=\"a\"b", "\"command\" is not one"],
    ["=\"x\"", "\"\" is not one"],
    ["command", "no value in quotes"],
    ["command=ls", "no value in quotes"],
    ["command=\"a\",COMMAND=\"a\"", "command is given twice"],
    ["from=\"10.0.0.1\",from=\"10.0.0.1\"", "from is given twice"],
    ["cert-authority,principals=\"a\",principals=\"a\"", "principals is given twice"],
    ["principals=\"a\"", "for certificate authorities only"],
    ["cert-authority,principals=\"\"", "names nobody"],
    ["cert-authority,principals=\",a\"", "names nobody"],
    ["environment=\"A\"", "no NAME=VALUE"],
    ["environment=\"=b\"", "no NAME=VALUE"],
    ["environment=\"A-B=c\"", "no NAME=VALUE"],
    ["permitopen=\"22\"", "permitopen is no host and port"],
    ["permitopen=\"a:0\"", "no host and port"],
    ["permitopen=\"a:65536\"", "no host and port"],
    ["permitopen=\"a:b:22\"", "no host and port"],
    ["permitopen=\"[::1:22\"", "no host and port"],
    ["permitopen=\"[::1]22\"", "no host and port"],
    ["permitopen=\"[a:22\"", "no host and port"],
    [`permitopen="${"x".repeat(1025)}:22"`, "no host and port"],
    ["permitlisten=\"a/22\"", "permitlisten is no host and port"],
    ["tunnel=\"2147483646\"", "no device"],
    ["tunnel=\"-1\"", "no device"],
    ["tunnel=\"tun0\"", "no device"],
    ["tunnel=\"0x10\"", "no device"],
    ["from=\"\"", "empty entry"],
    ["from=\"10.0.0.1,\"", "empty entry"],
    ["from=\"!,10.0.0.1\"", "empty entry"],
    ["from=\"10.0.0.1,10.0.0.1/8\"", "\"10.0.0.1/8\", whose mask does not fit"],
    ["from=\"!10.0.0.1\"", "only who may not log in"],
    [`from="${"x".repeat(1023)}"`, "only who may not log in"],
    ["command=\"a\u0007\"", "control character"],
    ["command=\"a\u202e\"", "control character"],
    ["command=\"a\ud800\"", "control character"]
  ])("refuses %s", (options, why) => assert.include(whyNot(options), why))

  it("takes 1025 variables and 4097 permits, as sshd does, and no more", () => {
    const variables = Array.from({ length: 1026 }, (_, index) => `environment="A${index}=b"`)
    assert.isUndefined(whyNot(variables.slice(0, 1025).join()))
    assert.include(whyNot(variables.join()), "more than 1024 variables")
    const permits = "permitopen=\"a:1\",".repeat(4097)
    assert.isUndefined(whyNot(`${permits}permitlisten="1"`))
    assert.include(whyNot(`${permits}permitopen="a:1"`), "more than 4096")
  })

  it.each([
    ["20260102Z", true],
    ["20260103Z", false],
    ["202601020304Z", true],
    ["202601020305utc", false],
    ["20260102030404Z", true],
    ["20260102030405UTC", false],
    ["20251232Z", undefined],
    ["20260231Z", false],
    ["2026 1 2Z", true],
    ["20261301Z", undefined],
    ["20260001Z", undefined],
    ["2026+1+2Z", undefined],
    ["2e3 0102Z", undefined],
    ["20260100Z", undefined],
    ["202601022400Z", undefined],
    ["202601022360Z", undefined],
    ["20260102000062Z", undefined],
    ["20251231235961Z", true],
    ["2026010203Z", undefined],
    ["2026-1-2Z", undefined],
    ["Z", undefined],
    ["", undefined],
    ["19700101Z", undefined],
    ["19700102Z", true],
    ["19600101Z", undefined],
    ["00010101Z", undefined],
    ["20261", undefined]
  ])("expiry-time %s", (time, passed) => {
    assert.strictEqual(
      whyNot(`expiry-time="${time}"`),
      passed === undefined
        ? "the value of its option expiry-time is no time"
        : passed
        ? `its expiry-time ${time} has passed`
        : undefined
    )
  })

  it("takes a time without a zone until it has passed everywhere, and the earliest of several", () => {
    const at = Date.UTC(2026, 0, 2)
    assert.isUndefined(whyNot("expiry-time=\"20260102\"", at + 12 * hour))
    assert.include(whyNot("expiry-time=\"20260102\"", at + 12 * hour + 1), "has passed")
    assert.include(whyNot("expiry-time=\"20990101Z\",expiry-time=\"20260101Z\"", at + 1), "20260101Z has passed")
  })

  it("tells an authority", () => {
    assert.deepStrictEqual(check("cert-authority,no-pty", now), { certificateAuthority: true })
    assert.deepStrictEqual(check("no-pty", now), { certificateAuthority: false })
  })
})
