import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { GroupName } from "../../src/domain/Username.ts"
import { build, version } from "../../src/domain/Version.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { parse } from "../../src/programs/commandLine.ts"
import { boot, type Invocation } from "../../src/programs/invocation.ts"

/** Runs a command line in an environment; `printed` is what went to standard output, `complained` to standard error. */
const run = <A, E, R>(work: Effect.Effect<A, E, R>, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const printed: Array<string> = []
    const complained: Array<string> = []
    const ours: Console.Console = Object.assign(Object.create(globalThis.console), {
      log: (...text: ReadonlyArray<unknown>) => printed.push(text.join(" ")),
      error: (...text: ReadonlyArray<unknown>) => complained.push(text.join(" "))
    })
    const result = yield* Effect.result(work).pipe(
      Effect.provideService(Console.Console, ours),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
    )
    return { result, printed: printed.join("\n"), complained: complained.join("\n") }
  }).pipe(Effect.provide(Platform.console))

const invocationOf = (argv: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) =>
  Effect.flatMap(run(parse(argv), env), ({ result }) => Effect.fromResult(result))

const provision = (config: string | undefined, ...groups: ReadonlyArray<string>): Invocation => ({
  _tag: "Provision",
  config: Option.fromUndefinedOr(config),
  groups: groups.map((name) => GroupName.make(name)),
  wrongGroups: []
})

const clean = (config: string | undefined, logs: boolean): Invocation => ({
  _tag: "Clean",
  config: Option.fromUndefinedOr(config),
  logs
})

