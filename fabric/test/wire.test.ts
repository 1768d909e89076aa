import { assert, describe, it } from "@effect/vitest"
import { connect, type Socket } from "node:net"
import type { Answer, Playbook } from "../playbook.ts"
import { type Fabric, startFabric } from "../server.ts"
import type { TranscriptEntry } from "../transcript.ts"

const instance = {
  username: "azureuser",
  hostname: "web-1",
  keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnsTuJ1Yc5m3dT9m4W2m8gQ0Wv1bJ3w2y5H8rQ1eQbV owner@laptop\r\n"],
  disablePasswordAuthentication: true
}

const anywhere = { host: "127.0.0.1", port: 0 }

/** A platform on loopback, for as long as the work takes. */
const onLoopback = async <A>(
  playbook: Partial<Playbook>,
  work: (fabric: Fabric, transcript: ReadonlyArray<TranscriptEntry>) => Promise<A>
): Promise<A> => {
  const transcript: Array<TranscriptEntry> = []
  const fabric = await startFabric({ imds: anywhere, wireserver: anywhere }, (entry) => transcript.push(entry))
  try {
    await fabric.play({ instance, imds: [], health: [], ...playbook })
    return await work(fabric, transcript)
  } finally {
    await fabric.stop()
  }
}

/**
 * What a connection brought, byte for byte, and how it ended: by FIN, by RST, or not, with nothing more within the
 * time.
 */
interface Exchange {
  readonly bytes: string
  readonly end: "fin" | "rst" | "open"
  readonly milliseconds: number
}

const ask = (port: number, request: string, patience = 400): Promise<Exchange> =>
  new Promise((resolve) => {
    const began = performance.now()
    const parts: Array<Buffer> = []
    const socket: Socket = connect(port, "127.0.0.1", () => socket.write(request))
    const finish = (end: Exchange["end"]) => {
      socket.destroy()
      resolve({ bytes: Buffer.concat(parts).toString("latin1"), end, milliseconds: performance.now() - began })
    }
    socket.setTimeout(patience, () => finish("open"))
    socket.on("data", (part) => parts.push(part)).on("end", () => finish("fin")).on("error", () => finish("rst"))
  })

const instanceRequest =
  "GET /metadata/instance?api-version=2023-11-15&extended=true HTTP/1.1\r\nHost: azure\r\nMetadata: true\r\n\r\n"

const report = "{\"state\":\"Ready\"}"
const readyRequest =
  `POST /provisioning/health HTTP/1.1\r\nHost: azure\r\nContent-Type: application/json\r\nContent-Length: ${report.length}\r\n\r\n${report}`

const bodyOf = ({ bytes }: Exchange): string => bytes.slice(bytes.indexOf("\r\n\r\n") + 4)
const lengthOf = ({ bytes }: Exchange): number => Number(/^content-length: (\d+)\r$/im.exec(bytes)?.[1])
const headOf = ({ bytes }: Exchange): string => bytes.slice(0, bytes.indexOf("\r\n"))

/** One IMDS answer as the client gets it, and what the transcript says about it. */
const answerOf = (answer: Answer, patience?: number) =>
  onLoopback({ imds: [answer] }, async ({ listens }, transcript) => {
    const exchange = await ask(listens.imds.port, instanceRequest, patience)
    const { answered, misbehaved } = transcript[0] ?? assert.fail("nothing in the transcript")
    return { ...exchange, exchange, told: { answered, misbehaved } }
  })

