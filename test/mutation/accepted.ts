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

  // files.ts
  {
    file: "src/layers/live/files.ts",
    line: "Effect.isSuccess(attempt(\"remove\"",
    replacement: "\"\"",
    because: { equivalent: "the error is dropped, with what was tried" }
  },
  {
    file: "src/layers/live/files.ts",
    line: "Effect.ignore(attempt(\"remove\"",
    because: { equivalent: "the error is dropped; without force a missing file is an error more" }
  },
  {
    file: "src/layers/live/files.ts",
    line: "attempt(\"look at\", path, () => Fs.lstat(path)).pipe(Effect.isSuccess)",
    replacement: "\"\"",
    because: { equivalent: "the error is dropped, with what was tried" }
  },

  // homeFile.ts
  {
    file: "src/layers/live/homeFile.ts",
    line: "process.getuid?.()",
    replacement: "process.getuid()",
    because: { equivalent: "Linux has getuid" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "open(root === \"\" ? \"/\" : root",
    because: { endToEnd: "test/e2e/boots.e2e.ts: only a real boot has the root /, and finds its keys there" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "name === \".\" ? `/proc/self/fd",
    because: { equivalent: "/proc/self/fd/N/. is the directory too" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "NodePath.posix.normalize(path).split(\"/\").filter(",
    because: { equivalent: "an empty name enters the directory that is open already" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "attempt(\"close\", shown",
    replacement: "\"\"",
    because: { equivalent: "the error is dropped, with what was tried" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "orElseSucceed(() => false)",
    replacement: "() => undefined",
    because: { equivalent: "both mean that the file is written" }
  },
  {
    file: "src/layers/live/homeFile.ts",
    line: "attempt(\"read\", path, async () => {",
    replacement: "\"\"",
    because: { equivalent: "the error is dropped, with what was tried" }
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
  }
]
