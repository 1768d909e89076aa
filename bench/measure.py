# Runs a command and prints, as JSON, what it took. Standard output and error of the command go to the file ARGV[1].
#
#     measure.py OUTPUT COMMAND ARGUMENT...
#
# began       seconds since 1970 at exec
# seconds     from exec to exit
# cpu         seconds of user and system time, helpers included: wait4(2) counts those that the command has waited for
# memory      KiB, the peak of the command alone (VmHWM of proc_pid_status(5)), read every 3 ms as long as it runs
# largest     KiB, the peak of the largest of all its processes (ru_maxrss); Python's own 10 MiB at the least, which posix_spawn leaves in it
# cold        bytes that the kernel fetched from a disk for the command alone (read_bytes of proc_pid_io(5))
# status      exit status, negative for a signal
import json, os, signal, sys, threading, time

output, command = sys.argv[1], sys.argv[2:]
sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
null = os.open("/dev/null", os.O_RDONLY)
deadline = float(os.environ.pop("MEASURE_DEADLINE", "60"))
environment = {name: value for name, value in os.environ.items() if name not in ("LC_CTYPE",)}
began, clock = time.time(), time.monotonic()
pid = os.posix_spawnp(command[0], command, environment,
    file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, sink, 2)])
memory = 0

def watch():
    global memory
    while True:
        try:
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        memory = int(line.split()[1])
        except OSError:
            return
        if time.monotonic() - clock > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.003)

threading.Thread(target=watch, daemon=True).start()
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
seconds = time.monotonic() - clock
cold = 0
try:
    with open(f"/proc/{pid}/io") as io:
        for line in io:
            if line.startswith("read_bytes:"):
                cold = int(line.split()[1])
except OSError:
    cold = -1
_, status, used = os.wait4(pid, 0)
print(json.dumps({"began": began, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "memory": memory, "largest": used.ru_maxrss, "cold": cold,
    "status": os.waitstatus_to_exitcode(status)}))
