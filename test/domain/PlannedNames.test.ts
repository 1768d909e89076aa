import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { OvfEnvironment } from "../../src/domain/OvfEnvironment.ts"
import { formatInvalidField, type PlanFailure } from "../../src/domain/PlanFailure.ts"
import { decideHostname, decideUsername } from "../../src/domain/PlannedNames.ts"
import { Username } from "../../src/domain/Username.ts"
import { disc as other, metadata } from "../support/agent.ts"

const disc: OvfEnvironment = { ...other, disablePasswordAuthentication: Option.none() }

/** Each failure in a sentence. */
const texts = (failures: ReadonlyArray<PlanFailure>): ReadonlyArray<string> =>
  failures.map((failure) =>
    failure._tag === "InvalidField" ? formatInvalidField(failure.problem) : JSON.stringify(failure)
  )

const called = (computerName: string, hostname = Option.none<string>()) =>
  decideHostname({
    imds: Result.succeed({ ...metadata, computerName }),
    media: Result.succeed(Option.some({ ...disc, hostname }))
  })

describe("decideHostname", () => {
  it("takes 64 letters without a word", () => {
    const { failures, notices, value } = called("x".repeat(64))
    assert.deepStrictEqual(Option.map(value, (of) => `${of.source} ${of.value}`), Option.some(`IMDS ${"x".repeat(64)}`))
    assert.deepStrictEqual([failures, notices], [[], []])
  })

  it("says how long a name is that is one letter too long", () => {
    const { failures, value } = called("x".repeat(65))
    assert.isTrue(Option.isNone(value))
    assert.deepStrictEqual(texts(failures), [
      `IMDS: compute.osProfile.computerName: found "${"x".repeat(64)}" (the first 64 of 65 characters), `
      + "expected a host name of at most 64 letters, digits, '-' and '.'"
    ])
  })

  it("shows a wrong name of 64 letters whole, and cuts at characters", () => {
    const whole = texts(called(`${"x".repeat(63)}_`).failures)[0]
    assert.include(whole, `found "${"x".repeat(63)}_", expected`)
    const cut = texts(called("😀".repeat(65)).failures)[0]
    assert.include(cut, `found "${"😀".repeat(64)}" (the first 64 of 65 characters)`)
  })

  it("uses the first label of a domain name that Linux does not take whole, with a warning", () => {
    const name = `web-1.${"x".repeat(60)}.example`
    const { failures, notices, value } = called(name)
    assert.deepStrictEqual(Option.map(value, (of) => `${of.source} ${of.value}`), Option.some("IMDS web-1"))
    assert.deepStrictEqual(failures, [])
    assert.deepStrictEqual(notices, [{
      message: "The domain name is longer than a host name of Linux, using its first label",
      fields: { source: "IMDS", name, length: 74, hostname: "web-1" }
    }])
  })

  it("takes the media's name for one that IMDS has wrong, with a warning", () => {
    const { failures, notices, value } = called("a_b", Option.some("dischost"))
    assert.deepStrictEqual(Option.map(value, (of) => `${of.source} ${of.value}`), Option.some("media dischost"))
    assert.deepStrictEqual(failures, [])
    assert.deepStrictEqual(notices.map(({ message }) => message), ["Took the other source's value for a field"])
  })

  it("keeps the name of a host that neither source names, with a warning", () => {
    const { failures, notices, value } = called(" ", Option.some(" "))
    assert.isTrue(Option.isNone(value))
    assert.deepStrictEqual(failures, [])
    assert.lengthOf(notices, 1)
  })

  it("names what both sources have wrong, IMDS first", () => {
    const { failures, notices } = called("a_b", Option.some("c_d"))
    const expected = "expected a host name of at most 64 letters, digits, '-' and '.'"
    assert.deepStrictEqual(texts(failures), [
      `IMDS: compute.osProfile.computerName: found "a_b", ${expected}`,
      `media: HostName: found "c_d", ${expected}`
    ])
    assert.deepStrictEqual(notices, [])
  })
})

describe("decideUsername", () => {
  it("takes a name without the blanks around it, and one of the media where IMDS has only blanks", () => {
    const taken = (adminUsername: string, username = Option.none<string>()) =>
      decideUsername({
        imds: Result.succeed({ ...metadata, adminUsername }),
        media: Result.succeed(Option.some({ ...disc, username }))
      })
    assert.deepStrictEqual(
      taken(" azureuser\t").value,
      Option.some({ value: Username.make("azureuser"), source: "IMDS" })
    )
    assert.deepStrictEqual([taken("azureuser").failures, taken("azureuser").notices], [[], []])
    assert.deepStrictEqual(
      taken(" ", Option.some("\ndiscuser ")).value,
      Option.some({ value: Username.make("discuser"), source: "media" })
    )
    assert.deepStrictEqual(texts(taken(" ", Option.some("a b")).failures), [
      "media: UserName: found \"a b\", "
      + "expected a user name of 1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
    ])
    assert.deepStrictEqual(taken(" ").notices, [])
  })

  it("says why the disc names nobody when it cannot be read", () => {
    const { failures } = decideUsername({
      imds: Result.succeed({ ...metadata, adminUsername: "" }),
      media: Result.fail({ message: "the disc cannot be read" })
    })
    assert.deepStrictEqual(failures, [{
      _tag: "UsernameMissing",
      imds: "compute.osProfile.adminUsername is empty",
      media: "the disc cannot be read"
    }])
  })

  it("says why each source names nobody", () => {
    const { failures } = decideUsername({
      imds: Result.fail({ message: "IMDS does not answer" }),
      media: Result.succeed(Option.some({ ...disc, username: Option.none() }))
    })
    assert.deepStrictEqual(failures, [{
      _tag: "UsernameMissing",
      imds: "IMDS does not answer",
      media: "it has no UserName"
    }])
  })

  it("takes the media's name for one that IMDS has wrong", () => {
    const { notices, value } = decideUsername({
      imds: Result.succeed({ ...metadata, adminUsername: "-rf" }),
      media: Result.succeed(Option.some(disc))
    })
    assert.deepStrictEqual(Option.map(value, (of) => `${of.source} ${of.value}`), Option.some("media discuser"))
    assert.lengthOf(notices, 1)
  })
})
