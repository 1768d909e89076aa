/** The part of Node's `process` that tests use, for the boot runtime; the agent itself does without. */
Object.assign(globalThis, {
  process: {
    argv: natives.argv,
    env: { ...natives.env },
    pid: natives.pid,
    getuid: natives.getuid,
    geteuid: natives.geteuid,
    getgid: natives.getgid,
    cwd: natives.cwd
  }
})
