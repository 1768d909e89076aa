import { assert, describe, it } from "@effect/vitest"
import { agents } from "../../fabric/host.ts"
import { boot, kvpOf, onMachine, playbook } from "./hosts/overlay.ts"

/**
 * The record that the holder of the lock writes first, as the daemon has it: 512 bytes for the key, 2048 for the value.
 */
const recordLength = 2560

/**
 * Does as hv_kvp_daemon does: locks the whole pool by fcntl(2), and by nothing else, and writes a record. Holds the
 * lock for 2 s, and says in /run/size how large the pool was in the end.
 */
const daemon = `
  use Fcntl qw(:DEFAULT :seek);
  my $pool = "/var/lib/hyperv/.kvp_pool_1";
  sysopen(my $file, $pool, O_RDWR | O_CREAT, 0644) or die "$pool: $!";
  # struct flock of 64-bit Linux: l_type, l_whence, padding, l_start, l_len, l_pid.
  my $lock = pack("s s x4 q q i x4", F_WRLCK, SEEK_SET, 0, 0, 0);
  fcntl($file, F_SETLK, $lock) or die "fcntl: $!";
  syswrite($file, pack("a512 a2048", "HostName", "host-1"));
  open(my $held, ">", "/run/held"); close($held);
  sleep(2);
  open(my $size, ">", "/run/size"); print $size -s $pool; close($size);
`

describe("the KVP pool", () => {
  it("is left alone while somebody holds a lock of fcntl(2) on it, and gets all records after that", () =>
    onMachine({ playbook: playbook() }, async (host) => {
      const holding = host.run(["perl", "-e", daemon])
      await host.shell("for i in $(seq 500); do [ -e /run/held ] && exit; sleep 0.02; done; exit 1")
      await boot(host, agents.executable)
      const held = await holding
      assert.strictEqual(held.status, 0, held.stderr)
      assert.strictEqual(await host.shell("cat /run/size"), String(recordLength))
      const { entries, report } = await kvpOf(host)
      assert.deepInclude(entries[0], { key: "HostName", value: "host-1" })
      assert.match(report ?? "", /^result=success\|/)
    }))
})
