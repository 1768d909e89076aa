/** What IMDS and WireServer can do to an agent. */
import { STATUS_CODES } from "node:http"
import type { Answer } from "../../../fabric/playbook.ts"
import { disc } from "../hosts/overlay.ts"
import type { Ending, Fault } from "./Fault.ts"
import { discless, settings } from "./vms.ts"

/** Every status that is registered for an answer, and some that nobody registered. */
const statuses = [...Object.keys(STATUS_CODES).map(Number).filter((status) => status >= 200), 299, 399, 499, 599]

const accepts = (status: number): boolean => status >= 200 && status < 300

const times = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)

/** An endpoint that fails for the whole boot must not take the others' time. */
const giveUp = { imds: settings({ imds: 0.6 }), wireserver: settings({ wireserver: 0.6 }) }

/**
 * An answer of IMDS in place of the right one: at first, and for the whole boot, with a disc that makes up for it and
 * without.
 */
const ofImds = (
  group: string,
  what: string,
  answer: Answer,
  reason = /IMDS|169\.254\.169\.254/
): ReadonlyArray<Fault> => [
  { group, name: `${what} at first`, answers: { imds: [answer, {}] }, ends: "ready" },
  {
    group,
    name: `${what} at every time, the disc is there`,
    answers: { imds: [answer] },
    settings: giveUp.imds,
    ends: "ready"
  },
  {
    group,
    name: `${what} at every time, and no disc`,
    vm: discless,
    answers: { imds: [answer] },
    settings: giveUp.imds,
    ends: "failed",
    keys: false,
    reason
  }
]

/** An answer of WireServer in place of the right one: to Ready, at first and for the whole boot, and to a failure. */
const ofHealth = (status: string, what: string, answer: Answer, forever: Ending): ReadonlyArray<Fault> => [
  { group: `Ready${status}`, name: `${what} at first`, answers: { health: [answer, {}] }, ends: "ready" },
  {
    group: `Ready${status}`,
    name: `${what} at every time`,
    answers: { health: [answer] },
    settings: giveUp.wireserver,
    ends: forever
  },
  {
    group: `failure${status}`,
    name: `${what} at first`,
    vm: discless,
    answers: { imds: [{ reset: "headers" }], health: [answer, {}] },
    settings: giveUp.imds,
    ends: "failed",
    keys: false
  }
]

const ofStatus = (status: number): ReadonlyArray<Fault> => {
  const answer: Answer = { status, body: "" }
  return [
    ...ofImds("IMDS status", String(status), answer, accepts(status) ? /IMDS/ : new RegExp(`HTTP ${status}`)),
    ...ofHealth(" status", String(status), answer, accepts(status) ? "ready" : "unheard")
  ]
}

