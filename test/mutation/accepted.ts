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
 * Each entry has to match a mutant that survives, or the run fails: the list never outlives its reasons.
 */
export const accepted: ReadonlyArray<Accepted> = [
  { line: "Schema.brand(", because: { equivalent: "a brand is a type; nothing is named by it at run time" } },

  // homeFile.ts
  {
    file: "src/layers/linux/homeFile.ts",
    line: "open(root === \"\" ? \"/\" : root",
    because: {
      endToEnd: "boots.e2e.ts, \"first boot: asks once, lets the owner in\": only a real boot has its keys below /"
    }
  },
  {
    file: "src/layers/linux/homeFile.ts",
    line: "orElseSucceed(() => false)",
    replacement: "() => undefined",
    because: { equivalent: "both mean that the file is written" }
  },

  // VmId.ts
  {
    file: "src/domain/VmId.ts",
    line: "hex.match(/../g) ?? []",
    replacement: "[\"Stryker was here\"]",
    because: { equivalent: "the groups of the pattern are never empty" }
  },
  {
    file: "src/domain/VmId.ts",
    line: "const [, a = \"\", b = \"\"",
    because: { equivalent: "every group of the pattern takes part in a match" }
  },

  {
    file: "src/layers/linux/homeFile.ts",
    line: "const place = isHome ? \"home\"",
    replacement: "\"\"",
    because: { equivalent: "the home is only told from what is outside and below" }
  },

  // platformHttp.ts
  {
    file: "src/layers/live/platformHttp.ts",
    line: "let last: Trouble = {",
    replacement: "false",
    because: { equivalent: "it is only given up with, never judged for another attempt" }
  },

  // ProvisioningState.ts
  {
    file: "src/layers/live/ProvisioningState.ts",
    line: "error.code === \"ENOENT\" ? Effect.succeed([])",
    replacement: "[\"Stryker was here\"]",
    because: { equivalent: "what has no suffix of a marker is passed over" }
  },

  // Kvp.ts
  {
    file: "src/layers/live/Kvp.ts",
    line: "{ discard: true }",
    because: { equivalent: "nobody looks at the results" }
  },
  {
    file: "src/layers/live/Kvp.ts",
    line: ".exec(text ?? \"\")",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "neither text has the line" }
  },

  // programs
  {
    file: "src/programs/plan.ts",
    line: "onNone: () => Option.match(media, { onNone: () => true, onSome: refusesPasswords })",
    replacement: "false",
    because: { equivalent: "without either source nobody is named, and there is no plan for the answer to stand in" }
  },
  {
    file: "src/programs/plan.ts",
    line: "onNone: () => Option.match(media, { onNone: () => true, onSome: refusesPasswords })",
    replacement: "() => undefined",
    because: { equivalent: "without either source nobody is named, and there is no plan for the answer to stand in" }
  },

  // domain
  {
    file: "src/domain/Hostname.ts",
    line: "() => text.length > maximumHostname && isDomainName(text) ?",
    replacement: "true",
    because: {
      equivalent: "a shorter domain name whose first label is a host name is a host name, and was taken whole"
    }
  },
  {
    file: "src/domain/Hostname.ts",
    line: "() => text.length > maximumHostname && isDomainName(text) ?",
    replacement: "text.length >= maximumHostname",
    because: {
      equivalent: "a shorter domain name whose first label is a host name is a host name, and was taken whole"
    }
  },
  {
    file: "src/domain/InstanceMetadata.ts",
    line: "(path ?? []).map(",
    because: { equivalent: "Effect's formatter gives plain keys, and a path where there is one; the type allows more" }
  },
  {
    file: "src/domain/InstanceMetadata.ts",
    line: ".join(\", \")",
    replacement: "\"\"",
    because: { equivalent: "the decoder stops at the first issue" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "while (end < bytes.length && ",
    replacement: "true",
    because: { equivalent: "behind the end there is no byte to continue a character" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "while (end < bytes.length && ",
    replacement: "end <= bytes.length",
    because: { equivalent: "behind the end there is no byte to continue a character" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "if (encoder.encode(key).length <= room)",
    replacement: "encoder.encode(key).length < room",
    because: { equivalent: "a key that just fits is cut to itself" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "const tail = bar < 0",
    replacement: "bar <= 0",
    because: { equivalent: "with its only bar in front the whole key is its tail, too long to be kept" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "split(key.slice(0, key.length - tail.length), room - tailSize)",
    replacement: "key",
    because: { equivalent: "the beginning of the key is the same" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "split(key.slice(0, key.length - tail.length), room - tailSize)",
    replacement: "key.length + tail.length",
    because: { equivalent: "the beginning of the key is the same" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "while (index < records.length) {",
    replacement: "index <= records.length",
    because: { equivalent: "the next line ends the loop" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "if (record === undefined) break",
    replacement: "false",
    because: { equivalent: "for the type only: the index is in range" }
  },
  {
    file: "src/domain/KvpRecord.ts",
    line: "base !== undefined && parts > 1",
    replacement: "true",
    because: { equivalent: "more than one part has a base" }
  },
  {
    file: "src/domain/LogRecord.ts",
    line: "character.codePointAt(0)?.",
    because: { equivalent: "a character has a code point" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "{ chunkSize: 1 }",
    replacement: "{}",
    because: { equivalent: "the same events; only memory differs" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "[{ name: \"\", nil: false, children: [], text: \"\" }]",
    because: { equivalent: "of what is above the root only the children count" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "current?.children.push",
    because: { equivalent: "the parser refuses an end without a start, so there is always one open" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "if (current !== undefined) current.text",
    replacement: "true",
    because: { equivalent: "the parser refuses an end without a start, so there is always one open" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "\"kind\" in error ? error :",
    because: { equivalent: "the parser refuses a document without an element before" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "${line ?? \"?\"}",
    because: { equivalent: "the parser gives line and column with every error; the type allows none" }
  },
  {
    file: "src/domain/OvfEnvironment.ts",
    line: "({ name: \"\", nil: true, children: [], text: \"\" })",
    because: {
      equivalent: "stands for no settings: nothing of it but its children counts, and they have no such names"
    }
  },
  {
    file: "src/domain/ProvisioningReport.ts",
    line: "iso.replace(/Z$/",
    replacement: "/Z/",
    because: { equivalent: "an instant of ISO 8601 has one Z" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const [, type = \"\", base64 = \"\", comment = \"\"]",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "the pattern matches every text, from its start to its end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const [, type = \"\", base64 = \"\", comment = \"\"]",
    replacement: "[\"Stryker was here\"]",
    because: { equivalent: "the pattern matches every text, from its start to its end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const [, type = \"\", base64 = \"\", comment = \"\"]",
    replacement: "/([^ \\t]*)[ \\t]*([^ \\t]*)(.*)$/s",
    because: { equivalent: "the pattern matches every text, from its start to its end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const [, type = \"\", base64 = \"\", comment = \"\"]",
    replacement: "/^([^ \\t]*)[ \\t]*([^ \\t]*)(.*)/s",
    because: { equivalent: "the pattern matches every text, from its start to its end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const firstWord = (text: string)",
    because: { equivalent: "the pattern matches every text, from its start to its end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const rest = line.slice(end)",
    replacement: "/[ \\t]+/",
    because: { equivalent: "what follows the options begins with the blank that ends them" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "lines[at] ?? \"\") && typeof keyIn",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "the index is in range" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "lines[at] ?? \"\") && typeof keyIn",
    replacement: "at <= lines.length",
    because: { equivalent: "behind the last line stands the empty text, which adds nothing" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "const line = lines[at++] ?? \"\"",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "the index is in range" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "!/[ \\t]/.test(lines[at - 1] ?? \"\")",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "the index is in range" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "!pemEnd.test(lines[at - 1] ?? \"\")",
    replacement: "\"Stryker was here!\"",
    because: { equivalent: "the index is in range" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "while (at < lines.length) {",
    replacement: "at <= lines.length",
    because: { equivalent: "behind the last line stands the empty text, which is passed over" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "if (at > start) read = parse(",
    replacement: "true",
    because: { equivalent: "without more lines the same line is read once more" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "if (at > start) read = parse(",
    replacement: "at >= start",
    because: { equivalent: "without more lines the same line is read once more" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: ".replace(/=+$/, \"\")",
    replacement: "/=+/",
    because: { equivalent: "32 bytes end in one sign of padding, and base64 has none before" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: ".replace(/=+$/, \"\")",
    replacement: "/=$/",
    because: { equivalent: "32 bytes end in one sign of padding, and base64 has none before" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "comment: comment.replace(/[ \\t]+/g",
    replacement: "/[ \\t]/g",
    because: { equivalent: "the blanks are joined once more at the end" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "{ concurrency: \"unbounded\" }",
    replacement: "{}",
    because: { equivalent: "only the time differs in which the fingerprints are made" }
  },
  {
    file: "src/domain/SshPublicKey.ts",
    line: "{ concurrency: \"unbounded\" }",
    replacement: "\"\"",
    because: { equivalent: "only the time differs in which the fingerprints are made" }
  }
]
