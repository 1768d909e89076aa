import * as Result from "effect/Result"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { addressBytes, addressText, decode, encode, type Lease, respond, wordBytes } from "./dhcp.ts"
import { addressOf, routeBroadcasts } from "./network.ts"
import { addresses } from "./platform.ts"

const serverPort = 67
const clientPort = 68

/** What the last byte of the network's address becomes for the client; the first VM of a subnet on Azure has 4. */
const firstHost = 4

/** The longest prefix of a network that has such a host. */
const smallest = 29

/** The lease that an interface's own address and network make. */
const leaseOf = async (name: string): Promise<Lease> => {
  const own = await addressOf(name)
  if (own === undefined) throw new Error(`dhcp: there is no interface ${name} with an IPv4 address`)
  const subnetMask = wordBytes((0xffffffff << (32 - own.prefix)) >>> 0)
  const network = addressBytes(own.address).map((byte, index) => byte & (subnetMask[index] ?? 0))
  const address = addressText(network.map((byte, index) => index === 3 ? byte + firstHost : byte))
  if (own.prefix > smallest || own.prefix === 0 || address === own.address) {
    throw new Error(`dhcp: the network of ${name} (${own.address}/${own.prefix}) has no room for ${address}`)
  }
  return {
    address,
    subnetMask: addressText(subnetMask),
    server: own.address,
    imds: addresses.imds,
    wireServer: addresses.wireserver
  }
}

/**
 * Serves one lease on an interface of a network namespace that has no way out: the interface's router is the interface
 * itself, option 245 is WireServer. Rejects when the interface has no address, or the port can't be had.
 */
export const startDhcp = async (name: string): Promise<void> => {
  const lease = await leaseOf(name)
  await routeBroadcasts(name)
  const socket = createSocket("udp4")
  socket.bind(serverPort)
  await once(socket, "listening")
  socket.setBroadcast(true)
  // What can't be sent is what a network without a client does.
  socket.on("error", () => {})
  socket.on("message", (datagram) => {
    const request = decode(datagram)
    if (Result.isFailure(request)) return
    const reply = respond(request.success, lease)
    if (reply === undefined) return
    // A client that has its address already listens there; any other one has none yet.
    socket.send(encode(reply), clientPort, reply.ciaddr === lease.address ? reply.ciaddr : "255.255.255.255")
  })
}
