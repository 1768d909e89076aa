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

/** Static executables: how the engine's C is compiled and all of it linked. */
interface Toolchain {
  readonly triple: string
  readonly compiler: string
  /** Where it is not the compiler itself: musl's headers, by way of a specification for gcc. */
  readonly specs?: string
  /** Debian's packages. */
  readonly packages: string
}

const toolchainOf = (triple: string): Toolchain | undefined => {
  const [architecture, ...system] = triple.split("-")
  if (architecture === undefined || system.join("-") !== "unknown-linux-musl") return
  if (architecture === architectureOf(host())) return { triple, compiler: "musl-gcc", packages: "musl-tools" }
  const debian = { x86_64: "amd64", aarch64: "arm64" }[architecture]
  if (debian === undefined) {
    return fail(`${triple}: not known; try x86_64-unknown-linux-musl or aarch64-unknown-linux-musl`)
  }
  return {
    triple,
    compiler: `${architecture}-linux-gnu-gcc`,
    specs: `/usr/lib/${architecture}-linux-musl/musl-gcc.specs`,
    packages: `gcc-${
      architecture.replace("_", "-")
    }-linux-gnu and (after dpkg --add-architecture ${debian}) musl-dev:${debian}`
  }
}

/** What is missing for a target, and how to install it. */
const missingFor = (triple: string): string | undefined => {
  const directory = output("rustc", "--print", "target-libdir", "--target", triple)
  if (directory === undefined || !existsSync(directory)) return `rustup target add ${triple}`
  const toolchain = toolchainOf(triple)
  if (toolchain === undefined) return
  const here = isInPath(toolchain.compiler) && (toolchain.specs === undefined || existsSync(toolchain.specs))
  return here ? undefined : `install Debian's ${toolchain.packages}`
}

const isInPath = (command: string): boolean =>
  (process.env.PATH ?? "").split(":").some((directory) => existsSync(join(directory, command)))

const host = (): string => /^host: (.*)$/m.exec(output("rustc", "-vV") ?? "")?.[1] ?? "x86_64-unknown-linux-gnu"

const architectureOf = (triple: string): string => triple.split("-")[0] ?? triple

/**
 * What is built without being told: a static executable for this machine, or a dynamic one where the tools for that are
 * missing.
 */
export const hostTarget = (): string => {
  const native = host()
  const musl = `${architectureOf(native)}-unknown-linux-musl`
  return missingFor(musl) === undefined ? musl : native
}

const fail = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const environmentOf = (target: string): NodeJS.ProcessEnv => {
  const missing = missingFor(target)
  if (missing !== undefined) fail(`${target}: cannot be built: ${missing}`)
  const toolchain = toolchainOf(target)
  // Two builds from one commit are the same bytes, wherever they lie; nobody's own flags get in.
  const prefixes = [[process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "/cargo"], [root, "/azure-init"]] as const
  const cflags = prefixes.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`)
  const name = target.replaceAll("-", "_")
  return {
    ...process.env,
    CARGO_ENCODED_RUSTFLAGS: prefixes.map(([from, to]) => `--remap-path-prefix=${from}=${to}`).join("\x1f"),
    SOURCE_DATE_EPOCH: "0",
    [`CFLAGS_${name}`]: [...cflags, ...(toolchain?.specs === undefined ? [] : [`-specs=${toolchain.specs}`])].join(" "),
    ...(toolchain === undefined ? {} : { [`CC_${name}`]: toolchain.compiler }),
    // Rust brings musl's start files and library; for this machine the system's own linker takes them, and musl-gcc
    // would add its own.
    ...(toolchain?.specs === undefined ? {} : { [`CARGO_TARGET_${name.toUpperCase()}_LINKER`]: toolchain.compiler })
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
  const here = architectureOf(target) === architectureOf(host()) ? target : hostTarget()
  compileModules(build("compile", here, environmentOf(here)), sources, bytecode)
  const made = build("azure-init", target, { ...environmentOf(target), AZURE_INIT_PROGRAM: bytecode })
  mkdirSync(dirname(file), { recursive: true })
  // One that is running cannot be written to.
  rmSync(file, { force: true })
  copyFileSync(made, file)
}
