import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join } from "node:path"
import { bundleForRuntime } from "./bundle.ts"
import { root } from "./root.ts"

/** The oldest cargo that builds the engine's bindings; `rust-version` of `runtime/Cargo.toml`. */
const oldestCargo = [1, 87] as const

const runtime = join(root, "runtime")

/** Under `runtime/target`, which git ignores. */
const work = join(runtime, "target/program")

const output = (command: string, ...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync(command, args, { cwd: runtime, encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/** Why the executable cannot be built, and what to do; nothing when it can. */
export const missingCargo = (): string | undefined => {
  const found = /^cargo (\d+)\.(\d+)/.exec(output("cargo", "--version") ?? "")
  const [major, minor] = oldestCargo
  if (found !== null && (Number(found[1]) > major || (Number(found[1]) === major && Number(found[2]) >= minor))) return
  const have = found === null ? "cargo is missing" : `cargo is ${found[1]}.${found[2]}`
  return `${have}: install Rust ${major}.${minor} or newer (rustup, Debian's package or from rustup.rs)`
}

/** How a target is built: the environment that its C compiler and linker need. */
interface Toolchain {
  readonly triple: string
  readonly compiler: string
  readonly cflags: string
  readonly install: string
}

const toolchains: ReadonlyArray<Toolchain> = [
  { triple: "x86_64-unknown-linux-musl", compiler: "musl-gcc", cflags: "", install: "Debian's package musl-tools" },
  {
    triple: "aarch64-unknown-linux-musl",
    compiler: "aarch64-linux-gnu-gcc",
    cflags: "",
    install: "Debian's package gcc-aarch64-linux-gnu"
  }
]

const hasTarget = (triple: string): boolean => {
  const directory = output("rustc", "--print", "target-libdir", "--target", triple)
  return directory !== undefined && existsSync(directory)
}

const isInPath = (command: string): boolean =>
  (process.env.PATH ?? "").split(":").some((directory) => existsSync(join(directory, command)))

const host = (): string => /^host: (.*)$/m.exec(output("rustc", "-vV") ?? "")?.[1] ?? "x86_64-unknown-linux-gnu"

const architecture = (triple: string): string => triple.split("-")[0] ?? triple

/** What is built without being told: a static executable for this machine, or a dynamic one where the tools for that are missing. */
export const hostTarget = (): string => {
  const native = host()
  const found = toolchains.find(({ triple }) => architecture(triple) === architecture(native))
  const compiler = found !== undefined && architecture(native) === "aarch64" ? "musl-gcc" : found?.compiler
  return found !== undefined && compiler !== undefined && isInPath(compiler) && hasTarget(found.triple)
    ? found.triple
    : native
}

const fail = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const variable = (prefix: string, triple: string): string => `${prefix}_${triple.replaceAll("-", "_")}`

const environment = (target: string): NodeJS.ProcessEnv => {
  const toolchain = toolchains.find(({ triple }) => triple === target)
  const native = architecture(target) === architecture(host())
  const compiler = native && toolchain !== undefined ? "musl-gcc" : toolchain?.compiler
  if (toolchain !== undefined && compiler !== undefined && !isInPath(compiler)) {
    fail(`${target}: ${compiler} is missing: install ${toolchain.install}`)
  }
  const prefixes = [[process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "/cargo"], [root, "/azure-init"]] as const
  return {
    ...process.env,
    // Two builds from one commit are the same bytes, wherever they lie; nobody's own flags get in.
    CARGO_ENCODED_RUSTFLAGS: prefixes.map(([from, to]) => `--remap-path-prefix=${from}=${to}`).join("\x1f"),
    CFLAGS: prefixes.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`).join(" "),
    SOURCE_DATE_EPOCH: "0",
    ...(compiler === undefined ? {} : {
      [variable("CC", target)]: compiler,
      [variable("CFLAGS", target)]: toolchain?.cflags,
      [variable("CARGO_TARGET", target.toUpperCase()) + "_LINKER"]: compiler
    })
  }
}

const cargo = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): void => {
  const { status } = spawnSync("cargo", args, { cwd: runtime, env, stdio: "inherit" })
  if (status !== 0) fail(`cargo ${args.join(" ")} failed with status ${status}`)
}

const build = (bin: string, target: string, env: NodeJS.ProcessEnv): string => {
  cargo(["build", "--quiet", "--locked", "--release", "--bin", bin, "--target", target], env)
  return join(runtime, "target", target, "release", bin)
}

const compileModules = (compiler: string, sources: string, directory: string): void => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const name of readdirSync(sources).sort()) {
    const { status } = spawnSync(compiler, [name, join(sources, name), join(directory, name)], { stdio: "inherit" })
    if (status !== 0) fail(`${basename(compiler)} of ${name} failed with status ${status}`)
  }
}

/** Builds the executable for a target, from the agent's sources to `file`. */
export const executable = async (target: string, file: string): Promise<void> => {
  const sources = join(work, "source")
  const bytecode = join(work, "bytecode")
  await bundleForRuntime(sources)
  // Bytecode is the same on all machines that have the same word size and byte order, as ours do.
  const here = architecture(target) === architecture(host()) ? target : hostTarget()
  compileModules(build("compile", here, environment(here)), sources, bytecode)
  const made = build("azure-init", target, { ...environment(target), AZURE_INIT_PROGRAM: bytecode })
  mkdirSync(dirname(file), { recursive: true })
  copyFileSync(made, file)
}
