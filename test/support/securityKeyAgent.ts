/**
 * An ssh-agent with two security keys made of software, one of each type, whose user is always present and verified:
 * OpenSSH's PROTOCOL.agent and PROTOCOL.u2f. Writes `sk-ed25519.pub` and `sk-ecdsa.pub` into a directory, listens at
 * `agent` in it, and then says `ready`.
 *
 *     node securityKeyAgent.ts DIRECTORY
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"

const directory = process.argv[2] ?? "."

const string = (content: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A number that is not negative, as RFC 4251 has it. */
const integer = (bytes: Buffer): Buffer => {
  const start = bytes.findIndex((byte) => byte !== 0)
  const magnitude = bytes.subarray(start < 0 ? bytes.length : start)
  return string(
    magnitude[0] !== undefined && magnitude[0] >= 0x80 ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude
  )
}

const sha256 = (bytes: string | Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

const application = "ssh:"

interface Key {
  readonly type: string
  readonly blob: Buffer
  readonly sign: (message: Buffer) => Buffer
}

/** The bytes of a public key's coordinate. */
const coordinate = (key: KeyObject, name: "x" | "y"): Buffer =>
  Buffer.from(key.export({ format: "jwk" })[name] ?? "", "base64url")

const ed25519 = (): Key => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const type = "sk-ssh-ed25519@openssh.com"
  return {
    type,
    blob: Buffer.concat([string(type), string(coordinate(publicKey, "x")), string(application)]),
    sign: (message) => string(sign(null, message, privateKey))
  }
}

const ecdsa = (): Key => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const type = "sk-ecdsa-sha2-nistp256@openssh.com"
  const point = Buffer.concat([Buffer.of(4), coordinate(publicKey, "x"), coordinate(publicKey, "y")])
  return {
    type,
    blob: Buffer.concat([string(type), string("nistp256"), string(point), string(application)]),
    sign: (message) => {
      const both = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })
      return string(Buffer.concat([integer(both.subarray(0, 32)), integer(both.subarray(32))]))
    }
  }
}

const keys = { "sk-ed25519": ed25519(), "sk-ecdsa": ecdsa() }

/** User present and verified, and a counter of 1, which nobody compares. */
const flags = Buffer.of(0x05, 0, 0, 0, 1)

const identities = (): Buffer => {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(Object.keys(keys).length)
  return Buffer.concat([
    Buffer.of(12),
    count,
    ...Object.entries(keys).flatMap(([name, { blob }]) => [string(blob), string(name)])
  ])
}

const signature = (request: Buffer): Buffer => {
  const length = request.readUInt32BE(1)
  const blob = request.subarray(5, 5 + length)
  const message = request.subarray(9 + length, 9 + length + request.readUInt32BE(5 + length))
  const key = Object.values(keys).find((key) => key.blob.equals(blob))
  if (key === undefined) return Buffer.of(5)
  const signed = key.sign(Buffer.concat([sha256(application), flags, sha256(message)]))
  return Buffer.concat([Buffer.of(14), string(Buffer.concat([string(key.type), signed, flags]))])
}

for (const [name, { blob, type }] of Object.entries(keys)) {
  writeFileSync(join(directory, `${name}.pub`), `${type} ${blob.toString("base64")} ${name}\n`)
}

createServer((socket) => {
  let received = Buffer.alloc(0)
  socket.on("error", () => {}).on("data", (data: Buffer) => {
    received = Buffer.concat([received, data])
    while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
      const request = received.subarray(4, 4 + received.readUInt32BE(0))
      received = received.subarray(4 + request.length)
      // SSH_AGENTC_REQUEST_IDENTITIES and SSH_AGENTC_SIGN_REQUEST; everything else is refused.
      socket.write(string(request[0] === 11 ? identities() : request[0] === 13 ? signature(request) : Buffer.of(5)))
    }
  })
}).listen(join(directory, "agent"), () => process.stdout.write("ready\n"))
