import type * as Option from "effect/Option"
import type { Settings } from "./Settings.ts"

/** What the documentation says of a key, in Markdown with code as its only markup. */
export interface KeyHelp {
  /** What the key does, in one sentence. */
  readonly does: string
  /** Microsoft's azure-init has no such key. */
  readonly extension?: true
}

/** What the documentation says of a key that has no default value. */
export interface OptionalKeyHelp extends KeyHelp {
  /** What counts when the key is not set. */
  readonly unset: string
  readonly example: string
}

type HelpOf<A> = A extends Option.Option<unknown> ? OptionalKeyHelp : KeyHelp

/**
 * What each key of the settings does. The documents and the JSON Schema are made of it; no program of a boot imports
 * it.
 */
export const settingsHelp: {
  readonly [Name in keyof Settings]: Settings[Name] extends Option.Option<unknown> ? OptionalKeyHelp
    : { readonly [Key in keyof Settings[Name]]: HelpOf<Settings[Name][Key]> }
} = {
  distribution: {
    does: "Which distribution's layers to use.",
    unset: "told by `/etc/os-release`",
    example: "base",
    extension: true
  },
  ssh: {
    authorizedKeysPath: { does: "Where keys go when sshd is not asked or does not answer." },
    querySshdConfig: { does: "Ask `sshd -G`, or `sshd -T`, where it looks for keys." },
    configureSshdPasswordAuthentication: { does: "Make sshd accept or refuse passwords, as Azure asks." }
  },
  hostnameProvisioners: {
    backends: {
      does:
        "Tried in order until one succeeds: `file` (`/etc/hostname` and the kernel; not in Microsoft's azure-init), "
        + "`hostnamectl` (systemd-hostnamed); on Flatcar `file` always comes first."
    }
  },
  userProvisioners: {
    backends: {
      does: "Tried in order until one succeeds: `useradd` (shadow-utils), `adduser` (BusyBox; not in Microsoft's "
        + "azure-init)."
    },
    groups: {
      does: "Groups of the administrator, unless `--groups` or `AZURE_INIT_USER_GROUPS` names some.",
      extension: true
    },
    createMissingGroups: {
      does: "Create groups that do not exist; otherwise the account is created without them and the VM is reported as "
        + "failed, naming them.",
      extension: true
    }
  },
  passwordProvisioners: {
    backends: { does: "Tried in order until one succeeds." },
    allow: {
      does: "Set a password that Azure gives; otherwise the account is locked, and only SSH keys let its owner in.",
      extension: true
    }
  },
  imds: {
    endpoint: { does: "Where IMDS is.", extension: true },
    connectionTimeout: { does: "Deadline of each connection." },
    requestTimeout: { does: "Deadline of each request, its body included." },
    retryInterval: { does: "Pause between attempts." },
    totalRetryTimeout: { does: "Deadline of all attempts; `Retry-After` is honoured within it." },
    graceWithMedia: {
      does: "How long IMDS may take after a complete disc has been read; then the disc is used alone; `0` waits as "
        + "without a disc.",
      extension: true
    }
  },
  provisioningMedia: { enable: { does: "Look for the provisioning disc and its `ovf-env.xml`." } },
  azureProxyAgent: { enable: { does: "Accepted without effect, as in Microsoft's azure-init." } },
  wireserver: {
    connectionTimeout: { does: "Deadline of each connection." },
    readTimeout: { does: "Deadline of each report, its answer included." },
    retryInterval: {
      does: "Pause between attempts; Microsoft's azure-init takes the connection timeout.",
      extension: true
    },
    totalRetryTimeout: { does: "Deadline of all attempts at one report." },
    healthEndpoint: { does: "Where reports go." },
    reportInProgress: { does: "Tell Azure that provisioning has begun, before it ends.", extension: true }
  },
  telemetry: {
    kvpDiagnostics: {
      does: "Write to the KVP pool that the host reads; `false` leaves the pool untouched, and the report is not in it."
    },
    kvpFilter: {
      does: "What goes to the KVP pool, unless `AZURE_INIT_KVP_FILTER` is set; the report always does.",
      unset: "`azure_init=info,libazureinit=info`",
      example: "azure_init=info,libazureinit=info"
    }
  },
  azureInitDataDir: { path: { does: "Directory of the markers of provisioned VMs." } },
  azureInitLogPath: { path: { does: "The log file (mode 0600)." } }
}