/** Answers that are none, by what they are. */
const broken: Readonly<Record<string, Answer>> = {
  "no answer": { hang: "headers" },
  "an answer that stops in its body": { hang: "body" },
  "a reset": { reset: "headers" },
  "a reset in the body": { reset: "body" },
  "half of a body": { truncate: true },
  "a byte in 100 ms": { drip_ms: 100 },
  "64 KiB that are not HTTP": { garbage: 65536 },
  "less than Content-Length says": { content_length: 1_000_000 },
  "HTTP/0.9": { raw: "hello\n" },
  "a status line and nothing else": { raw: "HTTP/1.1 200 OK\r\n" },
  "an endless header": { raw: `HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(1_000_000)}\r\n\r\n{}` },
  "100,000 headers": { raw: `HTTP/1.1 200 OK\r\n${"X-Many: y\r\n".repeat(100_000)}\r\n{}` },
  "an informational answer and no other": { raw: "HTTP/1.1 100 Continue\r\n\r\n" },
  "a broken chunk": { raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello" },
  "a redirect to itself": { redirect: "/metadata/instance?api-version=2023-11-15" },
  "a redirect to another place": { redirect: "http://169.254.169.254:8080/evil" },
  "a redirect to a file": { redirect: "file:///etc/shadow" },
  "a second's delay": { delay_ms: 1000 }
}

/** Documents of status 200 that are not what they should be. */
const documents: Readonly<Record<string, Answer>> = {
  "an empty body": { body: "" },
  "a word": { body: "busy" },
  "null": { body: "null" },
  "a list": { body: "[]" },
  "an empty object": { body: "{}" },
  "a page": { body: "<!DOCTYPE html><html><body>Sign in</body></html>", headers: { "content-type": "text/html" } },
  "no osProfile": { body: JSON.stringify({ compute: { publicKeys: [] } }) },
  "an osProfile of null": { body: JSON.stringify({ compute: { osProfile: null, publicKeys: null } }) },
  "numbers for names": {
    body: JSON.stringify({
      compute: {
        osProfile: { adminUsername: 7, computerName: [], disablePasswordAuthentication: {} },
        publicKeys: "none"
      }
    })
  },
  "100,000 brackets": { body: "[".repeat(100_000) },
  "10 MiB": { body: `{"compute":{"name":"${"x".repeat(10 * 1024 * 1024)}"}}` },
  "UTF-16": { raw: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\0}\0" },
  "bytes that are no UTF-8": { raw: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n{\"\xff\"}" }
}

/** Whether a report is taken although its answer is broken: its status line says so, and that is all that counts. */
const statusArrives = new Set([
  "an answer that stops in its body",
  "a reset in the body",
  "half of a body",
  "a byte in 100 ms",
  "less than Content-Length says"
])

/** With these nobody can say whether Azure has taken the report. */
const doubtful = new Set(["a broken chunk", "a second's delay"])

/** Retry-After, as servers may say it. */
const patience: ReadonlyArray<Fault> = ["0", "1", "-1", "soon", "99999999999", "Thu, 01 Jan 1970 00:00:00 GMT"].map((
  after
) => ({
  group: "IMDS",
  name: `503 with Retry-After: ${after}`,
  answers: { imds: [{ status: 503, body: "", headers: { "retry-after": after } }, {}] },
  settings: settings({ imds: 3 }),
  ends: "ready"
}))

const unreachable: ReadonlyArray<Fault> = (["refused", "silent"] as const).flatMap((how): ReadonlyArray<Fault> => [
  {
    group: "network",
    name: `IMDS ${how}, the disc is there`,
    answers: { network: { imds: how } },
    settings: giveUp.imds,
    ends: "ready"
  },
  {
    group: "network",
    name: `IMDS ${how}, and no disc`,
    vm: discless,
    answers: { network: { imds: how } },
    settings: giveUp.imds,
    ends: "failed",
    keys: false,
    reason: /IMDS|169\.254\.169\.254/
  },
  {
    group: "network",
    name: `WireServer ${how} for the whole boot`,
    answers: { network: { wireserver: how } },
    settings: giveUp.wireserver,
    ends: "silent"
  },
  {
    group: "network",
    name: `IMDS and WireServer ${how}, and no disc`,
    vm: discless,
    answers: { network: { imds: how, wireserver: how } },
    settings: settings({ imds: 0.6, wireserver: 0.6 }),
    ends: "silent",
    keys: false,
    reason: /IMDS|169\.254\.169\.254/
  }
])

/** IMDS says nothing for a minute, and the disc has all that is needed: the owner waits for the grace and no longer. */
const silent: ReadonlyArray<Fault> = [
  ...Object.entries<Partial<Fault>>({
    "never answers a request": { answers: { imds: [{ hang: "headers" }] } },
    "sends half of its document": { answers: { imds: [{ hang: "body" }] } },
    "answers 503 for ever": { answers: { imds: [{ status: 503, body: "" }] } },
    "cannot be reached": { answers: { network: { imds: "silent" } } }
  }).map(([what, fault]): Fault => ({
    group: "IMDS grace",
    name: `${what}, the disc is complete`,
    settings: settings({ grace: 0.5 }),
    ends: "ready",
    within: 5000,
    examine: async (host) => {
      const told = /using the provisioning media alone.*grace_with_media_secs/
      const log = await host.shell("grep WARN /var/log/azure-init.log")
      const pool = Buffer.from(await host.read("/var/lib/hyperv/.kvp_pool_1")).toString("latin1")
      return [
        ...told.test(log) ? [] : ["the log does not say that the disc was used alone"],
        ...told.test(pool) ? [] : ["KVP does not say that the disc was used alone"]
      ]
    },
    ...fault
  })),
  {
    group: "IMDS grace",
    name: "answers within the grace",
    answers: { imds: [{ delay_ms: 300 }] },
    settings: settings({ grace: 5 }),
    ends: "ready",
    within: 5000
  },
  {
    group: "IMDS grace",
    name: "never answers, the disc has no key",
    vm: { instance: {}, disc: disc() },
    answers: { imds: [{ hang: "headers" }, { hang: "headers" }, { hang: "headers" }, {}] },
    settings: settings({ grace: 0.1 }),
    ends: "ready"
  }
]

const late: ReadonlyArray<Fault> = [
  {
    group: "IMDS",
    name: "ten bad answers, then the document",
    vm: discless,
    answers: {
      imds: [
        { status: 500, body: "" },
        { reset: "headers" },
        { status: 429, body: "" },
        { body: "{" },
        { truncate: true },
        { status: 404, body: "" },
        { garbage: 100 },
        { hang: "headers" },
        { status: 410, body: "" },
        { body: "{\"compute\":{}}" },
        {}
      ]
    },
    ends: "ready"
  },
  {
    group: "WireServer",
    name: "down for the whole boot",
    answers: { health: [{ reset: "headers" }] },
    settings: giveUp.wireserver,
    ends: "unheard",
    reason: /result=success/
  },
  {
    group: "WireServer",
    name: "20 refusals, then 200",
    answers: { health: [...times(20, { status: 503, body: "" }), {}] },
    ends: "ready"
  },
  {
    group: "WireServer",
    name: "a report in progress that is never answered",
    answers: { health: [{ hang: "headers" }, {}] },
    settings: settings().replace("[wireserver]\n", "[wireserver]\nreport_in_progress = true\n"),
    ends: "ready"
  }
]

/** Every row about the platform. */
export const platformFaults: ReadonlyArray<Fault> = [
  { group: "nothing", name: "goes wrong", ends: "ready" },
  ...statuses.flatMap(ofStatus),
  ...Object.entries({ ...broken, ...documents }).flatMap(([what, answer]) => ofImds("IMDS", what, answer)),
  ...Object.entries(broken).filter(([what]) => !doubtful.has(what)).flatMap(([what, answer]) =>
    ofHealth("", what, answer, statusArrives.has(what) ? "ready" : "unheard")
  ),
  {
    group: "Ready",
    name: "a third of a second's delay",
    answers: { health: [{ delay_ms: 333 }] },
    // A busy machine adds to the delay: with the usual half of a second a report may be repeated that was taken.
    settings: settings().replace("read_timeout_secs = 0.5", "read_timeout_secs = 5.0"),
    ends: "ready"
  },
  ...patience,
  ...unreachable,
  ...silent,
  ...late
]
