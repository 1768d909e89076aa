import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Redaction from "../../src/domain/Redaction.ts"

const without = (text: string, ...secrets: ReadonlyArray<string>): string => {
  const needles = Redaction.nothing()
  for (const secret of secrets) Redaction.hide(needles, secret)
  return Redaction.redact(text, needles)
}

const withoutInput = (text: string, input: string): string => {
  const needles = Redaction.nothing()
  Redaction.hideInput(needles, input)
  return Redaction.redact(text, needles)
}

describe("Redaction", () => {
  it("hides a secret wherever it stands, and nothing else", () => {
    assert.strictEqual(
      without("a hunter2-secret, xhunter2-secretx; hunter2", "hunter2-secret"),
      "a <redacted>, x<redacted>x; <redacted>"
    )
    assert.strictEqual(without("nothing of it", "hunter2-secret"), "nothing of it")
    assert.strictEqual(without("nothing to hide"), "nothing to hide")
  })

  it("hides a secret that is wrapped over lines, with the break in it", () => {
    assert.strictEqual(without("one\nhunt\r\n  er2-se\ncret\ntwo\n", "hunter2-secret"), "one\n<redacted>\ntwo\n")
    assert.strictEqual(without("p\na\ns\ns\nend", "pass"), "<redacted>\nend")
  })

  it("hides what a cut or an escape leaves of a secret, from six characters on", () => {
    assert.strictEqual(without("…2-secret", "hunter2-secret"), "…<redacted>")
    assert.strictEqual(without("hunter&lt;secret", "hunter<secret"), "<redacted>&lt;<redacted>")
    assert.strictEqual(without("ecret", "hunter2-secret"), "ecret")
  })

  it("hides a short secret as a word only", () => {
    assert.strictEqual(
      without("line 1 of 11: a and b (a) user:a", "a", "1"),
      "line <redacted> of 11: <redacted> and b (<redacted>) user:<redacted>"
    )
    assert.strictEqual(without("a b", "a"), "<redacted> b")
    assert.strictEqual(without("a hunter2-secret b", "a", "hunter2-secret"), "<redacted> <redacted> b")
  })

  it("hides a secret of four to six characters everywhere", () => {
    for (const secret of ["abcd", "abcde", "abcdef"]) {
      assert.strictEqual(without(`x${secret}y ${secret}`, secret), "x<redacted>y <redacted>")
    }
  })

  it("hides nothing for a secret that is empty or blank", () => {
    assert.strictEqual(without("a text\nof   lines", "", "   ", "\n"), "a text\nof   lines")
    assert.strictEqual(without("a     b", "     "), "a     b")
    assert.strictEqual(withoutInput("a     b", "     \n\n"), "a     b")
  })

  it("hides a whole line of input that names a secret, however short the secret is", () => {
    assert.strictEqual(withoutInput("xa:bcx", "a:bc"), "x<redacted>x")
    assert.strictEqual(withoutInput("xa:bx", "a:b"), "xa:bx")
    assert.strictEqual(withoutInput("a :secret", ":secret"), "a <redacted>")
    assert.strictEqual(withoutInput("cab ab", "ab\n"), "cab <redacted>")
  })

  it("knows the password in chpasswd's input by itself, and leaves the user's name readable", () => {
    const input = "azureuser:pass:word\n"
    assert.strictEqual(withoutInput("line 1: azureuser:pass:word", input), "line 1: <redacted>")
    assert.strictEqual(withoutInput("azureuser: 'pass:word' is bad", input), "azureuser: '<redacted>' is bad")
    assert.strictEqual(withoutInput("azureuser:\npass:word", input), "<redacted>")
    assert.strictEqual(withoutInput("user a: : is", "a::\n"), "user a: <redacted> is")
    assert.strictEqual(withoutInput("user::", "user::\n"), "<redacted>")
  })

  it.prop(
    "leaves no secret in a text that holds it anywhere, wrapped anywhere",
    [Schema.String, Schema.String, Schema.String, Schema.Int],
    ([before, secret, after, at]) => {
      const text = secret.replaceAll(/[\r\n]/g, "")
      if (text.length < 4 || text.trim() === "") return
      const place = Math.abs(at % text.length)
      const redacted = without(`${before}${text.slice(0, place)}\n${text.slice(place)}${after}|${text}`, text)
      assert.isFalse(redacted.replaceAll(Redaction.placeholder, "").includes(text))
      assert.isTrue(redacted.endsWith(Redaction.placeholder), redacted)
    }
  )

  it("takes no longer for a long text and a long secret than a boot can wait", () => {
    const secret = Array.from({ length: 20_000 }, (_, index) => index.toString(36)).join("")
    assert.strictEqual(without(`${"x\n".repeat(32 * 1024)}${secret}`, secret), `${"x\n".repeat(32 * 1024)}<redacted>`)
  }, 5000)
})
