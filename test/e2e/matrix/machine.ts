/** What can be the matter with the machine itself: its disk, its helpers, its clock, its environment. */
import { type Host, owner, username } from "../hosts/overlay.ts"
import type { Boot, Fault } from "./Fault.ts"
import { type Failing, failings, type Helper, helpers } from "./helpers.ts"
import { divided, settings } from "./vms.ts"

/** The script in the helper's place, where it is there. */
const scripts: Readonly<Record<Exclude<Failing, "is missing" | "is no program">, string>> = {
  "fails": "echo \"out of luck\" >&2; exit 1",
  "hangs": "exec sleep 300",
  "hangs and ignores SIGTERM": "trap '' TERM; while :; do sleep 1; done",
  "is killed": "kill -KILL $$",
  "fails after 10 MiB of output": "yes | head -c 10485760; yes | head -c 10485760 >&2; exit 1",
  // Whole, wrapped, and where a message of a report is cut.
  "repeats its input and fails":
    "input=$(cat); echo \"$input\"; { yes x | head -c 1990; echo \"bad line 1: $input\"; echo \"$input\" | fold -w 9; } >&2; exit 1"
}

const fails = ({ name, needed = ":", path }: Helper, failing: Failing): Pick<Fault, "arrange" | "repair"> => {
  const decoy = `/usr/local/sbin/${name}`
  if (failing === "is missing" || failing === "is no program") {
    const damaged = failing === "is missing" ? "" : `; echo '\\1' >${path}; chmod 755 ${path}`
    return {
      arrange: (host) => host.shell(`${needed}; rm -f ${decoy}; mv ${path} ${path}.away${damaged}`),
      repair: (host) => host.shell(`mv ${path}.away ${path}`)
    }
  }
  return {
    arrange: (host) =>
      host.shell(`${needed}; rm -f ${decoy}; cat >${decoy}; chmod 755 ${decoy}`, `#!/bin/sh\n${scripts[failing]}\n`),
    repair: (host) => host.shell(`rm -f ${decoy}`)
  }
}

const ofHelper = (helper: Helper): ReadonlyArray<Fault> =>
  failings.map((failing): Fault => {
    const common = {
      group: "helper",
      name: `${helper.name} ${failing}`,
      vm: divided,
      within: 100_000,
      ...fails(helper, failing)
    }
    if (helper.harmless.includes(failing)) return { ...common, ends: "ready" }
    const { keys, reason } = helper
    return {
      ...common,
      ends: "failed",
      ...(reason === undefined ? {} : { reason }),
      ...(keys === undefined ? {} : { keys })
    }
  })

/** A file system of its own at this place, with what was there, and no room left but `pages` of 4 KiB. */
const crowd = (path: string, pages = 0) => (host: Host) =>
  host.shell(`set -e
    mkdir -p ${path} /dev/shm/kept
    cp -a ${path}/. /dev/shm/kept
    mount -t tmpfs -o "size=1m,mode=$(stat -c %a ${path})" small ${path}
    cp -a /dev/shm/kept/. ${path}
    rm -rf /dev/shm/kept
    dd if=/dev/zero of=${path}/.filler bs=4096 2>/dev/null || true
    truncate -s $(($(stat -c %s ${path}/.filler) - ${pages} * 4096)) ${path}/.filler`)

/** What was written to it goes with it. */
const uncrowd = (path: string) => (host: Host) => host.shell(`umount -l ${path}`)

/**
 * The whole disk is full but for so many pages: each write of the agent and its helpers meets the end of the room in
 * one of the rows.
 */
const fullDisk = (pages: number): Fault => ({
  group: "disk",
  name: `full but for ${pages * 4} KiB`,
  disk: "4m",
  arrange: (host) =>
    host.shell(`dd if=/dev/zero of=/filler bs=4096 2>/dev/null || true
      truncate -s $(($(stat -c %s /filler) - ${pages} * 4096)) /filler`),
  repair: (host) => host.shell("rm /filler"),
  ends: "honest",
  keys: false
})

