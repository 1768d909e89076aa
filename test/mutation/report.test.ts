import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { otherModes } from "./modes.ts"
import { nearest } from "./nearest.ts"
import { isGuard, judge, type Mutant, shown } from "./report.ts"

const mutant = (changes: Partial<Mutant>): Mutant => ({
  file: "src/domain/VmId.ts",
  line: 1,
  source: "const answer = 42",
  replacement: "0",
  mutator: "NumberLiteral",
  status: "Survived",
  ...changes
})

const many = (count: number, changes: Partial<Mutant>) => Array.from({ length: count }, () => mutant(changes))

describe("the mutation report", () => {
  it("counts each folder, a mutant that no test reaches as a survivor and one that never ends as killed", () => {
    const { scores } = judge(
      [
        ...many(2, { status: "Killed" }),
        mutant({ status: "Timeout" }),
        mutant({ status: "NoCoverage" }),
        mutant({ status: "RuntimeError" }),
        mutant({ file: "src/layers/linux/files.ts", status: "Killed" })
      ],
      true,
      []
    )
    assert.deepStrictEqual(scores, [
      { folder: "src/domain", killed: 3, survived: 1, accepted: 0, invalid: 1 },
      { folder: "src/layers/linux", killed: 1, survived: 0, accepted: 0, invalid: 0 }
    ])
  })

  it("fails below 90 % of a folder with a limit, and passes at 90 %", () => {
    assert.isTrue(judge([...many(9, { status: "Killed" }), mutant({})], true, []).passed)
    const low = judge([...many(8, { status: "Killed" }), mutant({})], true, [])
    assert.isFalse(low.passed)
    assert.include(shown(low), "src/domain: 88.9 % (8 killed, 1 survived, 0 accepted, 0 invalid), at least 90 %")
    assert.isTrue(judge([mutant({ file: "src/layers/live/Imds.ts" })], true, []).passed)
  })

  it("fails on a survivor in a guarding line of a live layer, whatever the score is", () => {
    const live = "src/layers/linux/files.ts"
    const verdict = judge(
      [
        ...many(1000, { file: live, status: "Killed" }),
        mutant({ file: live, line: 7, source: "await file.sync()", replacement: ";" })
      ],
      true,
      []
    )
    assert.isFalse(verdict.passed)
    assert.include(shown(verdict), "guard survived: src/layers/linux/files.ts:7")
  })

  it("knows the lines that guard ownership, modes, links, durability, secrets and limits", () => {
    const guards = [
      "if (!trusted(stat.uid) && stat.uid !== account.uid) {",
      "const trusted = (uid: number) => uid === 0 || uid === linux.euid",
      "yield* handle.chown(account.uid, account.gid)",
      "const mode = 0o600",
      "const from = yield* linux.open(source, { noFollow: true })",
      "{ access: \"write\", exclusive: true }",
      "linux.lstat(place)",
      "yield* file.sync",
      "if (size > maximumPool) {",
      "stdin: Redacted.value(password)"
    ]
    for (const source of guards) {
      assert.isTrue(isGuard(mutant({ file: "src/layers/linux/files.ts", source })), source)
    }
    for (
      const source of ["let length = 0", "Effect.sync(() => {", "yield* Effect.logInfo(\"Set the password\") // mode"]
    ) {
      assert.isFalse(isGuard(mutant({ file: "src/layers/live/Kvp.ts", source })), source)
    }
    assert.isFalse(isGuard(mutant({ source: "const mode = 0o600" })))
    assert.isTrue(isGuard(mutant({ file: "src/domain/Redaction.ts" })))
  })

  it("leaves an accepted mutant out of the score, by file, line and replacement", () => {
    const entry = { file: "src/domain/VmId.ts", line: "answer", replacement: "0", because: { equivalent: "unused" } }
    const { scores, unused } = judge(
      [
        mutant({}),
        mutant({ replacement: "1" }),
        mutant({ source: "other" }),
        mutant({ file: "src/domain/Username.ts" })
      ],
      true,
      [entry]
    )
    assert.deepStrictEqual(scores, [{ folder: "src/domain", killed: 0, survived: 3, accepted: 1, invalid: 0 }])
    assert.deepStrictEqual(unused, [])
  })

  it("fails on an accepted mutant that no run has, when every file was mutated", () => {
    const entry = { line: "gone", because: { equivalent: "unused" } }
    const whole = judge(many(1, { status: "Killed" }), true, [entry])
    assert.isFalse(whole.passed)
    assert.include(shown(whole), "not needed in accepted.ts: any file: gone")
    assert.isTrue(judge(many(1, { status: "Killed" }), false, [entry]).passed)
  })
})

describe("the suites that are asked for a mutant", () => {
  const suites = [
    "test/layers/Kvp.test.ts",
    "test/layers/KvpLimits.test.ts",
    "test/layers/Imds.test.ts",
    "test/programs/provision.test.ts",
    "test/domain/KvpRecord.test.ts",
    "test/domain/VmId.test.ts"
  ].map((path) => `/tree/${path}`)
  const asked = (...mutated: ReadonlyArray<string>) =>
    nearest(mutated.map((path) => `/tree/src/${path}`), suites, (path) => path).map((path) => path.slice(11))

  it("are its own first, then the domain's and the programs', for a file of the domain", () => {
    assert.deepStrictEqual(asked("domain/VmId.ts"), [
      "domain/VmId.test.ts",
      "domain/KvpRecord.test.ts",
      "programs/provision.test.ts"
    ])
  })

  it("are those of its name for a layer, and all that are related when there is none", () => {
    assert.deepStrictEqual(asked("layers/live/Kvp.ts"), ["layers/Kvp.test.ts", "layers/KvpLimits.test.ts"])
    assert.lengthOf(asked("layers/linux/files.ts"), suites.length)
    assert.lengthOf(asked("layers/live/Kvp.ts", "domain/VmId.ts"), suites.length)
  })
})

describe("the mutation run", () => {
  it("changes each right of the group and of others in permission bits", () => {
    assert.deepStrictEqual(otherModes(0o640), [0o600, 0o660, 0o644, 0o642])
    assert.deepStrictEqual(otherModes(0o022), [0o062, 0o002, 0o026, 0o020])
  })

  it("refuses to start as root and where there is a network, and says what to use", () => {
    const tried = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "main.ts"), "--concurrency", "1", "src/none.ts"],
      { encoding: "utf8" }
    )
    assert.strictEqual(tried.status, 2)
    assert.match(tried.stderr, /^refusing to start: .*npm run mutation$/m)
  }, 60_000)
})
