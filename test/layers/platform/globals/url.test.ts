import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { make } from "../../../../src/layers/platform/globals/url.ts"
import { system } from "../../../support/natives.ts"

const ours = make(system)

const properties = [
  "href",
  "origin",
  "protocol",
  "username",
  "password",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash"
] as const

const valid: ReadonlyArray<readonly [text: string, href: string]> = [
  [
    "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true",
    "http://169.254.169.254/metadata/instance?api-version=2023-11-15&extended=true"
  ],
  ["HTTP://Example.COM:80", "http://example.com/"],
  ["http://127.1:8080/a/../b", "http://127.0.0.1:8080/b"],
  ["http://[::1]:32526/health", "http://[::1]:32526/health"],
  ["  http://host/\u00e9?\u00e9#\u00e9  ", "http://host/%C3%A9?%C3%A9#%C3%A9"],
  ["http://user:secret@host/", "http://user:secret@host/"],
  ["http:\\\\host\\path", "http://host/path"]
]
const invalid = ["", "host", "http://", "http://host:99999/", "http://a b/", "http://1.2.3.4.5/", "http://[::g]/"]

for (const [name, { URL, URLSearchParams }] of [["ours", ours], ["the platform's own", globalThis]] as const) {
  describe(`URL: ${name}`, () => {
    it.each(valid)("takes %s", (text, href) => {
      assert.strictEqual(new URL(text).href, href)
      assert.isTrue(URL.canParse(text))
      assert.strictEqual(String(URL.parse(text)), href)
      assert.strictEqual(JSON.stringify(new URL(text)), JSON.stringify(href))
    })

    it.each(invalid.map((text) => [text] as const))("refuses '%s'", (text) => {
      assert.throws(() => new URL(text), TypeError)
      assert.isFalse(URL.canParse(text))
      assert.isNull(URL.parse(text))
    })

    it("tells the parts", () => {
      const url = new URL("http://u:p@host:8080/path?query=1#hash")
      assert.deepStrictEqual(properties.map((property) => url[property]), [
        "http://u:p@host:8080/path?query=1#hash",
        "http://host:8080",
        "http:",
        "u",
        "p",
        "host:8080",
        "host",
        "8080",
        "/path",
        "?query=1",
        "#hash"
      ])
    })

    it("resolves a relative reference", () => {
      assert.strictEqual(new URL("../c?d", "http://host/a/b/").href, "http://host/a/c?d")
    })

    it("changes its parts, and keeps them when the value is none", () => {
      const url = new URL("http://host/path")
      url.hash = "part"
      url.port = "8080"
      url.pathname = "/a b"
      url.port = "none"
      assert.strictEqual(url.href, "http://host:8080/a%20b#part")
      assert.throws(() => {
        url.href = "none"
      }, TypeError)
    })

    it("keeps its query and its parameters together", () => {
      const url = new URL("http://host/?a=1")
      url.searchParams.append("b c", "\u00e9&=+")
      assert.strictEqual(url.href, "http://host/?a=1&b+c=%C3%A9%26%3D%2B")
      const { searchParams } = url
      url.search = "?x=y"
      assert.deepStrictEqual([...searchParams], [["x", "y"]])
      searchParams.delete("x")
      assert.strictEqual(url.href, "http://host/")
    })
  })

  describe(`URLSearchParams: ${name}`, () => {
    it("parses and writes forms", () => {
      const parameters = new URLSearchParams("?a=1&b=%20x+y&&c&a=2&%zz=%e9&=d")
      assert.deepStrictEqual([...parameters], [
        ["a", "1"],
        ["b", " x y"],
        ["c", ""],
        ["a", "2"],
        ["%zz", "\ufffd"],
        ["", "d"]
      ])
      assert.strictEqual(parameters.toString(), "a=1&b=+x+y&c=&a=2&%25zz=%EF%BF%BD&=d")
      assert.deepStrictEqual(parameters.getAll("a"), ["1", "2"])
      assert.strictEqual(parameters.get("none"), null)
      assert.isTrue(parameters.has("a", "2"))
      assert.strictEqual(parameters.size, 6)
    })

    it("is made of records and lists, and changes", () => {
      assert.strictEqual(new URLSearchParams({ a: "1", b: "2" }).toString(), "a=1&b=2")
      const parameters = new URLSearchParams([["b", "1"], ["a", "2"], ["b", "3"]])
      parameters.set("b", "4")
      parameters.append("a", "1")
      parameters.sort()
      assert.strictEqual(parameters.toString(), "a=2&a=1&b=4")
      assert.deepStrictEqual([[...parameters.keys()], [...parameters.values()]], [["a", "a", "b"], ["2", "1", "4"]])
    })
  })
}

describe("URLSearchParams: ours", () => {
  it.prop("writes and reads any text as the platform's own", [Schema.String, Schema.String], ([name, value]) => {
    const pairs: Array<[string, string]> = [[name, value]]
    assert.strictEqual(new ours.URLSearchParams(pairs).toString(), new globalThis.URLSearchParams(pairs).toString())
    assert.deepStrictEqual([...new ours.URLSearchParams(value)], [...new globalThis.URLSearchParams(value)])
  })
})
