/** What can be the matter with a provisioning disc. */
import type { Host } from "../hosts/overlay.ts"
import type { Boot, Fault } from "./Fault.ts"
import { discless, divided, settings, type Vm, whole } from "./vms.ts"

const documentOn = "/run/disc/ovf-env.xml"

const laughs = `<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol">${
  Array.from(
    { length: 9 },
    (_, depth) => `<!ENTITY lol${depth + 1} "${`&lol${depth === 0 ? "" : depth};`.repeat(10)}">`
  ).join("")
}]>
<Environment>&lol9;</Environment>`

const external = `<?xml version="1.0"?>
<!DOCTYPE Environment [<!ENTITY file SYSTEM "file:///etc/shadow">]>
<Environment>&file;</Environment>`

/** Documents in place of the right one, by what they are. */
const documents: Readonly<Record<string, string>> = {
  "empty": "",
  "no XML": "{}",
  "cut short": whole.disc?.slice(0, 1200) ?? "",
  "another root element": "<html><body/></html>",
  "no provisioning section": "<Environment xmlns=\"http://schemas.dmtf.org/ovf/environment/1\"></Environment>",
  "a billion laughs": laughs,
  "an external entity": external,
  "10 MiB": `<Environment>${"x".repeat(10 * 1024 * 1024)}</Environment>`,
  "10 MiB of elements": `<Environment>${"<a></a>".repeat(1_500_000)}</Environment>`,
  "100,000 levels deep": `${"<a>".repeat(100_000)}${"</a>".repeat(100_000)}`,
  "zeros": "\0".repeat(4096)
}

/** What takes the place of the document, as a shell command. */
const places: Readonly<Record<string, string>> = {
  "is a directory": `mkdir ${documentOn}`,
  "is a link to /etc/shadow": `ln -s /etc/shadow ${documentOn}`,
  "is a FIFO": `mkfifo ${documentOn}`,
  "is /dev/zero": `mknod ${documentOn} c 1 5`,
  "is not UTF-8": `printf '\\377\\376<\\000' >${documentOn}`
}

/** What mounting comes to, as the script of mount's helper. */
const mounts: Readonly<Record<string, string>> = {
  "unreadable": "echo \"mount: $2: can't read superblock on $1.\" >&2; exit 32",
  "of no known file system": "echo \"mount: $2: wrong fs type, bad option, bad superblock on $1.\" >&2; exit 32",
  "failing after it was mounted": "mount --bind /run/disc \"$2\"; exit 1",
  "killed": "kill -KILL $$"
}

/** Numbers of system calls. */
const calls = process.arch === "arm64" ? { seccomp: 277, umount2: 39 } : { seccomp: 317, umount2: 166 }

/** `MNT_DETACH` of umount2(2). */
const lazily = 2

/** Runs the command with a kernel that answers EBUSY to each umount2(2) without one of these flags. */
const refuse = `my ($seccomp, $umount2, $flags, @command) = @ARGV;
my $filter = join "", map { pack "S C C L", @$_ }
  [0x20, 0, 0, 0], [0x15, 0, 3, $umount2],   # the number of the call, or on to the end
  [0x20, 0, 0, 24], [0x45, 1, 0, $flags],    # its second argument, or on to the end
  [0x06, 0, 0, 0x50000 + 16], [0x06, 0, 0, 0x7fff0000];
syscall($seccomp + 0, 1, 0, pack "S x6 P", 6, $filter) == 0 or die "seccomp: $!";
exec @command;`

const refusingToUnmount = (flags: number): Boot => (host, agent) =>
  host.run(["perl", "-e", refuse, String(calls.seccomp), String(calls.umount2), String(flags), ...agent])

/** The disc is still the right one; it is only this boot that cannot have it. */
const keepDocument = `cp -p ${documentOn} /run/disc/kept`
const restore = (host: Host) => host.shell(`rm -rf ${documentOn}; mv /run/disc/kept ${documentOn}`)

const helpers = "/usr/sbin/mount.udf /sbin/mount.udf"
const breakMount = (script: string) => (host: Host) =>
  host.shell(
    `cp /usr/sbin/mount.udf /run/mount.udf.good; for helper in ${helpers}; do cat >$helper <<'END'\n#!/bin/sh\n${script}\nEND\ndone`
  )
const mendMount = (host: Host) => host.shell(`for helper in ${helpers}; do cat /run/mount.udf.good >$helper; done`)

/** A disc that is of no use: IMDS makes up for it where it can, and the owner hears of it where it can not. */
const both = (
  name: string,
  arrange: (host: Host) => Promise<unknown>,
  repair: (host: Host) => Promise<unknown>,
  rest: Partial<Fault> = {}
): ReadonlyArray<Fault> => [
  {
    group: "disc",
    name: `${name}: the password is missing, the key of IMDS lets the owner in`,
    vm: divided,
    arrange,
    repair,
    ends: "failed",
    reason: /sr0|ovf-env/,
    ...rest
  },
  {
    group: "disc",
    name: `${name}, and no IMDS`,
    vm: whole,
    answers: { imds: [{ status: 503, body: "" }] },
    settings: settings({ imds: 0.6 }),
    arrange,
    repair,
    ends: "failed",
    keys: false,
    reason: /sr0|ovf-env/,
    ...rest
  }
]

/** What Azure writes on a disc, for somebody who is not to be made. */
const withName = (name: string): Vm => ({
  ...whole,
  disc: whole.disc?.replace(/<UserName>.*<\/UserName>/, `<UserName>${name}</UserName>`)
})

/** Every row about the provisioning disc. */
export const discFaults: ReadonlyArray<Fault> = [
  ...Object.entries(documents).flatMap(([what, text]) =>
    both(`the document is ${what}`, async (host) => {
      await host.shell(keepDocument)
      await host.shell(`cat >${documentOn}`, text)
    }, restore)
  ),
  ...Object.entries(places).flatMap(([what, command]) =>
    both(`the document ${what}`, (host) => host.shell(`${keepDocument}; rm ${documentOn}; ${command}`), restore)
  ),
  ...Object.entries(mounts).flatMap(([what, script]) => both(`the disc is ${what}`, breakMount(script), mendMount)),
  ...both("the drive does not answer", breakMount("exec sleep 300"), mendMount, { within: 30_000 }),
  {
    group: "disc",
    name: "busy: it stays mounted until nobody uses it",
    boot: refusingToUnmount(lazily),
    ends: "ready"
  },
  {
    group: "disc",
    name: "not let go of by the kernel",
    boot: refusingToUnmount(0),
    ends: "failed",
    reason: /unmount/,
    mounted: true
  },
  { group: "disc", name: "absent, and IMDS has all that is needed", vm: discless, ends: "ready" },
  {
    group: "disc",
    name: "no document on it, and IMDS has all that is needed",
    vm: { instance: {}, disc: "<no/>" },
    arrange: (host) => host.shell(`rm ${documentOn}`),
    ends: "ready"
  },
  ...["root; rm -rf /", "-G sudo", "../../etc", "a".repeat(33), "ro:ot", "name with blanks"].map((name): Fault => ({
    group: "disc",
    name: `no IMDS, and the user name ${JSON.stringify(name)}`,
    vm: withName(name),
    answers: { imds: [{ status: 503, body: "" }] },
    settings: settings({ imds: 0.6 }),
    ends: "failed",
    keys: false,
    reason: /UserName/
  }))
]
