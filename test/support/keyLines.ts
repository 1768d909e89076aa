/** Lines of `authorized_keys` that are almost right, for comparing our verdict with OpenSSH's. */
import type { Random } from "../fuzz/random.ts"

/** What matters in a line: quotes, separators, the alphabet of base64, and bytes that belong into none. */
const characters = [..."\"\"\"\\\\,,=  \t\r\u0007#!/:;-+@.0AZaz9é"]

/** Pieces of options, right and wrong. */
const optionPieces = [
  "restrict",
  "no-pty",
  "NO-X11-Forwarding",
  "pty",
  "no-restrict",
  "no-touch-required",
  "verify-required",
  "user-rc",
  "zos-key-ring-label=\"a\"",
  "nonsense",
  "",
  "command=\"true\"",
  "command=\"echo \\\"a b\\\" # \\\\ \"",
  "command=true",
  "environment=\"A_1=b c\"",
  "environment=\"A-1=b\"",
  "environment=\"A\"",
  "permitopen=\"host:22\"",
  "permitopen=\"[::1]:*\"",
  "permitopen=\"::1:22\"",
  "permitopen=\"host/0\"",
  "permitopen=\"[::1\"",
  "permitlisten=\"8080\"",
  "permitlisten=\"localhost/8080\"",
  "permitlisten=\":+8080\"",
  "tunnel=\"0\"",
  "tunnel=\"Any\"",
  "tunnel=\"-1\"",
  "tunnel=\"2147483646\"",
  "expiry-time=\"20991231\"",
  "expiry-time=\"209912312359Z\"",
  "expiry-time=\"20990231235961utc\"",
  "expiry-time=\"20991331\"",
  "expiry-time=\"2099 1 1\"",
  "expiry-time=\"20200101\"",
  "expiry-time=\"19700101Z\"",
  "expiry-time=\"19600101\"",
  "expiry-time=\"2099\"",
  "from=\"127.0.0.1\"",
  "from=\"127.0.0.0/8,10.0.0.0/8\"",
  "from=\"127.0.0.1/8\"",
  "from=\"127.0.0.0/33,127.0.0.1\"",
  "from=\"127/8\"",
  "from=\"0x7f000000/8,::/0\"",
  "from=\"::1/64,127.0.0.1\"",
  "from=\"fd00::/8,127.0.*\"",
  "from=\"::ffff:127.0.0.0/104,127.0.0.1\"",
  "from=\"1:2:3:4:5:6:7:8:9/1,127.0.0.1\"",
  "from=\"127.0.0.1,,10.0.0.1\"",
  "from=\"127.0.0.1,\"",
  "from=\"!10.0.0.1,127.0.0.?\"",
  "from=\"!10.0.0.1\"",
  "from=\"\"",
  "from=\"127.0.0.1, a b/3\"",
  "principals=\"a\""
]

/** Options made of pieces, half of the time a single one. */
export const makeOptions = (random: Random): string => {
  const options = [random.pick(optionPieces)]
  while (random.below(2) === 0) options.push(random.pick(optionPieces))
  return options.join(",")
}

/** Every single piece in front of a key, and a few that only sshd refuses. */
export const optionLines = (key: string): ReadonlyArray<string> =>
  [
    ...optionPieces,
    "restrict,",
    ",restrict",
    "restrict,,pty",
    "command=\"true\",command=\"true\"",
    "from=\"127.0.0.1\",from=\"127.0.0.1\"",
    "expiry-time=\"20991231\",expiry-time=\"20200101Z\"",
    `permitopen="${"x".repeat(1024)}:1"`,
    `permitopen="${"x".repeat(1025)}:1"`,
    `from="${"x".repeat(1022)},127.0.0.1"`,
    `from="127.0.0.1,${"x".repeat(1023)}"`,
    Array.from({ length: 1025 }, (_, index) => `environment="A${index}=b"`).join(),
    Array.from({ length: 1026 }, (_, index) => `environment="A${index}=b"`).join(),
    "permitopen=\"a:1\",".repeat(4097),
    "permitopen=\"a:1\",".repeat(4098),
    `command="true # ${"x".repeat(20_000)}"`
  ].map((options) => `${options} ${key}`)

/** Changes a text at a few places. */
export const mutateText = (random: Random, text: string): string => {
  let changed = text
  for (let count = 1 + random.below(2); count > 0; count--) {
    // The start of a line has the options, the type and the first fields of the blob.
    const at = random.below(random.below(3) === 0 ? changed.length : Math.min(changed.length, 90))
    const rest = changed.slice(at + random.below(3))
    changed = changed.slice(0, at) + (random.below(3) === 0 ? "" : random.pick(characters)) + rest
  }
  return changed
}

/** Changes a byte of the blob of `TYPE BLOB COMMENT`, or its length. */
export const mutateBlob = (random: Random, line: string): string => {
  const [type = "", base64 = "", ...comment] = line.split(" ")
  const blob = Buffer.from(base64, "base64")
  const at = random.below(blob.length)
  const changed = random.pick([
    () => blob.fill(blob.readUInt8(at) ^ (1 << random.below(8)), at, at + 1),
    () => blob.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), at, at + 1),
    () => blob.subarray(0, at),
    () => Buffer.concat([blob.subarray(0, at), Buffer.of(0), blob.subarray(at)])
  ])()
  return [type, changed.toString("base64"), ...comment].join(" ")
}
