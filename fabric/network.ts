/** How the platform's own addresses can be reached, in a network namespace. */
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { promisify } from "node:util"
import { addresses } from "./platform.ts"

/**
 * What a namespace without a way out may have; the tunnels are those that some kernels put into every new one, down.
 */
const harmless = /^(lo|veth.*|tap.*|tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6tnl0|ip6gre0)$/

/** An interface of this network namespace behind which a real Azure may be, if there is one. */
export const wayOut = (): string | undefined =>
  readFileSync("/proc/self/net/dev", "utf8").split("\n").slice(2)
    .map((line) => line.slice(0, Math.max(0, line.indexOf(":"))).trim())
    .find((name) => name !== "" && !harmless.test(name))

const execute = promisify(execFile)

/** Runs `ip` with a command to each line. */
const ip = async (...commands: ReadonlyArray<string>): Promise<void> => {
  for (const command of commands) await execute("ip", command.split(" "))
}

/** Gives a new network namespace both of the platform's addresses. */
export const bringUp = (): Promise<void> =>
  ip("link set lo up", ...Object.values(addresses).map((address) => `address add ${address}/32 dev lo`))

const Interfaces = Schema.fromJsonString(Schema.Array(Schema.Struct({
  addr_info: Schema.Array(Schema.Struct({ local: Schema.String, prefixlen: Schema.Int }))
})))

/** The first IPv4 address of an interface, whether it has a carrier or not; `undefined` when there is none. */
export const addressOf = async (
  name: string
): Promise<{ readonly address: string; readonly prefix: number } | undefined> => {
  const { stdout } = await execute("ip", ["-json", "-4", "address", "show", "dev", name]).catch(() => ({
    stdout: "[]"
  }))
  const first = Schema.decodeSync(Interfaces)(stdout).flatMap(({ addr_info }) => addr_info)[0]
  return first && { address: first.local, prefix: first.prefixlen }
}

/** Sends what goes to everybody out on that interface. */
export const routeBroadcasts = (name: string): Promise<void> => ip(`route replace 255.255.255.255/32 dev ${name}`)

/** An interface whose other end nobody reads: what is routed there vanishes. */
const drain = ["vethsilent0", "vethsilent1"] as const

/** For connections by way of the drain, which need an address of this side (RFC 5737, for documentation). */
const source = "192.0.2.1/32"

/** Of nobody (locally administered), so that the drain's other end drops what comes. */
const nobody = "02:00:00:00:00:01"

/**
 * Lets every packet to an address of `lo` vanish, or ends that; rejects where it is not allowed to, or the address is
 * not there.
 */
export const silence = async (address: string, silent: boolean): Promise<void> => {
  if (!silent) {
    await ip(
      `route del ${address}/32 dev ${drain[0]}`,
      `neighbour del ${address} dev ${drain[0]}`,
      `address add ${address}/32 dev lo`
    )
    return
  }
  await ip(`address del ${address}/32 dev lo`)
  await ip(`link show ${drain[0]}`).catch(() =>
    ip(
      `link add ${drain[0]} type veth peer name ${drain[1]}`,
      `address add ${source} dev ${drain[0]}`,
      `link set ${drain[0]} up`,
      `link set ${drain[1]} up`
    )
  )
  await ip(
    `neighbour replace ${address} lladdr ${nobody} nud permanent dev ${drain[0]}`,
    `route add ${address}/32 dev ${drain[0]}`
  )
}