describe("command line: what it asks for", () => {
  for (
    const [argv, env, expected] of [
      [[], {}, provision(undefined)],
      [[], { AZURE_INIT_USER_GROUPS: "adm,sudo" }, provision(undefined, "adm", "sudo")],
      [[], { AZURE_INIT_CONFIG: "/x" }, provision("/x")],
      [[], { AZURE_INIT_CONFIG: "", AZURE_INIT_USER_GROUPS: "" }, provision(undefined)],
      [["-g", "adm"], {}, provision(undefined, "adm")],
      [["--groups", "adm,video"], {}, provision(undefined, "adm", "video")],
      [["--groups=adm"], {}, provision(undefined, "adm")],
      [
        ["-g", "audio", "--groups=video,adm"],
        { AZURE_INIT_USER_GROUPS: "adm,sudo" },
        provision(undefined, "audio", "video", "adm")
      ],
      [["--groups", ""], { AZURE_INIT_USER_GROUPS: "adm" }, provision(undefined)],
      [["-g", "adm, ,video,"], {}, provision(undefined, "adm", "video")],
      [["--config", "/a.toml"], { AZURE_INIT_CONFIG: "/b.toml" }, provision("/a.toml")],
      [["--config=/a.toml", "-g", "adm"], {}, provision("/a.toml", "adm")],
      [["clean"], {}, clean(undefined, false)],
      [["clean", "--logs"], {}, clean(undefined, true)],
      [["--config", "/a.toml", "clean", "--logs"], {}, clean("/a.toml", true)],
      // azure-init refuses this flag after the subcommand.
      [["clean", "--config", "/a.toml"], {}, clean("/a.toml", false)],
      [["clean"], { AZURE_INIT_CONFIG: "/b.toml" }, clean("/b.toml", false)]
    ] as const
  ) {
    it.effect(`azure-init ${argv.join(" ")} with ${JSON.stringify(env)}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* invocationOf(argv, env), expected)
        if (argv.length === 0) {
          // A boot does not load the parser; it has to understand the same.
          assert.deepStrictEqual(
            yield* Effect.flatMap(run(boot, env), ({ result }) => Effect.fromResult(result)),
            expected
          )
        }
      }))
  }
})

describe("command line: the version", () => {
  for (const argv of [["--version"], ["-V"], ["-V", "clean"], ["clean", "-V"], ["--version", "-g", "adm"]]) {
    it.effect(`azure-init ${argv.join(" ")} prints it, and does nothing else`, () =>
      Effect.gen(function*() {
        const { complained, printed, result } = yield* run(parse(argv))
        assert.deepStrictEqual(yield* Effect.fromResult(result), { _tag: "Nothing" })
        assert.strictEqual(printed, `azure-init ${version}`)
        assert.strictEqual(complained, "")
      }))
  }
})

describe("command line: the build", () => {
  it.effect("azure-init --version --verbose prints where the build comes from and what runs it", () =>
    Effect.gen(function*() {
      const { printed, result } = yield* run(parse(["--version", "--verbose"]))
      assert.deepStrictEqual(yield* Effect.fromResult(result), { _tag: "Nothing" })
      assert.deepStrictEqual(printed.split("\n"), [
        `azure-init ${build.version}`,
        `commit: ${build.commit}`,
        `engine: ${build.engine}`,
        `target: ${build.target}`
      ])
    }))
})

describe("command line: help", () => {
  for (const argv of [["--help"], ["-h"], ["help"]]) {
    it.effect(`azure-init ${argv.join(" ")} shows the flags, and never the word password`, () =>
      Effect.gen(function*() {
        const { printed, result } = yield* run(parse(argv))
        assert.deepStrictEqual(yield* Effect.fromResult(result), { _tag: "Nothing" })
        for (const word of ["-g", "--groups", "GROUPS", "--config", "CONFIG", "-V", "--version", "clean"]) {
          assert.include(printed, word)
        }
        assert.include(printed, "AZURE_INIT_USER_GROUPS")
        assert.include(printed, "AZURE_INIT_CONFIG")
        for (
          const sentence of [
            "azure-init",
            "Print the version and stop",
            "Provisions this virtual machine on Azure: once, at first boot, as root",
            "Remove the markers, so that the next boot provisions again; never talks to Azure"
          ]
        ) assert.include(printed, sentence)
        assert.match(printed, /azure-init <subcommand>|azure-init \[/)
        assert.notMatch(printed, /password/i)
      }))
  }

  for (const argv of [["clean", "--help"], ["help", "clean"]]) {
    it.effect(`azure-init ${argv.join(" ")} shows the flag of clean`, () =>
      Effect.gen(function*() {
        const { printed, result } = yield* run(parse(argv))
        assert.deepStrictEqual(yield* Effect.fromResult(result), { _tag: "Nothing" })
        assert.include(printed, "--logs")
        assert.include(printed, "Remove the log file as well")
        assert.notMatch(printed, /password/i)
      }))
  }
})

describe("command line: wrong usage", () => {
  for (
    const [argv, named] of [
      [["--nonsense"], "--nonsense"],
      [["claen"], "claen"],
      [["--groups"], "groups"],
      [["--config"], "config"],
      [["clean", "--groups", "adm"], "--groups"],
      [["clean", "extra"], "extra"],
      [["--logs"], "--logs"],
      [["-g", "-x"], "-x"],
      [["--groups", "a b"], "a b"],
      [["--groups=-adm"], "-adm"],
      [["--groups", "x".repeat(33)], "x".repeat(33)]
    ] as const
  ) {
    it.effect(`azure-init ${argv.join(" ")} is refused with exit status 2, and says what is wrong`, () =>
      Effect.gen(function*() {
        const { complained, result } = yield* run(parse(argv))
        assert.strictEqual(result._tag, "Failure")
        if (result._tag !== "Failure") return
        assert.strictEqual(result.failure._tag, "UsageError")
        assert.strictEqual(Runtime.getErrorExitCode(result.failure), 2)
        assert.include(complained, named)
        assert.include(result.failure.message, named)
      }))
  }

  it.effect("names every wrong group of the flags, and how they are written", () =>
    Effect.gen(function*() {
      const { result } = yield* run(parse(["--groups", "a b,-x", "-g", "adm"]))
      assert.strictEqual(
        result._tag === "Failure" ? result.failure.message : "",
        "--groups: found \"a b,-x\", expected names of 1 to 32 letters, digits, '_', '.' or '-', separated by commas: azure-init --groups adm,video"
      )
    }))

  it.effect("joins what is wrong in several flags", () =>
    Effect.gen(function*() {
      const { result } = yield* run(parse(["--first", "--second"]))
      assert.match(result._tag === "Failure" ? result.failure.message : "", /--first.*; .*--second/)
    }))

  it.effect("a boot with wrong groups in its environment goes on with the good ones, and hands on the others", () =>
    Effect.gen(function*() {
      const { result } = yield* run(boot, { AZURE_INIT_USER_GROUPS: "adm,-x,domain users" })
      assert.deepStrictEqual(yield* Effect.fromResult(result), {
        _tag: "Provision",
        config: Option.none(),
        groups: [GroupName.make("adm")],
        wrongGroups: ["-x", "domain users"]
      })
    }))
})