describe("answers on the wire", () => {
  it("is Azure's own without a word in the playbook, with the connection kept", async () => {
    const { end, exchange, told } = await answerOf({})
    assert.strictEqual(headOf(exchange), "HTTP/1.1 200 OK")
    assert.strictEqual(bodyOf(exchange).length, lengthOf(exchange))
    assert.include(bodyOf(exchange), "\"adminUsername\":\"azureuser\"")
    assert.strictEqual(end, "open")
    assert.deepStrictEqual(told, { answered: 200, misbehaved: undefined })
  })

  it("status, headers and body", async () => {
    const { exchange, told } = await answerOf({ status: 503, headers: { "Retry-After": "7" }, body: "später" })
    assert.strictEqual(headOf(exchange), "HTTP/1.1 503 Service Unavailable")
    assert.match(exchange.bytes, /^Retry-After: 7\r$/m)
    assert.match(exchange.bytes, /^content-type: application\/json/m)
    assert.strictEqual(Buffer.from(bodyOf(exchange), "latin1").toString("utf8"), "später")
    assert.strictEqual(lengthOf(exchange), 7)
    assert.strictEqual(told.answered, 503)
  })

  it("a header of the playbook takes the place of the answer's own, however it is written", async () => {
    const { bytes } = await answerOf({ headers: { "Content-TYPE": "text/plain" } })
    assert.deepStrictEqual(bytes.match(/^content-type:.*/gim), ["Content-TYPE: text/plain"])
  })

  it("a named document", async () => {
    const { exchange } = await answerOf({ status: 502, document: "error-page" })
    assert.strictEqual(headOf(exchange), "HTTP/1.1 502 Bad Gateway")
    assert.match(exchange.bytes, /^content-type: text\/html\r$/m)
    assert.match(bodyOf(exchange), /^<!DOCTYPE html>/)
  })

  it("delay_ms: nothing before", async () => {
    const { bytes, milliseconds } = await answerOf({ delay_ms: 150, headers: { connection: "close" } }, 2000)
    assert.isAtLeast(milliseconds, 149)
    assert.match(bytes, /^HTTP\/1.1 200/)
  })

  it("hang: headers", async () => {
    const { bytes, end, told } = await answerOf({ hang: "headers" })
    assert.deepStrictEqual({ bytes, end }, { bytes: "", end: "open" })
    assert.deepStrictEqual(told, { answered: "hang", misbehaved: undefined })
  })

  it("hang: body", async () => {
    const { end, exchange, told } = await answerOf({ hang: "body" })
    assert.strictEqual(end, "open")
    assert.strictEqual(bodyOf(exchange).length, Math.floor(lengthOf(exchange) / 2))
    assert.deepStrictEqual(told, { answered: 200, misbehaved: "hang" })
  })

  it("reset: headers", async () => {
    const { bytes, end, told } = await answerOf({ reset: "headers" })
    assert.deepStrictEqual({ bytes, end }, { bytes: "", end: "rst" })
    assert.deepStrictEqual(told, { answered: "reset", misbehaved: undefined })
  })

  it("reset: body", async () => {
    const { end, exchange, told } = await answerOf({ reset: "body" })
    assert.strictEqual(end, "rst")
    assert.strictEqual(bodyOf(exchange).length, Math.floor(lengthOf(exchange) / 2))
    assert.deepStrictEqual(told, { answered: 200, misbehaved: "reset" })
  })

  it("truncate", async () => {
    const { end, exchange, told } = await answerOf({ truncate: true })
    assert.strictEqual(end, "fin")
    assert.isAbove(lengthOf(exchange), 100)
    assert.strictEqual(bodyOf(exchange).length, Math.floor(lengthOf(exchange) / 2))
    assert.deepStrictEqual(told, { answered: 200, misbehaved: "truncate" })
  })

  it("drip_ms: byte by byte", async () => {
    const { exchange, milliseconds, told } = await answerOf({
      drip_ms: 20,
      body: "0123456789",
      headers: { connection: "close" }
    }, 5000)
    assert.strictEqual(bodyOf(exchange), "0123456789")
    assert.isAtLeast(milliseconds, 190)
    assert.deepStrictEqual(told, { answered: 200, misbehaved: "drip" })
  })

  it("content_length: more and less than the truth", async () => {
    const more = await answerOf({ content_length: 1000, body: "0123456789" })
    assert.deepStrictEqual([lengthOf(more.exchange), bodyOf(more.exchange), more.end], [1000, "0123456789", "fin"])
    const less = await answerOf({ content_length: 3, body: "0123456789" })
    assert.deepStrictEqual([lengthOf(less.exchange), bodyOf(less.exchange), less.end], [3, "0123456789", "fin"])
    assert.deepStrictEqual(less.told, { answered: 200, misbehaved: "content_length" })
  })

  it("garbage: the same noise every time", async () => {
    const [first, second] = [await answerOf({ garbage: 5000 }), await answerOf({ garbage: 5000 })]
    assert.strictEqual(first.bytes.length, 5000)
    assert.strictEqual(first.bytes, second.bytes)
    assert.isAbove(new Set(first.bytes).size, 200)
    assert.notMatch(first.bytes, /HTTP/)
    assert.deepStrictEqual([first.end, first.told.answered], ["fin", "garbage"])
  })

  it("raw: every byte", async () => {
    const raw = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("")
    const { bytes, end, told } = await answerOf({ raw })
    assert.strictEqual(bytes, raw)
    assert.deepStrictEqual([end, told.answered], ["fin", "raw"])
  })

  it("redirect", async () => {
    const { exchange, told } = await answerOf({ redirect: "http://192.0.2.1/elsewhere" })
    assert.strictEqual(headOf(exchange), "HTTP/1.1 302 Found")
    assert.match(exchange.bytes, /^location: http:\/\/192\.0\.2\.1\/elsewhere\r$/m)
    assert.strictEqual(bodyOf(exchange), "")
    assert.strictEqual(told.answered, 302)
    assert.strictEqual(headOf(await answerOf({ redirect: "/", status: 307 })), "HTTP/1.1 307 Temporary Redirect")
  })

  it("WireServer's empty answers get a body where one has to be cut off", () =>
    onLoopback({ health: [{ truncate: true }, {}] }, async ({ listens }) => {
      const cut = await ask(listens.wireserver.port, readyRequest)
      assert.isAbove(lengthOf(cut), 10)
      assert.strictEqual(bodyOf(cut).length, Math.floor(lengthOf(cut) / 2))
      const whole = await ask(listens.wireserver.port, readyRequest)
      assert.deepStrictEqual([lengthOf(whole), bodyOf(whole)], [0, ""])
    }))
})

