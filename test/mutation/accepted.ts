/** A mutant that no unit test has to kill, and why. */
export interface Accepted {
  /** The source file, as `src/domain/VmId.ts`; every file without it. */
  readonly file?: string
  /** A part of the mutant's first line, as it stands in the source. */
  readonly line: string
  /** What stands in the place of the source; every replacement of the line without it. */
  readonly replacement?: string
  /** Why it behaves the same, or the end-to-end test that kills it, since only root can. */
  readonly because: { readonly equivalent: string } | { readonly endToEnd: string }
}

/**
 * Mutants of one file that behave the same, and why: a part of the line, and what stands in the place of the source.
 */
const same = (
  file: string,
  equivalent: string,
  ...mutants: ReadonlyArray<readonly [line: string, replacement?: string]>
): ReadonlyArray<Accepted> =>
  mutants.map(([line, replacement]) => ({
    file,
    line,
    ...(replacement === undefined ? {} : { replacement }),
    because: { equivalent }
  }))

/**
 * Each entry has to match a mutant that survives, or the run fails: the list never outlives its reasons.
 */
export const accepted: ReadonlyArray<Accepted> = [
  { line: "Schema.brand(", because: { equivalent: "a brand is a type; nothing is named by it at run time" } },
  {
    file: "src/layers/linux/homeWalk.ts",
    line: "open(walk, root === \"\" ? \"/\" : root)",
    because: {
      endToEnd: "boots.e2e.ts, \"first boot: asks once, lets the owner in\": only a real boot has its keys below /"
    }
  },
  ...same(
    "src/domain/Hostname.ts",
    "a shorter domain name whose first label is a host name is a host name, and was taken whole",
    ["() => text.length > maximumHostname && isDomainName(text) ?", "true"],
    ["() => text.length > maximumHostname && isDomainName(text) ?", "text.length >= maximumHostname"]
  ),
  ...same(
    "src/domain/InstanceMetadata.ts",
    "Effect's formatter gives plain keys, and a path where there is one; the type allows more",
    ["(path ?? []).map("]
  ),
  ...same("src/domain/InstanceMetadata.ts", "the decoder stops at the first issue", [".join(\", \")", "\"\""]),
  ...same("src/domain/IpNetwork.ts", "a split has a first part", [
    "const [address = \"\"] = text.split(\"%\")",
    "\"Stryker was here!\""
  ]),
  ...same("src/domain/KvpRecord.ts", "behind the end there is no byte to continue a character", [
    "while (end < bytes.length && ",
    "true"
  ], ["while (end < bytes.length && ", "end <= bytes.length"]),
  ...same("src/domain/KvpRecord.ts", "a key that just fits is cut to itself", [
    "if (encoder.encode(key).length <= room)",
    "encoder.encode(key).length < room"
  ]),
  ...same("src/domain/KvpRecord.ts", "with its only bar in front the whole key is its tail, too long to be kept", [
    "const tail = bar < 0",
    "bar <= 0"
  ]),
  ...same("src/domain/KvpRecord.ts", "the beginning of the key is the same", [
    "split(key.slice(0, key.length - tail.length), room - tailSize)",
    "key"
  ], ["split(key.slice(0, key.length - tail.length), room - tailSize)", "key.length + tail.length"]),
  ...same("src/domain/KvpRecord.ts", "the next line ends the loop", [
    "while (index < records.length) {",
    "index <= records.length"
  ]),
  ...same("src/domain/KvpRecord.ts", "for the type only: the index is in range", [
    "if (record === undefined) break",
    "false"
  ]),
  ...same("src/domain/KvpRecord.ts", "more than one part has a base", ["base !== undefined && parts > 1", "true"]),
  ...same("src/domain/LogRecord.ts", "a character has a code point", ["character.codePointAt(0)?."]),
  ...same("src/domain/OvfEnvironment.ts", "the same events; only memory differs", ["{ chunkSize: 1 }", "{}"]),
  ...same("src/domain/OvfEnvironment.ts", "of what is above the root only the children count", [
    "[{ name: \"\", nil: false, children: [], text: \"\" }]"
  ]),
  ...same("src/domain/OvfEnvironment.ts", "the parser refuses an end without a start, so there is always one open", [
    "current?.children.push"
  ], ["if (current !== undefined) current.text", "true"]),
  ...same("src/domain/OvfEnvironment.ts", "the parser refuses a document without an element before", [
    "\"kind\" in error ? error :"
  ]),
  ...same("src/domain/OvfEnvironment.ts", "the parser gives line and column with every error; the type allows none", [
    "${line ?? \"?\"}"
  ]),
  ...same(
    "src/domain/OvfEnvironment.ts",
    "stands for no settings: nothing of it but its children counts, and they have no such names",
    ["({ name: \"\", nil: true, children: [], text: \"\" })"]
  ),
  ...same("src/domain/ProvisioningReport.ts", "an instant of ISO 8601 has one Z", ["iso.replace(/Z$/", "/Z/"]),
  ...same("src/domain/Redaction.ts", "a part that is shorter than what is looked for is never found", [
    "for (let start = 0; start + longestKept",
    "start - longestKept"
  ]),
  ...same("src/domain/Redaction.ts", "what is looked for is never shorter", [
    "for (let at = 0; at + longestKept",
    "at - longestKept"
  ]),
  ...same(
    "src/domain/Redaction.ts",
    "only saves time",
    ["if (needles.whole.size + needles.words.size === 0) return", "false"],
    ["if (breaks.length > 0) hideIn(", "true"],
    ["if (breaks.length > 0) hideIn(", "breaks.length >= 0"]
  ),
  ...same("src/domain/Redaction.ts", "there is no break at which this could be one", [
    "hideIn(text, [], needles",
    "[\"Stryker was here\"]"
  ]),
  ...same("src/domain/Redaction.ts", "behind the end nothing is marked", [
    "for (let at = 0; at < text.length; at++) {",
    "at <= text.length"
  ]),
  ...same("src/domain/SshKeyOptions.ts", "the pattern matches everywhere, the empty text if need be", [
    "syntax.exec(text) ?? []"
  ]),
  ...same("src/domain/SshKeyOptions.ts", "a split has a first part", [
    ".split(/[,=]/, 1)[0] ?? \"\"",
    "\"Stryker was here!\""
  ]),
  ...same("src/domain/SshKeyOptions.ts", "behind the end stands an empty option, which is skipped", [
    "while (at < text.length) {",
    "at <= text.length"
  ]),
  ...same("src/domain/SshKeyOptions.ts", "what does not match is no time whatever the fields are", [
    ")?$/s.exec(digits) ?? []",
    "[\"Stryker was here\"]"
  ]),
  ...same("src/domain/SshKeyOptions.ts", "without a match the port is none, whatever the host is", [
    "const [, host = \"\", port = \"\"]",
    "\"Stryker was here!\""
  ], [") ?? []", "[\"Stryker was here\"]"]),
  ...same(
    "src/domain/SshPublicKey.ts",
    "the pattern matches every text, from its start to its end",
    ["const [, type = \"\", base64 = \"\", comment = \"\"]", "\"Stryker was here!\""],
    ["const [, type = \"\", base64 = \"\", comment = \"\"]", "[\"Stryker was here\"]"],
    ["const [, type = \"\", base64 = \"\", comment = \"\"]", "/([^ \\t]*)[ \\t]*([^ \\t]*)(.*)$/s"],
    ["const [, type = \"\", base64 = \"\", comment = \"\"]", "/^([^ \\t]*)[ \\t]*([^ \\t]*)(.*)/s"],
    ["const firstWord = (text: string)"]
  ),
  ...same("src/domain/SshPublicKey.ts", "what follows the options begins with the blank that ends them", [
    "const rest = line.slice(end)",
    "/[ \\t]+/"
  ]),
  ...same(
    "src/domain/SshPublicKey.ts",
    "the index is in range",
    ["lines[at] ?? \"\") && typeof keyIn", "\"Stryker was here!\""],
    ["const line = lines[at++] ?? \"\"", "\"Stryker was here!\""],
    ["!/[ \\t]/.test(lines[at - 1] ?? \"\")", "\"Stryker was here!\""],
    ["!pemEnd.test(lines[at - 1] ?? \"\")", "\"Stryker was here!\""]
  ),
  ...same("src/domain/SshPublicKey.ts", "behind the last line stands the empty text, which adds nothing", [
    "lines[at] ?? \"\") && typeof keyIn",
    "at <= lines.length"
  ]),
  ...same("src/domain/SshPublicKey.ts", "behind the last line stands the empty text, which is passed over", [
    "while (at < lines.length) {",
    "at <= lines.length"
  ]),
  ...same("src/domain/SshPublicKey.ts", "without more lines the same line is read once more", [
    "if (at > start) read = parse(",
    "true"
  ], ["if (at > start) read = parse(", "at >= start"]),
  ...same("src/domain/SshPublicKey.ts", "32 bytes end in one sign of padding, and base64 has none before", [
    ".replace(/=+$/, \"\")",
    "/=+/"
  ], [".replace(/=+$/, \"\")", "/=$/"]),
  ...same("src/domain/SshPublicKey.ts", "the blanks are joined once more at the end", [
    "comment: comment.replace(/[ \\t]+/g",
    "/[ \\t]/g"
  ]),
  ...same("src/domain/SshPublicKey.ts", "only the time differs in which the fingerprints are made", [
    "{ concurrency: \"unbounded\" }",
    "{}"
  ], ["{ concurrency: \"unbounded\" }", "\"\""]),
  ...same("src/domain/VmId.ts", "the groups of the pattern are never empty", [
    "hex.match(/../g) ?? []",
    "[\"Stryker was here\"]"
  ]),
  ...same("src/domain/VmId.ts", "every group of the pattern takes part in a match", ["const [, a = \"\", b = \"\""]),
  ...same("src/layers/linux/homeFile.ts", "both mean that the file is written", [
    "orElseSucceed(() => false)",
    "() => undefined"
  ]),
  ...same("src/layers/linux/homeFile.ts", "the home is only told from what is outside and below", [
    "const place = isHome ? \"home\"",
    "\"\""
  ]),
  ...same("src/layers/live/Kvp.ts", "nobody looks at the results", ["{ discard: true }"]),
  ...same("src/layers/live/Kvp.ts", "neither text has the line", [".exec(text ?? \"\")", "\"Stryker was here!\""]),
  ...same("src/layers/live/ProvisioningState.ts", "what has no suffix of a marker is passed over", [
    "error.code === \"ENOENT\" ? Effect.succeed([])",
    "[\"Stryker was here\"]"
  ]),
  ...same("src/layers/live/platformHttp.ts", "it is only given up with, never judged for another attempt", [
    "let last: AttemptError = {",
    "false"
  ]),
  ...same("src/programs/provision.ts", "nothing is done for a state that no case names, either", [
    "case \"reported\":",
    "\"\""
  ]),
  ...same(
    "src/layers/live/SshProvisioner.ts",
    "of the failure only the system's words are told",
    ["attempt(\"restore\", main, ", "\"\""],
    ["attempt(\"look at\", path, linux.stat(path))", "\"\""]
  ),
  ...same("src/layers/linux/homeDirectory.ts", "of the failure nothing is told", [
    "attempt(\"look at\", home, linux.lstat(home))",
    "\"\""
  ]),
  ...same("src/layers/linux/homeDirectory.ts", "rmdir(2) removes directories only", [
    "found.value.kind === \"directory\" && (found.value.mode",
    "true"
  ])
]
