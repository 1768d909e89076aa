import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { absolutePath, filter, homePath, httpOrigin, httpUrl, type ValueType } from "../../src/domain/SettingsValue.ts"

interface Cases {
  readonly type: ValueType<unknown>
  readonly taken: ReadonlyArray<string>
  readonly refused: ReadonlyArray<string>
}

const cases: Readonly<Record<string, Cases>> = {
  "an absolute path": {
    type: absolutePath,
    taken: ["/", "/var/lib/azure-init/", "/a..b", "/...", "/a/..b", "/a b"],
    refused: [
      "",
      "a",
      "a/b",
      "..",
      "//a",
      "/a\0",
      "/a\nb",
      "\n/a",
      "/..",
      "/../a",
      "/a/..",
      "/a/b/../c",
      "/a\r/../c",
      "/a /../c"
    ]
  },
  "a path of a user's file": {
    type: homePath,
    taken: [".ssh/authorized_keys", "/etc/ssh/keys/%u", "a..b", "..a", "a..", "a/..b", "..."],
    refused: ["", "..", "../a", "/..", "a/..", "a/b/../c", "a\0", "\na", "a\nb", "a\r/../c", "a /../c"]
  },
  "a URL": {
    type: httpUrl,
    taken: ["http://a", "http://168.63.129.16/provisioning/health", "http://a:80/b?c=d", "http://[::1]:8080/"],
    refused: ["", "http://", "https://a", " http://a", "x http://a", "http://a b", "http://a/b c", "http://a/b#c"]
      .concat("http://a?b", "http://user@a", "http://a:99999", "http://[/")
  },
  "a URL without a path": {
    type: httpOrigin,
    taken: ["http://169.254.169.254", "http://127.0.0.1:8080"],
    refused: ["http://", "https://a", "xhttp://a", "http://a/", "http://a/b", "http://a b", "http://a?b", "http://a#b"]
      .concat("http://user@a", "http://a:99999")
  }
}

describe("SettingsValue", () => {
  for (const [name, { refused, taken, type }] of Object.entries(cases)) {
    it.each(taken)(`takes %j as ${name}`, (text) => assert.deepStrictEqual(type.decode(text), Option.some(text)))
    it.each(refused)(`refuses %j as ${name}`, (text) => assert.isTrue(Option.isNone(type.decode(text))))
  }

  it.each(["", " \n"])("takes %j for no filter", (text) => {
    assert.deepStrictEqual(filter.decode(text), Option.some(Option.none()))
  })

  it("takes a filter without the blanks around it", () => {
    assert.deepStrictEqual(filter.decode(" warn, info "), Option.some(Option.some("warn, info")))
  })
})
