import type { Target } from "./target.ts"
import { getent, passwd, shadow } from "./targets/accounts.ts"
import { identity, names } from "./targets/identity.ts"
import { kvp } from "./targets/kvp.ts"
import { http, imds, ovf } from "./targets/platform.ts"
import { playbook } from "./targets/playbook.ts"
import { logFilter, toml } from "./targets/settings.ts"
import { keys, sshd, sshdConfig } from "./targets/ssh.ts"

/** The decoders of the agent that meet bytes of others. */
export const agentTargets: ReadonlyArray<Target> = [
  ovf,
  imds,
  http,
  toml,
  kvp,
  keys,
  sshd,
  sshdConfig,
  passwd,
  getent,
  shadow,
  identity,
  names,
  logFilter
]

/** Those of the agent and the fabric. */
export const targets: ReadonlyArray<Target> = [...agentTargets, playbook]
