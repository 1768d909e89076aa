import { assert, describe, it } from "@effect/vitest"
import { isUnchanged, type SshdFiles } from "../../src/layers/live/sshdFiles.ts"

const reading = (text: string): SshdFiles => ({
  files: [{ path: "/etc/ssh/sshd_config", text }],
  sameForAll: true
})
const same = (before: string, now: string) => isUnchanged(reading(before), reading(now))

describe("sshdFiles: what has changed since the files were read", () => {
  it("is not the agent's own line on passwords, whatever it says", () => {
    assert.isTrue(same("UsePAM yes\n", "PasswordAuthentication no\nUsePAM yes\n"))
    assert.isTrue(same("PasswordAuthentication yes\nUsePAM yes\n", "PasswordAuthentication no\nUsePAM yes\n"))
    assert.isTrue(isUnchanged({ files: [], sameForAll: true }, reading("PasswordAuthentication no\n")))
  })

  it("is any other line, and such a line that the agent does not write so", () => {
    assert.isFalse(same("UsePAM yes\n", "UsePAM no\n"))
    for (const line of ["  PasswordAuthentication", "#PasswordAuthentication", "Match all PasswordAuthentication"]) {
      assert.isFalse(same(`${line} yes\n`, `${line} no\n`), line)
    }
    assert.isFalse(same("PasswordAuthentication maybe\n", "PasswordAuthentication no\n"))
  })
})