const readOnly = (...paths: ReadonlyArray<string>) => (host: Host) =>
  host.shell(
    paths.map((path) => `mkdir -p ${path}; mount --bind ${path} ${path}; mount -o remount,bind,ro ${path}`).join("\n")
  )
const writable = (...paths: ReadonlyArray<string>) => (host: Host) =>
  host.shell(paths.map((path) => `umount ${path}`).join("\n"))

/** Holds what useradd wants for so long; a program that is linked to no shell of this test. */
const holdLock = (seconds: number) => (host: Host) =>
  host.shell(
    `setsid perl -e '
      use Fcntl; open(my $lock, ">>", "/etc/.pwd.lock") or die;
      my $whole = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0);
      fcntl($lock, F_SETLKW, $whole) or die;
      open(my $file, ">", "/etc/passwd.lock"); print $file $$; close $file;
      sleep ${seconds}; unlink "/etc/passwd.lock"' >/dev/null 2>&1 </dev/null &
    until [ -s /etc/passwd.lock ]; do sleep 0.05; done`
  )

const preload = "$(ls /usr/lib/*/faketime/libfaketimeMT.so.1)"

/** Another clock for the agent and none for the rest: what the kernel says of the time of day is changed on the way. */
const atTime = (time: string): Boot => (host, agent) =>
  host.run([
    "sh",
    "-c",
    `export LD_PRELOAD=${preload} FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME="${time}"; exec "$@"`,
    "clock",
    ...agent
  ])

const jumping: Boot = (host, agent) =>
  host.run([
    "sh",
    "-c",
    `echo +0 >/run/clock
    (while :; do for years in -50y +50y -1y +0; do echo $years >/run/clock.new; mv /run/clock.new /run/clock; sleep 0.02; done; done) >/dev/null 2>&1 </dev/null &
    LD_PRELOAD=${preload} FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=/run/clock "$@"
    status=$?
    kill $!; wait $! 2>/dev/null
    # What it was sleeping on ends by itself.
    sleep 0.1
    exit $status`,
    "clock",
    ...agent
  ])

const nonsense = {
  http_proxy: "http://192.0.2.1:3128",
  HTTP_PROXY: "http://192.0.2.1:3128",
  https_proxy: "http://192.0.2.1:3128",
  ALL_PROXY: "socks5://192.0.2.1:1080",
  all_proxy: "nonsense",
  NO_PROXY: "",
  RES_OPTIONS: "timeout:30 attempts:9",
  LOCALDOMAIN: "invalid",
  HOSTALIASES: "/dev/zero",
  NODE_OPTIONS: "--require /nothing.js",
  LANG: "xx_XX.nothing",
  TZ: ":/etc/shadow",
  HOME: "/nowhere",
  TMPDIR: "/nowhere"
}

/** What somebody may have put into the place of a file or directory that the agent makes. */
const obstructed: ReadonlyArray<Fault> = [
  { name: "the sudo rule is a directory", path: "/etc/sudoers.d/azure-init-user", reason: /sudo/ },
  {
    name: "sshd's drop-in is a directory",
    path: "/etc/ssh/sshd_config.d/00-azure-init.conf",
    reason: /sshd|00-azure-init/
  },
  { name: "the KVP pool is a directory", path: "/var/lib/hyperv/.kvp_pool_1" },
  { name: "the log is a directory", path: "/var/log/azure-init.log" }
].map(({ name, path, reason }): Fault => ({
  group: "obstacle",
  name,
  arrange: (host) => host.shell(`mkdir -p ${path}/in-the-way`),
  repair: (host) => host.shell(`rm -rf ${path}`),
  ends: reason === undefined ? "ready" : "failed",
  ...(reason === undefined ? {} : { reason })
}))

const mkdirSsh = `install -d -m 700 -o ${username} -g ${username} .ssh`

