import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decodeAll } from "../../src/domain/SshPublicKey.ts"
import * as Random from "../fuzz/random.ts"
import { makeOptions, mutateBlob, mutateText, optionLines } from "../support/keyLines.ts"

const fixtures = new URL("../fixtures/ssh/", import.meta.url)

/** A key of every type that OpenSSH makes, certificates included, with its comment. */
const lines = readdirSync(fixtures).filter((name) => name.endsWith(".pub"))
  .map((name) => readFileSync(new URL(name, fixtures), "utf8").trim())

/** A key that stands behind every line, so that one run of ssh-keygen tells of each line whether it has a key. */
const mark = readFileSync(new URL("ed25519.pub", fixtures), "utf8").split(" ").slice(0, 2).join(" ")

/** The fingerprint that ssh-keygen prints for each line; `undefined` where it finds no key. */
const fingerprints = (lines: ReadonlyArray<string>): ReadonlyArray<string | undefined> => {
  const directory = mkdtempSync(join(tmpdir(), "azure-init-keys-"))
  try {
    const file = join(directory, "lines")
    writeFileSync(file, `${mark} -1-\n${lines.map((line, index) => `${line}\n${mark} -${index}-\n`).join("")}`)
    const { error, status, stderr, stdout } = spawnSync("ssh-keygen", ["-l", "-f", file], {
      encoding: "latin1",
      maxBuffer: 1024 * 1024 * 1024
    })
    assert.strictEqual(status, 0, error?.message ?? stderr)
    const found: Array<string | undefined> = []
    let last: string | undefined
    for (const line of stdout.trimEnd().split("\n").slice(1)) {
      const [, fingerprint, comment = ""] = line.split(" ")
      if (comment === `-${found.length}-`) {
        found.push(last)
        last = undefined
      } else last = fingerprint
    }
    assert.strictEqual(found.length, lines.length)
    return found
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Milliseconds: ssh-keygen reads thousands of keys, on machines that have other things to do. */
const seconds = 60_000

/** What ssh-keygen takes and sshd does not: it reads no options, and it still knows ssh-dss. */
const sshdOnly = /option|expiry-time|authority|ssh-dss/

/**
 * Where ours is the stricter or the laxer on purpose: a line in which sshd would skip white space that ssh-keygen does
 * not, and a certificate, which ssh-keygen checks to its end while we take the key in it.
 */
const comparable = (line: string): string => line.trimStart().replaceAll(/[ \t]+/g, " ")
const certificate = /-cert-v01@openssh\.com/

const compare = Effect.fnUntraced(function*(given: ReadonlyArray<string>) {
  const lines = given.map(comparable)
  const theirs = fingerprints(lines)
  let taken = 0
  for (const [index, line] of lines.entries()) {
    const their = theirs[index]
    const { keys: [key], rejected: [bad] } = yield* decodeAll([line])
    if (key !== undefined) {
      taken++
      if (their !== undefined || !certificate.test(line)) assert.strictEqual(key.fingerprint, their, line)
    } else if (!sshdOnly.test(bad?.why ?? "")) assert.isUndefined(their, `${bad?.why}: ${line}`)
  }
  return taken
})

describe("SshPublicKey and ssh-keygen -l", () => {
  beforeAll(() => {
    const { error } = spawnSync("ssh-keygen", ["-?"])
    if (error !== undefined) throw new Error(`These tests need ssh-keygen: install openssh-client (${error.message})`)
  })

  it.effect("agree on every type of key, with every option", () =>
    Effect.gen(function*() {
      const all = [...lines, ...optionLines(mark), ...lines.flatMap((line) => optionLines(line).slice(0, 12))]
      assert.isAbove(yield* compare(all), 40)
    }), seconds)

  it.effect("agree on lines with a few characters changed", () =>
    Effect.gen(function*() {
      const random = Random.make("characters")
      const all = Array.from({ length: 1500 }, () => mutateText(random, random.pick(lines)))
      assert.isAbove(yield* compare(all), 40)
    }), seconds)

  it.effect("agree on lines whose blob is changed", () =>
    Effect.gen(function*() {
      const random = Random.make("blobs")
      const all = Array.from({ length: 1500 }, () => mutateBlob(random, random.pick(lines)))
      assert.isAbove(yield* compare(all), 40)
    }), seconds)

  it.effect("agree on lines whose options are changed", () =>
    Effect.gen(function*() {
      const random = Random.make("options")
      const all = Array.from({ length: 1500 }, () => mutateText(random, `${makeOptions(random)} ${random.pick(lines)}`))
      assert.isAbove(yield* compare(all), 40)
    }), seconds)
})
