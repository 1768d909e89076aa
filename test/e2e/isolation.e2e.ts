/**
 * The demo changes nothing but its own throw-away machine, wherever it is started. It is started on a throw-away
 * machine itself, so that a demo that does harm does it there; no disc, and so no loop device, which namespaces would
 * share.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { assert, describe, it } from "vitest"
import { agents, type Host, type Outcome, repository, start } from "../../fabric/host.ts"
import { usualPlaybook } from "../../fabric/loadPlaybook.ts"

const demo = [agents.bundle[0], join(repository, "fabric/demo.ts")]

/** All that a demo could change: the disk, `/run`, `/tmp`, the mounts, the hostname and the processes. */
const stateOf = (host: Host): Promise<string> =>
  host.shell(`set -eu
    find /.written /run /tmp -type d -printf '%p %m %U:%G\\n' | sort
    find /.written /run /tmp ! -type d -printf '%p %y %m %U:%G %s %C@\\n' | sort
    cut -d' ' -f1-4 /proc/self/mounts
    hostname
    for each in /proc/[0-9]*; do
      case \${each#/proc/} in $$) ;; *) tr '\\0' ' ' <$each/cmdline 2>/dev/null | grep -v '^tr ' || true ;; esac
    done`)

/** Mounts that can be written to and are not in memory; a machine that had one would not be safe to try a demo on. */
const dangers = (host: Host): Promise<string> =>
  host.shell("awk '$3 !~ /^(overlay|tmpfs|proc|sysfs|devpts)$/ && $4 !~ /^ro,/' /proc/self/mounts")

/**
 * Runs the demo on a throw-away machine in the way of a script, which gets it as arguments; with what has changed
 * there.
 */
const demoOn = async (script: string): Promise<Outcome & { readonly before: string; readonly after: string }> => {
  const host = await start({ playbook: usualPlaybook })
  try {
    assert.strictEqual(await dangers(host), "")
    await host.shell("mkdir /inner; rm -f /usr/bin/genisoimage")
    const before = await stateOf(host)
    const ended = await host.run(["sh", "-euc", script, "demo", ...demo])
    return { ...ended, before, after: await stateOf(host) }
  } finally {
    await host.stop()
  }
}

/** Ways to start a demo in which it has all that it needs. */
const ways = {
  "on a plain machine": "exec \"$@\"",
  "in a chroot":
    "exec unshare --mount --propagation private sh -euc 'mount --rbind / /inner; exec chroot /inner \"$@\"' demo \"$@\"",
  "in namespaces of somebody else's":
    "exec unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child --mount-proc --propagation private \"$@\"",
  "in a chroot in another pid namespace":
    "exec unshare --mount --pid --fork --kill-child --mount-proc sh -euc 'mount --rbind / /inner; exec chroot /inner \"$@\"' demo \"$@\""
}

/** Ways to start a demo in which something is missing, and what it says then. */
const refusals = {
  "without CAP_SYS_ADMIN": {
    script: "exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \"$@\"",
    says: /Namespaces, mounts or device files are not permitted here .*start the container with --privileged/
  },
  "as the root of a user namespace": {
    script: "exec unshare --map-root-user --mount \"$@\"",
    says: /device files are not permitted here .*start the container with --privileged/
  },
  "in a chroot into a directory that is no mount": {
    script: `exec unshare --mount --propagation private sh -euc '
      mount -t tmpfs plain /inner
      mkdir /inner/plain
      for each in /*; do
        if [ -L "$each" ]; then cp -P "$each" /inner/plain/
        elif [ -d "$each" ] && [ "$each" != /inner ]; then
          mkdir "/inner/plain$each"
          mount --rbind "$each" "/inner/plain$each"
        fi
      done
      exec chroot /inner/plain "$@"' demo "$@"`,
    says: /This chroot is no mount point: run mount --bind DIRECTORY DIRECTORY/
  }
}

describe("the demo", () => {
  it.each(Object.entries(ways))("changes its own machine alone when it is started %s", async (_, script) => {
    const { after, before, status, stderr, stdout } = await demoOn(script)
    assert.strictEqual(after, before, stdout + stderr)
    assert.strictEqual(status, 0, stdout + stderr)
    assert.include(stdout, "Provisioned once, Ready accepted once")
  })

  it.each(Object.entries(refusals))("says what it needs, and changes nothing, %s", async (_, { says, script }) => {
    const { after, before, status, stderr, stdout } = await demoOn(script)
    assert.strictEqual(after, before, stdout + stderr)
    assert.strictEqual(status, 1, stdout + stderr)
    assert.match(stdout + stderr, says)
    assert.notInclude(stdout + stderr, "    at ", "no stack trace")
  })
})

describe("a machine", () => {
  it.each(["echo other", ":"])("is not entered when its mark is gone (%s)", async (other) => {
    const host = await start({ playbook: usualPlaybook })
    try {
      // From outside nobody can put it right any more, so that a process of the machine does.
      await host.shell(
        `mark=$(cat /.throw-away-machine)
        { sleep 3; echo "$mark" >/.throw-away-machine; } >/dev/null 2>&1 </dev/null &
        ${other} >/.throw-away-machine`
      )
      const problem = await host.shell("touch /tmp/entered").then(() => "none", (error: unknown) => String(error))
      assert.match(
        problem,
        /^Error: refusing to run a command: this is not the throw-away machine that was made for it/
      )
      await sleep(4000)
      assert.strictEqual(await host.shell("ls /tmp"), "")
    } finally {
      await host.stop()
    }
  })
})