describe("the order of answers", () => {
  const statuses = (playbook: Partial<Playbook>, count: number) =>
    onLoopback(playbook, async ({ listens }, transcript) => {
      for (let asked = 0; asked < count; asked++) await ask(listens.imds.port, instanceRequest, 30)
      return transcript.map(({ answered }) => answered)
    })
  const imds: ReadonlyArray<Answer> = [{ status: 500, repeat: 2 }, { status: 404 }]

  it("the last one repeats", async () => assert.deepStrictEqual(await statuses({ imds }, 5), [500, 500, 404, 404, 404]))

  it("start_again", async () =>
    assert.deepStrictEqual(await statuses({ imds, after_last: "start_again" }, 5), [500, 500, 404, 500, 500]))

  it("azure", async () =>
    assert.deepStrictEqual(await statuses({ imds, after_last: "azure" }, 5), [500, 500, 404, 200, 200]))

  it("endpoints do not take each other's, and a new playbook begins at the beginning", () =>
    onLoopback({ imds, health: [{ status: 429 }, {}] }, async ({ listens, play }, transcript) => {
      await ask(listens.imds.port, instanceRequest, 30)
      await ask(listens.wireserver.port, readyRequest, 30)
      await ask(listens.wireserver.port, "GET /elsewhere HTTP/1.1\r\nHost: azure\r\n\r\n", 30)
      await ask(listens.wireserver.port, readyRequest, 30)
      await play({ instance, imds, health: [] })
      await ask(listens.imds.port, instanceRequest, 30)
      assert.deepStrictEqual(transcript.map(({ answered, endpoint }) => `${endpoint} ${answered}`), [
        "imds 500",
        "health 429",
        "wireserver 404",
        "health 200",
        "imds 500"
      ])
    }))
})

describe("the transcript", () => {
  it("notes a request when it comes, not when it is answered, be the client gone by then", () =>
    onLoopback({ imds: [{ delay_ms: 400 }, {}] }, async ({ listens }, transcript) => {
      const { port } = listens.imds
      assert.strictEqual((await ask(port, instanceRequest, 100)).end, "open")
      assert.deepStrictEqual(transcript.map(({ answered }) => answered), [200])
      assert.match((await ask(port, "GET /metadata/instance?later HTTP/1.1\r\nHost: azure\r\n\r\n")).bytes, / 400 /)
      assert.deepStrictEqual(transcript.map(({ answered }) => answered), [200, 400])
    }))

  it("is in the order in which requests came, however long it takes to judge them", () =>
    onLoopback({}, async ({ listens }, transcript) => {
      const post = (target: string, body: string) =>
        `POST ${target} HTTP/1.1\r\nHost: azure\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      // Judging the first report of the older kind loads a parser of XML.
      await ask(listens.wireserver.port, post("/machine?comp=health", "<Health/>") + post("/provisioning/health", "{}"))
      assert.deepStrictEqual(transcript.map(({ endpoint }) => endpoint), ["legacy_health", "health"])
    }))
})

describe("network", () => {
  const refusal = (port: number): Promise<string> =>
    ask(port, instanceRequest, 200).then(({ bytes, end }) => `${bytes.slice(0, 12)} ${end}`)

  it("refused: nobody listens, until a playbook says otherwise", () =>
    onLoopback({ network: { imds: "refused" } }, async ({ listens, play }) => {
      assert.strictEqual(await refusal(listens.imds.port), " rst")
      assert.strictEqual(await refusal(listens.wireserver.port), "HTTP/1.1 404 open")
      await play({ instance, imds: [], health: [] })
      assert.strictEqual(await refusal(listens.imds.port), "HTTP/1.1 200 open")
    }))

  it("silent: not on loopback, where it can't be done", () =>
    onLoopback({}, async ({ play }) => {
      const refused = await play({ instance, imds: [], health: [], network: { imds: "silent" } }).then(
        () => "taken",
        (error: unknown) => String(error)
      )
      assert.match(refused, /network\.imds: only 169\.254\.169\.254 can be silent/)
    }))
})
