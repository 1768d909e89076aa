import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  addressBytes,
  addressText,
  decode,
  type DhcpMessage,
  encode,
  type Lease,
  messageType,
  option,
  respond,
  routeBytes
} from "../dhcp.ts"

const lease: Lease = {
  address: "10.0.0.4",
  subnetMask: "255.255.255.0",
  server: "10.0.0.1",
  imds: "169.254.169.254",
  wireServer: "168.63.129.16"
}

const request = (type: number, options: ReadonlyArray<readonly [number, Uint8Array]> = []): DhcpMessage => ({
  op: 1,
  xid: 0xdeadbeef,
  secs: 3,
  flags: 0x8000,
  ciaddr: "0.0.0.0",
  yiaddr: "0.0.0.0",
  siaddr: "0.0.0.0",
  giaddr: "0.0.0.0",
  hardwareAddress: Uint8Array.of(0, 13, 58, 17, 34, 51),
  options: new Map([[option.messageType, Uint8Array.of(type)], ...options])
})

/** A reply's options, in hexadecimal. */
const optionsOf = (reply: DhcpMessage | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries([...reply?.options ?? []].map(([code, value]) => [code, Buffer.from(value).toString("hex")]))

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const Address = Schema.Tuple([Byte, Byte, Byte, Byte])
const Code = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 254 }))

describe("DHCP messages", () => {
  it.prop(
    "come back as they went",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })),
      Address,
      Address,
      Schema.Array(Schema.Tuple([Code, Schema.Array(Byte)]))
    ],
    ([xid, short, one, another, options]) => {
      const message: DhcpMessage = {
        op: short % 2 + 1,
        xid,
        secs: short,
        flags: short,
        ciaddr: one.join("."),
        yiaddr: another.join("."),
        siaddr: one.join("."),
        giaddr: another.join("."),
        hardwareAddress: Uint8Array.from([...one, ...another].slice(0, 6)),
        options: new Map(options.map(([code, value]) => [code, Uint8Array.from(value)]))
      }
      const bytes = encode(message)
      assert.isAtLeast(bytes.length, 300)
      assert.deepStrictEqual(decode(bytes), Result.succeed(message))
    }
  )

  it("an option of more than 255 bytes goes in parts", () => {
    const long = Uint8Array.from({ length: 600 }, (_, index) => index % 256)
    const message = request(1, [[43, long]])
    assert.deepStrictEqual(decode(encode(message)), Result.succeed(message))
  })

  it.prop("no bytes at all are more than a failure", [Schema.Array(Byte)], ([bytes]) => {
    const whole = encode(request(1))
    assert.isTrue(Result.isFailure(decode(Uint8Array.from(bytes))))
    const spoilt = Uint8Array.from([...whole.subarray(0, 240), ...bytes])
    const decoded = decode(spoilt)
    if (Result.isFailure(decoded)) assert.match(decoded.failure, /^option \d+ is cut off$/)
    else assert.strictEqual(decoded.success.xid, 0xdeadbeef)
  })

  it("padding between options is passed over, what follows the end too", () => {
    const head = encode(request(1)).subarray(0, 240)
    const decoded = decode(Uint8Array.from([...head, 0, 0, 53, 1, 3, 0, 255, 53, 1, 1]))
    assert.deepStrictEqual(Result.getOrThrow(decoded).options, new Map([[53, Uint8Array.of(3)]]))
  })

  it("addresses are four bytes", () => {
    assert.strictEqual(addressText(addressBytes("168.63.129.16")), "168.63.129.16")
  })

  it("routes are as RFC 3442 has them", () => {
    const routes = [
      { network: "0.0.0.0", length: 0, router: "10.17.0.1" },
      { network: "10.17.0.0", length: 20, router: "10.17.0.2" },
      { network: "10.229.0.128", length: 25, router: "10.229.0.1" }
    ]
    assert.deepStrictEqual(Array.from(routeBytes(routes)), [
      0,
      10,
      17,
      0,
      1,
      20,
      10,
      17,
      0,
      10,
      17,
      0,
      2,
      25,
      10,
      229,
      0,
      128,
      10,
      229,
      0,
      1
    ])
  })
})

describe("a server of one lease", () => {
  const options = {
    1: "ffffff00",
    3: "0a000001",
    51: "ffffffff",
    54: "0a000001",
    121: "000a00000120a83f81100a00000120a9fea9fe0a000001",
    245: "a83f8110"
  }

  it("offers what Azure offers", () => {
    const reply = respond(request(messageType.discover), lease)
    assert.deepStrictEqual(optionsOf(reply), { ...options, 53: "02" })
    assert.deepStrictEqual(
      [reply?.op, reply?.xid, reply?.flags, reply?.yiaddr],
      [2, 0xdeadbeef, 0x8000, "10.0.0.4"]
    )
  })

  it("acknowledges what it has offered, to those that choose it and to those that come again", () => {
    const chosen = request(messageType.request, [
      [option.requestedAddress, addressBytes("10.0.0.4")],
      [option.serverIdentifier, addressBytes("10.0.0.1")]
    ])
    assert.deepStrictEqual(optionsOf(respond(chosen, lease)), { ...options, 53: "05" })
    const renewed = respond({ ...request(messageType.request), ciaddr: "10.0.0.4" }, lease)
    assert.deepStrictEqual(optionsOf(renewed), { ...options, 53: "05" })
    assert.strictEqual(renewed?.ciaddr, "10.0.0.4")
  })

  it("refuses any other address", () => {
    const reply = respond(request(messageType.request, [[option.requestedAddress, addressBytes("10.0.0.5")]]), lease)
    assert.deepStrictEqual(optionsOf(reply), { 53: "06", 54: "0a000001" })
    assert.strictEqual(reply?.yiaddr, "0.0.0.0")
  })

  it("is silent where another one is meant, and to what is no question", () => {
    const other: ReadonlyArray<readonly [number, Uint8Array]> = [[option.serverIdentifier, addressBytes("10.0.0.2")]]
    assert.isUndefined(respond(request(messageType.request, other), lease))
    assert.isUndefined(respond(request(7), lease))
    assert.isUndefined(respond({ ...request(1), options: new Map() }, lease))
    assert.isUndefined(respond({ ...request(1), op: 2 }, lease))
  })
})
