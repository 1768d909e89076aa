/** DHCP messages (RFC 2131) and the options that Azure's server gives (RFC 2132, RFC 3442), as bytes and back. */
import * as Result from "effect/Result"

/** The kinds of messages (option 53) that a server of one lease needs. */
export const messageType = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const

/** The options by what they hold. */
export const option = {
  subnetMask: 1,
  router: 3,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  classlessRoutes: 121,
  /** Azure's own: the address of WireServer. */
  wireServer: 245
} as const

/** A message, its addresses as text. */
export interface DhcpMessage {
  /** 1 for a client's, 2 for a server's. */
  readonly op: number
  readonly xid: number
  readonly secs: number
  /** 0x8000 asks for an answer by broadcast. */
  readonly flags: number
  readonly ciaddr: string
  readonly yiaddr: string
  readonly siaddr: string
  readonly giaddr: string
  /** 6 bytes of Ethernet. */
  readonly hardwareAddress: Uint8Array
  /** In their order; one that came in several parts is joined (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>
}

const magic = 0x63825363
const ethernet = 1
const hardwareSize = 6
/** Where options begin: after the fixed fields and the magic cookie. */
const headSize = 240
/** The least that a client of BOOTP takes (RFC 1542, 2.1). */
const leastSize = 300
const pad = 0
const end = 255

/** An IPv4 address as its four bytes. */
export const addressBytes = (address: string): Uint8Array => Uint8Array.from(address.split(".").map(Number))

/** Four bytes as an IPv4 address. */
export const addressText = (bytes: Uint8Array): string => Array.from(bytes).join(".")

/** A number as the four bytes of an option. */
export const wordBytes = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Routes as option 121 has them: the network's length, as many bytes of it as that needs, and the router. */
export const routeBytes = (
  routes: ReadonlyArray<{ readonly network: string; readonly length: number; readonly router: string }>
): Uint8Array =>
  Uint8Array.from(routes.flatMap(({ length, network, router }) => [
    length,
    ...addressBytes(network).subarray(0, Math.ceil(length / 8)),
    ...addressBytes(router)
  ]))

/** A message as the payload of a datagram. */
export const encode = (message: DhcpMessage): Uint8Array => {
  const head = Buffer.alloc(headSize)
  head.set([message.op, ethernet, hardwareSize, 0])
  head.writeUInt32BE(message.xid, 4)
  head.writeUInt16BE(message.secs, 8)
  head.writeUInt16BE(message.flags, 10)
  head.set(addressBytes(message.ciaddr), 12)
  head.set(addressBytes(message.yiaddr), 16)
  head.set(addressBytes(message.siaddr), 20)
  head.set(addressBytes(message.giaddr), 24)
  head.set(message.hardwareAddress.subarray(0, hardwareSize), 28)
  head.writeUInt32BE(magic, 236)
  const options = [...message.options].flatMap(([code, value]) => {
    // An option without a value is one part too.
    const parts = Math.max(1, Math.ceil(value.length / 255))
    return Array.from({ length: parts }, (_, index) => value.subarray(index * 255, (index + 1) * 255))
      .flatMap((part) => [code, part.length, ...part])
  })
  const body = Buffer.from([...options, end])
  return Buffer.concat([head, body, Buffer.alloc(Math.max(0, leastSize - headSize - body.length))])
}

/** The message in a datagram; the failure says why it is none. */
export const decode = (datagram: Uint8Array): Result.Result<DhcpMessage, string> => {
  const bytes = Buffer.from(datagram)
  if (bytes.length < headSize || bytes.readUInt32BE(236) !== magic) return Result.fail("no DHCP message")
  if (bytes[1] !== ethernet || bytes[2] !== hardwareSize) return Result.fail("not of Ethernet")
  const options = new Map<number, Uint8Array>()
  let at = headSize
  while (at < bytes.length && bytes[at] !== end) {
    const code = bytes[at] ?? pad
    if (code === pad) {
      at++
      continue
    }
    const length = bytes[at + 1]
    if (length === undefined || at + 2 + length > bytes.length) return Result.fail(`option ${code} is cut off`)
    const value = new Uint8Array(bytes.subarray(at + 2, at + 2 + length))
    const before = options.get(code)
    options.set(code, before === undefined ? value : Uint8Array.from([...before, ...value]))
    at += 2 + length
  }
  const address = (start: number): string => addressText(bytes.subarray(start, start + 4))
  return Result.succeed({
    op: bytes[0] ?? 0,
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: address(12),
    yiaddr: address(16),
    siaddr: address(20),
    giaddr: address(24),
    hardwareAddress: new Uint8Array(bytes.subarray(28, 28 + hardwareSize)),
    options
  })
}

/** The one lease of a server. */
export interface Lease {
  /** The client's address. */
  readonly address: string
  readonly subnetMask: string
  /** The server's own address, which is the router's too. */
  readonly server: string
  readonly imds: string
  readonly wireServer: string
}

/** A lease without an end, as Azure's are. */
const forever = 0xffffffff

const none = "0.0.0.0"

/** What a server with this lease answers; `undefined` to what is not for it. */
export const respond = (request: DhcpMessage, lease: Lease): DhcpMessage | undefined => {
  const type = request.options.get(option.messageType)?.[0]
  if (request.op !== 1 || (type !== messageType.discover && type !== messageType.request)) return undefined
  const chosen = request.options.get(option.serverIdentifier)
  if (chosen !== undefined && addressText(chosen) !== lease.server) return undefined
  const wanted = request.options.get(option.requestedAddress)
  const claimed = wanted === undefined ? request.ciaddr : addressText(wanted)
  const refused = type === messageType.request && claimed !== lease.address
  const options: ReadonlyArray<readonly [number, Uint8Array]> = [
    [
      option.messageType,
      Uint8Array.of(
        refused ? messageType.nak : type === messageType.discover ? messageType.offer : messageType.ack
      )
    ],
    [option.serverIdentifier, addressBytes(lease.server)],
    ...(refused ? [] : [
      [option.leaseTime, wordBytes(forever)] as const,
      [option.subnetMask, addressBytes(lease.subnetMask)] as const,
      [option.router, addressBytes(lease.server)] as const,
      [
        option.classlessRoutes,
        routeBytes([
          { network: none, length: 0, router: lease.server },
          { network: lease.wireServer, length: 32, router: lease.server },
          { network: lease.imds, length: 32, router: lease.server }
        ])
      ] as const,
      [option.wireServer, addressBytes(lease.wireServer)] as const
    ])
  ]
  return {
    ...request,
    op: 2,
    secs: 0,
    ciaddr: refused ? none : request.ciaddr,
    yiaddr: refused ? none : lease.address,
    siaddr: none,
    options: new Map(options)
  }
}