const planted = (name: string, plant: string): Fault => ({
  group: "hostile home",
  name,
  arrange: (host) =>
    host.shell(`set -e
      useradd -m -c 'azure-init created this user based on username provided in IMDS' ${username}
      rm -rf /root/.ssh; mkdir -m 700 /root/.ssh; echo root >/root/.ssh/authorized_keys
      echo victim >/etc/victim
      cd ~${username}; ${plant}`),
  examine: async (host) => {
    const found = await host.shell(
      "stat -c '%a %U:%G %n' /etc/victim /root/.ssh /root/.ssh/*; cat /etc/victim /root/.ssh/authorized_keys; ls /etc/cron.d/new 2>/dev/null || true"
    )
    return found
        === "644 root:root /etc/victim\n700 root:root /root/.ssh\n644 root:root /root/.ssh/authorized_keys\nvictim\nroot\n"
      ? []
      : [`something was written through a link of the user's: ${found}`]
  },
  ends: "ready"
})

/** Pages that a first boot writes, helpers included: beyond them nothing is full any more. */
const pages = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  14,
  16,
  18,
  20,
  22,
  24,
  26,
  28,
  30,
  32,
  34,
  36,
  40,
  44,
  48,
  56,
  64,
  80,
  128
]

/** Every row about the machine. */
export const machineFaults: ReadonlyArray<Fault> = [
  ...helpers.flatMap(ofHelper),
  ...pages.map(fullDisk),
  ...[
    { path: "/var/log", ends: "ready" },
    { path: "/var/lib/hyperv", ends: "ready" },
    { path: "/home", ends: "failed", reason: /home|No space|ENOSPC/, keys: false },
    { path: "/etc/sudoers.d", ends: "failed", reason: /sudo/ },
    { path: "/etc/ssh/sshd_config.d", ends: "failed", reason: /sshd_config/ }
  ].map(({ ends, keys, path, reason }): Fault => ({
    group: "disk",
    name: `${path} is full`,
    arrange: crowd(path),
    repair: uncrowd(path),
    ends: ends === "ready" ? "ready" : "failed",
    ...(keys === undefined ? {} : { keys }),
    ...(reason === undefined ? {} : { reason })
  })),
  {
    group: "disk",
    name: "/var/lib/azure-init has no inode left for the marker",
    arrange: (host) =>
      host.shell(
        "mkdir -p -m 700 /var/lib/azure-init; mount -t tmpfs -o size=1m,nr_inodes=1,mode=700 small /var/lib/azure-init"
      ),
    repair: uncrowd("/var/lib/azure-init"),
    ends: "failed",
    reason: /var\/lib\/azure-init/
  },
  {
    group: "read-only",
    name: "/etc",
    arrange: readOnly("/etc"),
    repair: writable("/etc"),
    ends: "failed",
    keys: false,
    reason: /useradd/
  },
  {
    group: "read-only",
    name: "/home",
    arrange: readOnly("/home"),
    repair: writable("/home"),
    ends: "failed",
    keys: false,
    reason: /home/
  },
  {
    group: "read-only",
    name: "/var",
    arrange: readOnly("/var"),
    repair: writable("/var"),
    ends: "failed",
    reason: /var\/lib\/azure-init/,
    kvp: false
  },
  {
    group: "read-only",
    name: "/etc, /home and /var",
    arrange: readOnly("/etc", "/home", "/var"),
    repair: writable("/etc", "/home", "/var"),
    ends: "failed",
    keys: false,
    kvp: false,
    reason: /useradd/
  },
  { group: "lock", name: "/etc/passwd is locked for 3 s", arrange: holdLock(3), ends: "ready", within: 60_000 },
  {
    group: "lock",
    name: "/etc/passwd is locked for the whole boot",
    arrange: holdLock(600),
    repair: (host) => host.shell("rm -f /etc/passwd.lock"),
    ends: "failed",
    keys: false,
    reason: /useradd.*lock/s,
    within: 60_000
  },
  {
    group: "lock",
    name: "a dead process has left /etc/passwd locked",
    arrange: (host) => host.shell("for file in passwd shadow group; do printf 99999 >/etc/$file.lock; done"),
    ends: "ready",
    within: 60_000
  },
  {
    group: "environment",
    name: "DNS, proxies, locale, time zone and run-time options are nonsense",
    arrange: (host) =>
      host.shell("rm -f /etc/resolv.conf; printf 'nameserver 192.0.2.1\\noptions timeout:30\\n' >/etc/resolv.conf"),
    boot: (host, agent) => host.run(agent, { environment: nonsense }),
    ends: "ready"
  },
  {
    group: "environment",
    name: "no environment at all",
    boot: (host, agent) => host.run(["env", "-i", ...agent]),
    ends: "ready"
  },
  {
    group: "environment",
    name: "standard input, output and error are closed",
    boot: (host, agent) => host.run(["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "closed", ...agent]),
    ends: "ready"
  },
  {
    group: "environment",
    name: "standard error is a pipe that is full and read by nobody",
    boot: (host, agent) =>
      host.run([
        "sh",
        "-c",
        `mkfifo /run/full; exec 3<>/run/full
        dd if=/dev/zero of=/run/full bs=4096 oflag=nonblock 2>/dev/null
        AZURE_INIT_LOG=trace exec "$@" 2>&3`,
        "full",
        ...agent
      ]),
    ends: "ready"
  },
  {
    group: "environment",
    name: "standard error is a socket that is full and read by nobody, as of a journal that stands still",
    boot: (host, agent) =>
      host.run([
        "perl",
        "-MSocket",
        "-MIO::Handle",
        "-e",
        `socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0) or die;
        $theirs->blocking(0); 1 while syswrite($theirs, "x" x 4096); $theirs->blocking(1);
        my $pid = fork(); if ($pid) { waitpid($pid, 0); exit($? >> 8) }
        $ENV{AZURE_INIT_LOG} = "trace"; open(STDERR, ">&", $theirs); exec(@ARGV)`,
        ...agent
      ]),
    ends: "ready"
  },
  {
    group: "environment",
    name: "umask 0777",
    boot: (host, agent) => host.run(["sh", "-c", "umask 0777; exec \"$@\"", "umask", ...agent]),
    ends: "ready"
  },
  { group: "clock", name: "1970", boot: atTime("@1970-01-01 00:00:01"), ends: "ready" },
  { group: "clock", name: "2100", boot: atTime("@2100-01-01 00:00:00"), ends: "ready" },
  { group: "clock", name: "it jumps by decades, all the time", boot: jumping, ends: "ready" },
  {
    group: "clock",
    name: "it jumps while IMDS and WireServer fail at first",
    answers: {
      imds: [{ status: 503, body: "" }, { reset: "headers" }, {}],
      health: [{ status: 503, body: "" }, { hang: "headers" }, {}]
    },
    boot: jumping,
    ends: "ready"
  },
  {
    group: "clock",
    name: "it jumps while IMDS fails for the whole boot",
    answers: { imds: [{ status: 503, body: "" }] },
    settings: settings({ imds: 1 }),
    boot: jumping,
    ends: "ready"
  },
  {
    group: "two agents",
    name: "at the same time",
    boot: async (host, agent) => {
      const [first, second] = await Promise.all([host.run(agent), host.run(agent)])
      return first.status === 0 ? second : first
    },
    ends: "ready"
  },
  ...obstructed,
  planted("authorized_keys is a link to a file of root's", `${mkdirSsh}; ln -s /etc/victim .ssh/authorized_keys`),
  planted(
    "authorized_keys is a link to a file that is not there",
    `${mkdirSsh}; ln -s /etc/cron.d/new .ssh/authorized_keys`
  ),
  planted(
    "authorized_keys is a hard link to a file of root's",
    `${mkdirSsh}; ln /etc/victim .ssh/authorized_keys`
  ),
  planted("authorized_keys is a FIFO", `${mkdirSsh}; mkfifo .ssh/authorized_keys`),
  planted(".ssh is a link to root's", "ln -s /root/.ssh .ssh"),
  planted(
    "authorized_keys is open to everybody",
    `${mkdirSsh}; chmod 777 .ssh; echo '${owner.publicKey}' >.ssh/authorized_keys; chmod 666 .ssh/authorized_keys; chown ${username}: .ssh/authorized_keys`
  )
]
