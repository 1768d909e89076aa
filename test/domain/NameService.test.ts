import { assert, describe, it } from "@effect/vitest"
import { type Database, entryOf, sourcesOf } from "../../src/domain/NameService.ts"

describe("NameService: sources", () => {
  const alone = { fileFirst: true, fileOnly: true }
  const first = { fileFirst: true, fileOnly: false }
  const behind = { fileFirst: false, fileOnly: false }
  for (
    const [text, expected] of [
      ["", alone],
      ["passwd: files\n", alone],
      ["# passwd: sss\n\n  passwd:\tfiles # sss\n", alone],
      ["group: sss\npasswd_compat: sss\nhosts: files dns\n", alone],
      ["passwd:         files systemd\n", first],
      ["passwd: files [SUCCESS=merge] systemd", first],
      ["passwd: files[ success = MERGE ]sss", first],
      ["passwd: files sss [NOTFOUND=return] ldap", first],
      ["passwd: files [SUCCESS=continue] sss", behind],
      ["passwd: files [!NOTFOUND=continue] sss", behind],
      ["passwd: files [NOTFOUND=return]", behind],
      ["passwd: files [SUCCESS=merge NOTFOUND=return] sss", behind],
      ["passwd: sss files", behind],
      ["passwd: compat", behind],
      ["passwd: [NOTFOUND=return] files", behind],
      ["passwd: filesystem", behind],
      ["passwd:", behind],
      ["passwd : files", behind],
      ["passwd files", behind],
      ["passwd: files\npasswd: sss\n", behind],
      ["passwd: files\npasswd: files\n", behind]
    ] as const
  ) {
    it(`of accounts are ${JSON.stringify(expected)} in ${JSON.stringify(text)}`, () => {
      assert.deepStrictEqual(sourcesOf(text, "passwd"), expected)
    })
  }

  it("are each database's own", () => {
    const text = "passwd: files\ngroup: files systemd\nshadow: sss\n"
    assert.deepStrictEqual(sourcesOf(text, "group"), first)
    assert.deepStrictEqual(sourcesOf(text, "shadow"), behind)
  })
})

describe("NameService: entries", () => {
  const line = "alice:x:1000:1000:Alice,,,:/home/alice:/bin/sh"
  const group = "adm:x:4:alice,bob"
  const shadow = "alice:$y$j9T$:20000:0:99999:7:::"
  for (
    const [database, text, key, expected] of [
      ["passwd", `root:x:0:0::/root:\n${line}\n`, "alice", { line }],
      ["passwd", line, "alice", { line }],
      ["passwd", `${line}\nalice:x:7:7::/:\n`, "alice", { line }],
      ["passwd", `alicext:x:7:7::/:\n#alice:x:7:7::/:\n`, "alice", "absent"],
      ["passwd", `${line}\n`, "1000", "absent"],
      ["passwd", `${line}\n`, "x", "absent"],
      ["passwd", `${line}\n`, "lice", "absent"],
      ["passwd", "", "alice", "absent"],
      ["passwd", `${line}:\n`, "alice", "unclear"],
      ["passwd", "alice:x:oops:1000::/:/bin/sh\n", "alice", "unclear"],
      ["passwd", "alice:x:1000:-1::/:/bin/sh\n", "alice", "unclear"],
      ["passwd", "alice:x:1000:12345678901::/:/bin/sh\n", "alice", "unclear"],
      ["passwd", "alice:x:1000\n", "alice", "unclear"],
      ["passwd", `${line}\n+@admins::::::\n`, "alice", "unclear"],
      ["passwd", `${line}\n-bob\n`, "alice", "unclear"],
      ["passwd", `root:x:0:0::/:\n +\n${line}\n`, "alice", "unclear"],
      ["passwd", `\t${line}\n`, "alice", "unclear"],
      ["passwd", `${line}\r\n`, "alice", "unclear"],
      ["passwd", `\n   \n${line}\n`, "alice", { line }],
      ["group", `${group}\n`, "adm", { line: group }],
      ["group", `${group}\n`, "4", { line: group }],
      ["group", `adm:x:44:\n#no:x:4:\n`, "4", "absent"],
      ["group", "adm:x:4\n", "adm", "unclear"],
      ["group", "adm:x::\n", "adm", "unclear"],
      ["group", `${group}:\n`, "adm", "unclear"],
      ["shadow", `${shadow}\n`, "alice", { line: shadow }],
      ["shadow", "alice:!:20000:0:99999:7::-1:\n", "alice", { line: "alice:!:20000:0:99999:7::-1:" }],
      ["shadow", "alice:!:20000:0:99999:7::\n", "alice", "unclear"],
      ["shadow", "alice:!:soon:0:99999:7:::\n", "alice", "unclear"]
    ] as const satisfies ReadonlyArray<readonly [Database, string, string, unknown]>
  ) {
    it(`of ${key} in ${JSON.stringify(text)} of ${database}: ${JSON.stringify(expected)}`, () => {
      assert.deepStrictEqual(entryOf(text, database, key), expected)
    })
  }
})
