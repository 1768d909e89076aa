import { assert, describe, it } from "@effect/vitest"
import { exitStatusOf, type Reportable } from "../../src/domain/Reportable.ts"
import { FileError } from "../../src/errors/FileError.ts"
import { HostnameError } from "../../src/errors/HostnameError.ts"
import { ImdsError } from "../../src/errors/ImdsError.ts"
import { KvpError } from "../../src/errors/KvpError.ts"
import { LoginRefusedError } from "../../src/errors/LoginRefusedError.ts"
import { MediaError } from "../../src/errors/MediaError.ts"
import { PasswordError } from "../../src/errors/PasswordError.ts"
import {
  InvalidFieldError,
  NoAccessError,
  PasswordNotAllowedError,
  UsernameMissingError
} from "../../src/errors/PlanError.ts"
import { SettingsError } from "../../src/errors/SettingsError.ts"
import { SshdConfigError, SshKeysError, SshKeysUnreadError } from "../../src/errors/SshError.ts"
import { SubprocessError } from "../../src/errors/SubprocessError.ts"
import { UnhandledError } from "../../src/errors/UnhandledError.ts"
import { UserError, UserMissingError } from "../../src/errors/UserError.ts"
import { VmIdentityError } from "../../src/errors/VmIdentityError.ts"
import { WireServerError } from "../../src/errors/WireServerError.ts"

const url = "http://169.254.169.254/metadata/instance"
const imds = (kind: ImdsError["kind"], status?: number) =>
  new ImdsError({ url, kind, detail: "detail", attempts: 3, ...(status === undefined ? {} : { status }) })
const endpoint = "http://168.63.129.16/provisioning/health"

/** Each error, its stable reason, and what its message has to name. */
const errors: ReadonlyArray<readonly [error: Reportable, reason: string, ...named: ReadonlyArray<string>]> = [
  // azure-init's (`error.rs`)
  [
    new SubprocessError({ command: ["false", "x"], status: "exit status: 1", stderr: "no" }),
    "subprocess failed",
    "\"false\" \"x\"",
    "exit status: 1",
    "no"
  ],
  [new FileError({ operation: "write", path: "/a", detail: "ENOSPC" }), "I/O error", "write /a", "ENOSPC"],
  [new KvpError({ operation: "lock", path: "/a", detail: "held" }), "I/O error", "lock", "/a", "held"],
  [new SshKeysError({ user: "u", path: "/a", detail: "link" }), "I/O error", "u", "/a", "link"],
  [new UserMissingError({ user: "u" }), "user not found", "u"],
  [new UsernameMissingError({ imds: "HTTP 403", media: "none" }), "failed to determine username", "HTTP 403", "none"],
  [
    new PasswordNotAllowedError({ user: "u" }),
    "provisioning with non-empty password is unsupported",
    "password_provisioners.allow"
  ],
  [new HostnameError({ hostname: "h", detail: "no bus" }), "failed to provision hostname", "h", "no bus"],
  [
    new UserError({ user: "u", operation: "create the account", detail: "full" }),
    "failed to provision user",
    "create the account",
    "full"
  ],
  [
    new PasswordError({ user: "u", operation: "lock", detail: "no passwd" }),
    "failed to provision password",
    "lock",
    "no passwd"
  ],
  [new SshdConfigError({ path: "/a", detail: "bad" }), "failed to update sshd config", "/a", "bad"],
  [
    new WireServerError({ endpoint, state: "Ready", detail: "late", attempts: 9 }),
    "operation timed out",
    endpoint,
    "Ready",
    "9"
  ],
  [
    new WireServerError({ endpoint, state: "Ready", detail: "HTTP 403", status: 403, attempts: 1 }),
    "http status error",
    "HTTP 403"
  ],
  [new UnhandledError({ detail: "what happened" }), "unhandled error", "unhandled error: what happened"],
  // cloud-init's, where azure-init has none (`azure/errors.py`)
  [imds("http", 500), "http error 500 querying IMDS", url, "3"],
  [imds("connection"), "connection error querying IMDS", url],
  [imds("timeout"), "connection timeout querying IMDS", url],
  [imds("document"), "error parsing IMDS metadata", url],
  [
    new MediaError({ device: "/dev/sr0", kind: "parse", detail: "twice" }),
    "error parsing ovf-env.xml",
    "/dev/sr0",
    "twice"
  ],
  [
    new MediaError({ device: "/dev/sr0", kind: "accept", detail: "unsupported password length=80 max=72" }),
    "unsupported password length=80 max=72",
    "/dev/sr0"
  ],
  [
    new InvalidFieldError({ field: "compute.x", source: "IMDS", found: "-rf", length: 3, expected: "a name" }),
    "invalid IMDS metadata for key=compute.x",
    "\"-rf\"",
    "a name"
  ],
  [new VmIdentityError({ path: "/sys/x", detail: "none" }), "failure to identify Azure VM ID", "/sys/x"],
  // our own
  [
    new SshKeysUnreadError({ user: "u", setting: "none", places: ["/a:1"] }),
    "sshd reads no authorized keys file",
    "u",
    "AuthorizedKeysFile none",
    "/a:1"
  ],
  [
    new MediaError({ device: "/dev/sr0", kind: "mount", detail: "busy" }),
    "failed to read provisioning media",
    "/dev/sr0",
    "busy"
  ],
  ...([
    ["system account", "administrator is a system account"],
    ["shell", "administrator has no login shell"],
    ["expired", "administrator account has expired"],
    ["inactive", "administrator account is inactive"],
    ["password change", "administrator must change the password first"],
    ["locked", "administrator account is locked"],
    ["nologin", "logins are disabled by /etc/nologin"],
    ["root login", "sshd does not permit root logins"],
    ["user list", "sshd does not allow the administrator"],
    ["methods", "sshd does not take the administrator's credentials"]
  ] as const).map(([kind, reason]) =>
    [
      new LoginRefusedError({ user: "u", kind, detail: "do this" }),
      reason,
      "nobody can log in as u",
      "do this"
    ] as const
  ),
  [new NoAccessError({ user: "u", detail: "no key" }), "no usable SSH key or password", "u", "no key"],
  [
    new SettingsError({ problems: [{ file: "/a", line: 2, key: "b.c", found: "1", expected: "true" }] }),
    "failed to load configuration",
    "/a:2: b.c: found 1, expected true"
  ]
]

describe("errors", () => {
  it("every error ends the agent with 1, but for the two with which azure-init ends with 78", () => {
    const misconfiguring = errors.filter(([error]) => exitStatusOf([error]) === 78).map(([{ _tag }]) => _tag)
    assert.deepStrictEqual(misconfiguring, ["UserMissingError", "PasswordNotAllowedError"])
    const others = errors.filter(([{ _tag }]) => !misconfiguring.includes(_tag)).map(([error]) => error)
    assert.deepStrictEqual(others.map((error) => exitStatusOf([error])), others.map(() => 1))
    const [first = assert.fail("there are no errors"), ...rest] = errors.map(([error]) => error)
    assert.strictEqual(exitStatusOf([first, ...rest]), 78)
  })

  for (const [error, reason, ...named] of errors) {
    it(`${error._tag} is reported as ${JSON.stringify(reason)} and says what happened`, () => {
      assert.strictEqual(error.reason, reason)
      for (const part of named) assert.include(error.message, part)
      assert.isNotEmpty(error.supporting)
      for (const [key, value] of error.supporting) {
        assert.match(key, /^[a-z_]+$/)
        assert.isNotEmpty(value)
      }
    })
  }
})
