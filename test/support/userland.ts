import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import * as Subprocess from "../../src/layers/test/Subprocess.ts"
import type { SubprocessRequest } from "../../src/services/Subprocess.ts"

/** An owner that the tests may give files to: any when they run as root, otherwise their own. */
export const owner = process.getuid?.() === 0
  ? { uid: 4242, gid: 4343 }
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

/**
 * The commands of shadow-utils, BusyBox, sudo and systemd that the agent calls, working on the files below `root`: what
 * one call does, the next one sees. `answer` comes first and may answer a call itself.
 */
export const userland = (
  root: string,
  answer: (request: SubprocessRequest) => Subprocess.Answer | undefined = () => undefined
) => {
  const read = (path: string) => existsSync(`${root}${path}`) ? readFileSync(`${root}${path}`, "utf8") : ""
  const write = (path: string, text: string) => {
    mkdirSync(dirname(`${root}${path}`), { recursive: true })
    writeFileSync(`${root}${path}`, text)
  }
  const lines = (path: string) => read(path).split("\n").filter((line) => line !== "")
  const lineOf = (path: string, key: string) => lines(path).find((line) => line.startsWith(`${key}:`))
  const append = (path: string, line: string) => write(path, [...lines(path), line, ""].join("\n"))
  const setField = (path: string, key: string, index: number, value: string) =>
    write(
      path,
      [
        ...lines(path).map((line) => line.startsWith(`${key}:`) ? line.split(":").with(index, value).join(":") : line),
        ""
      ].join("\n")
    )
  const membersOf = (group: string) =>
    (lineOf("/etc/group", group)?.split(":")[3] ?? "").split(",").filter((n) => n !== "")
  const groupsOf = (name: string) =>
    lines("/etc/group").map((line) => line.split(":")[0] ?? "").filter((group) => membersOf(group).includes(name))
  const join = (group: string, name: string) =>
    setField("/etc/group", group, 3, [...new Set([...membersOf(group), name])].join(","))

  const addGroup = (group: string, gid = String(owner.gid)): Subprocess.Answer => {
    if (lineOf("/etc/group", group) !== undefined) return { exitCode: 9, stderr: `group '${group}' already exists` }
    append("/etc/group", `${group}:x:${gid}:`)
    return {}
  }
  const addUser = (name: string, comment: string, home: string, groups: ReadonlyArray<string>, primary?: string) => {
    if (lineOf("/etc/passwd", name) !== undefined) return { exitCode: 9, stderr: `user '${name}' already exists` }
    if (primary === undefined && lineOf("/etc/group", name) !== undefined) {
      return {
        exitCode: 9,
        stderr: `useradd: group ${name} exists - if you want to add this user to that group, use -g.`
      }
    }
    const missing = groups.find((group) => lineOf("/etc/group", group) === undefined)
    if (missing !== undefined) return { exitCode: 6, stderr: `useradd: group '${missing}' does not exist` }
    if (primary === undefined) addGroup(name)
    append("/etc/passwd", `${name}:x:${owner.uid}:${owner.gid}:${comment}:${home}:/bin/sh`)
    append("/etc/shadow", `${name}:!:20000:0:99999:7:::`)
    groups.forEach((group) => join(group, name))
    mkdirSync(`${root}${home}`, { recursive: true, mode: 0o700 })
    return {}
  }

  const built = ({ args, command, stdin }: { command: string; args: ReadonlyArray<string>; stdin: string }) => {
    const [first = "", second = ""] = args
    const option = (name: string) => args.includes(name) ? args[args.indexOf(name) + 1] ?? "" : undefined
    switch (command) {
      case "getent": {
        const line = lineOf(`/etc/${first}`, second)
          ?? lines(`/etc/${first}`).find((each) => each.split(":")[2] === second)
        return line === undefined ? { exitCode: 2 } : { stdout: `${line}\n` }
      }
      case "id":
        return { stdout: `${[second, ...groupsOf(second)].join(" ")}\n` }
      case "useradd":
        return addUser(
          first,
          option("--comment") ?? "",
          option("-d") ?? "",
          (option("--groups") ?? "").split(",").filter((group) => group !== ""),
          option("-g")
        )
      case "usermod":
        second.split(",").forEach((group) => join(group, args[2] ?? ""))
        return {}
      case "groupadd":
        return addGroup(args.at(-1) ?? "", option("-g"))
      case "pwconv":
        for (const [name] of lines("/etc/passwd").map((line) => line.split(":"))) {
          if (name !== undefined && lineOf("/etc/shadow", name) === undefined) {
            append("/etc/shadow", `${name}:x:20000:0:99999:7:::`)
          }
        }
        return {}
      case "adduser":
        return addUser(args.at(-1) ?? "", option("-g") ?? "", option("-h") ?? "", [])
      case "addgroup":
        if (args.length === 1) return addGroup(first)
        if (first === "-g") return addGroup(args.at(-1) ?? "", second)
        join(second, first)
        return {}
      case "passwd":
        if (lineOf("/etc/shadow", second) === undefined) {
          return { exitCode: 1, stderr: `passwd: user '${second}' does not exist` }
        }
        setField("/etc/shadow", second, 1, `!${lineOf("/etc/shadow", second)?.split(":")[1] ?? ""}`)
        return {}
      case "chpasswd": {
        const [name = ""] = stdin.split(":")
        if (lineOf("/etc/shadow", name) === undefined) return { exitCode: 1, stderr: "chpasswd: line 1: no such user" }
        const password = stdin.slice(name.length + 1).replace(/\n$/, "")
        setField("/etc/shadow", name, 1, first === "-e" ? password : `$hex$${Buffer.from(password).toString("hex")}`)
        return {}
      }
      case "visudo":
        return existsSync(args.at(-1) ?? "") ? {} : { exitCode: 1, stderr: "no such file" }
      case "hostname":
        write("/proc/sys/kernel/hostname", `${first}\n`)
        return {}
      case "hostnamectl":
        write("/proc/sys/kernel/hostname", `${second}\n`)
        write("/etc/hostname", `${second}\n`)
        return {}
      default:
        return "not found" as const
    }
  }

  const fake = Subprocess.make((request) =>
    answer(request)
      ?? built({ command: request.command, args: request.args, stdin: fake.calls.at(-1)?.stdin ?? "" })
  )
  return {
    layer: fake.layer,
    /** Each call as one list, the program first. */
    commands: () => fake.calls.map(({ args, command }) => [command, ...args]),
    /** The calls of one program. */
    callsOf: (program: string) => fake.calls.filter(({ command }) => command === program),
    /** The supplementary groups of an account. */
    groupsOf: (name: string): ReadonlySet<string> => new Set(groupsOf(name)),
    /** The password that an account takes, or that it takes none. */
    passwordOf: (name: string) => {
      const field = lineOf("/etc/shadow", name)?.split(":")[1] ?? ""
      return field.startsWith("$hex$")
        ? Buffer.from(field.slice(5), "hex").toString()
        : /^[!*]/.test(field)
        ? "locked"
        : field
    },
    read
  }
}
