import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { defaults } from "../../src/domain/Settings.ts"
import { renderSettings } from "../../src/domain/SettingsDocument.ts"
import { FileError } from "../../src/errors/FileError.ts"
import { HostnameError } from "../../src/errors/HostnameError.ts"
import type { SettingsProblem } from "../../src/errors/SettingsError.ts"
import { UserMissingError } from "../../src/errors/UserError.ts"
import { VmIdentityError } from "../../src/errors/VmIdentityError.ts"
import { WireServerError } from "../../src/errors/WireServerError.ts"
import { ProvisioningState } from "../../src/services/ProvisioningState.ts"
import { group, makeAgent, metadata, vmId } from "../support/agent.ts"
import { type Entry, logging } from "../support/logged.ts"
import { telling, type Told } from "../support/told.ts"

const notAccepted = new WireServerError({
  endpoint: "http://168.63.129.16/provisioning/health",
  state: "Ready",
  detail: "HTTP 503",
  status: 503,
  attempts: 600
})

const problem: SettingsProblem = {
  file: "/etc/azure-init.toml",
  line: 3,
  key: "imds.x",
  found: "-1",
  expected: "seconds"
}
const problemText = "/etc/azure-init.toml:3: imds.x: found -1, expected seconds"
const whole: SettingsProblem = { file: "/etc/b.toml", found: "no file", expected: "one" }

type Agent = ReturnType<typeof makeAgent>

/** Boots once: what is logged, but for the settings and the report, and how the agent ends. */
const booted = Effect.fnUntraced(function*(agent: Agent) {
  const logged: Array<Entry> = []
  const ended = yield* Effect.result(logging(logged, agent.run))
  return {
    status: Result.match(ended, { onSuccess: () => 0, onFailure: ({ status }) => status }),
    last: Result.match(ended, { onSuccess: () => "", onFailure: ({ message }) => message }),
    logged: logged.filter(([, message]) =>
      message !== "The settings in force" && message !== "The report on this boot"
    ),
    all: logged
  }
})

const versions = ["Info", "Kernel Version: 6.1.0-test, OS Version: 12, Azure-Init Version: 0.1.1"] as const
const noMedia = ["Info", "There is no provisioning media, using IMDS alone"] as const
const complete = ["Info", "Provisioning is complete"] as const

/** A state of which one part is replaced; nothing is known of the VM otherwise. */
const stateWith = (parts: Partial<ProvisioningState["Service"]>) =>
  Layer.succeed(ProvisioningState, {
    progress: () => Effect.succeed("unprovisioned"),
    markConfigured: () => Effect.void,
    markReported: () => Effect.void,
    clean: Effect.succeed([]),
    lock: () => Effect.void,
    ...parts
  })

describe("provision: what a boot logs", () => {
  it.effect("tells settings, versions, sources, the report and the end of a first boot", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsFiles: ["/usr/a.toml", "/etc/b.toml"], settingsWarnings: [problem, whole] })
      const { all, status } = yield* booted(agent)
      assert.strictEqual(status, 0)
      const unknown = "A setting is not known and has no effect"
      assert.deepStrictEqual(all, [
        ["Info", "The settings in force", { files: "/usr/a.toml /etc/b.toml", settings: renderSettings(defaults) }],
        ["Warn", unknown, { problem: problemText }],
        ["Warn", unknown, { problem: "/etc/b.toml: found no file, expected one" }],
        versions,
        noMedia,
        ["Info", "The report on this boot", { health_report: agent.report() }],
        complete
      ])
    }))

  it.effect("tells nothing but the settings of a VM that was reported", () =>
    Effect.gen(function*() {
      const { all } = yield* booted(makeAgent({ state: { progress: { [vmId]: "reported" } } }))
      assert.deepStrictEqual(all.map(([, message]) => message), ["The settings in force"])
    }))

  it.effect("warns of an unknown VM and of a platform that is not Azure", () =>
    Effect.gen(function*() {
      const { logged } = yield* booted(makeAgent({
        vmId: new VmIdentityError({ path: "/sys/uuid", detail: "no such file" }),
        platform: "other"
      }))
      assert.deepStrictEqual(logged, [
        [
          "Warn",
          "This VM's id is unknown: its marker counts for its clones as well",
          { error: "cannot read the VM id from /sys/uuid: no such file" }
        ],
        ["Warn", "The chassis asset tag is not Azure's: going on all the same"],
        versions,
        noMedia,
        complete
      ])
    }))

  it.effect("does not warn of a platform whose tag cannot be read", () =>
    Effect.gen(function*() {
      const { logged } = yield* booted(makeAgent({ platform: "unknown" }))
      assert.deepStrictEqual(logged, [versions, noMedia, complete])
    }))
})

describe("provision: how a failed boot ends", () => {
  it.effect("logs each step's failure, then all of them, and ends with them", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ hostname: [{ failure: "no bus" }], password: { fails: "passwd is missing" } })
      const { last, logged, status } = yield* booted(agent)
      const [password, hostname] = [
        "cannot lock the password of azureuser: passwd is missing",
        new HostnameError({ hostname: "labvm", detail: "no bus" }).message
      ]
      assert.strictEqual(status, 1)
      assert.strictEqual(last, `${password}; ${hostname}`)
      assert.sameDeepMembers(logged.slice(2, 4), [
        ["Error", "A part of provisioning failed", { error: hostname }],
        ["Error", "A part of provisioning failed", { error: password }]
      ])
      assert.deepStrictEqual(logged.slice(4), [["Error", `Provisioning failed: ${password}; ${hostname}`]])
    }))

  it.effect("says that Azure does not know when it does not take the failure", () =>
    Effect.gen(function*() {
      const { logged, status } = yield* booted(
        makeAgent({ hostname: [{ failure: "no bus" }], wireServer: [notAccepted] })
      )
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(logged.at(-1), [
        "Error",
        "Azure does not know of the failure",
        { error: notAccepted.message }
      ])
    }))

  it.effect("says that the next boot reports when Azure has not taken Ready", () =>
    Effect.gen(function*() {
      const { last, logged, status } = yield* booted(makeAgent({ wireServer: [notAccepted] }))
      const why = "The VM is configured, but not reported: the next boot reports again"
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(logged, [versions, noMedia, ["Error", why, { error: notAccepted.message }]])
      assert.strictEqual(last, `${why}: ${notAccepted.message}`)
    }))

  it.effect("says that the next boot reports once more when the marker cannot be written", () =>
    Effect.gen(function*() {
      const { last, logged, status } = yield* booted(makeAgent({ state: { full: "reported" } }))
      const why = "Azure has accepted Ready, and the next boot will report it again"
      const error = `cannot write ${vmId}.reported: no space left on device`
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(logged, [versions, noMedia, ["Error", why, { error }]])
      assert.strictEqual(last, `${why}: ${error}`)
    }))

  it.effect("joins every problem of the settings for a VM that is provisioned already", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsErrors: [problem, whole], state: { progress: { [vmId]: "reported" } } })
      const { last, logged, status } = yield* booted(agent)
      const texts = `${problemText}; /etc/b.toml: found no file, expected one`
      const why = "The settings are wrong, and this VM is provisioned already"
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(logged, [
        ["Error", "A setting is wrong, nothing is provisioned", { problem: problemText }],
        ["Error", "A setting is wrong, nothing is provisioned", {
          problem: "/etc/b.toml: found no file, expected one"
        }],
        ["Error", why, { error: texts }]
      ])
      assert.strictEqual(last, `${why}: ${texts}`)
    }))

  it.effect("reports wrong settings of a VM that is configured and not reported", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ settingsErrors: [problem], state: { progress: { [vmId]: "configured" } } })
      const { last } = yield* booted(agent)
      assert.strictEqual(last, problemText)
      assert.deepStrictEqual(agent.wireServer.calls.map(({ report }) => report), ["failed"])
    }))

  it.effect("ends with 78 when one of several failures is that the user is missing", () =>
    Effect.gen(function*() {
      const { status } = yield* booted(makeAgent({
        hostname: [{ failure: "no bus" }],
        user: { ensureError: new UserMissingError({ user: "azureuser" }) }
      }))
      assert.strictEqual(status, 78)
    }))

  it.effect("names the groups that the environment has wrong, and whose they were", () =>
    Effect.gen(function*() {
      const expected = ": AZURE_INIT_USER_GROUPS: expected names of 1 to 32 letters, digits, '_', '.' or '-', "
        + "separated by commas"
      const wrongGroups = ["domain users", "a b"]
      const one = yield* booted(makeAgent({ groups: [group("adm")], wrongGroups }))
      assert.strictEqual(one.last, `cannot join the groups domain users, a b for the user azureuser${expected}`)
      const nobody = yield* booted(makeAgent({ imds: [{ ...metadata, adminUsername: "" }], wrongGroups }))
      assert.isTrue(nobody.last.endsWith(
        `media: there is none; cannot join the groups domain users, a b for the user nobody${expected}`
      ))
    }))

  it.effect("reports every failure in the order of the plan, the groups, the work and the disc", () =>
    Effect.gen(function*() {
      const { last } = yield* booted(makeAgent({
        imds: [{ ...metadata, computerName: "a_b" }],
        wrongGroups: ["a b"],
        password: { fails: "passwd is missing" }
      }))
      assert.match(last, /^IMDS: [^;]*; cannot join [^;]*; cannot lock [^;]*$/)
    }))
})

describe("provision: a second agent and defects", () => {
  it.effect("waits 60 seconds for another agent, then leaves the VM to it", () =>
    Effect.gen(function*() {
      const { last, logged, status } = yield* booted(makeAgent({ state: { locked: true } }))
      const why = "Another agent is at work on this VM: leaving it to that one"
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(logged, [["Error", why, { error: "cannot lock lock: somebody else holds it" }]])
      assert.strictEqual(last, `${why}: cannot lock lock: somebody else holds it`)
      const waits: Array<unknown> = []
      yield* makeAgent({ instead: stateWith({ lock: (wait) => Effect.sync(() => void waits.push(wait)) }) }).boot
      assert.deepStrictEqual(waits, ["60 seconds"])
    }))

  it.effect("provisions with a warning when there can be no lock", () =>
    Effect.gen(function*() {
      const unwritable = new FileError({ operation: "lock", path: "/run/lock", detail: "EROFS", code: "EROFS" })
      const agent = makeAgent({ instead: stateWith({ lock: () => Effect.fail(unwritable) }) })
      const { logged, status } = yield* booted(agent)
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(logged, [
        ["Warn", "Cannot keep a second agent out, going on", { error: unwritable.message }],
        versions,
        noMedia,
        complete
      ])
    }))

  it.effect("holds the lock until Azure has accepted Ready", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const note = (what: string) => Effect.sync(() => void order.push(what))
      const lock = () => Effect.asVoid(Effect.acquireRelease(note("locked"), () => note("unlocked")))
      yield* makeAgent({ instead: stateWith({ lock, markReported: () => note("reported") }) }).boot
      assert.deepStrictEqual(order, ["locked", "reported", "unlocked"])
    }))

  it.effect("reports a defect before Ready, with its cause", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ instead: stateWith({ progress: () => Effect.die(new Error("a torn page")) }) })
      const { last, status } = yield* booted(agent)
      assert.strictEqual(status, 1)
      assert.match(last, /^unhandled error: Error: a torn page/)
      assert.deepStrictEqual(agent.wireServer.calls.map(({ report }) => report), ["failed"])
      assert.include(agent.report(), "|reason=unhandled error|")
    }))

  it.effect("tells Azure nothing of a defect after Ready was accepted", () =>
    Effect.gen(function*() {
      const agent = makeAgent({ instead: stateWith({ markReported: () => Effect.die(new Error("a torn page")) }) })
      yield* Effect.exit(agent.run)
      assert.deepStrictEqual(agent.wireServer.calls.map(({ report }) => report), ["ready"])
    }))
})

describe("provision: spans", () => {
  it.effect("have azure-init's names, each inside the one that azure-init has around it", () =>
    Effect.gen(function*() {
      const told: Told = { logged: [], spans: [] }
      yield* telling(told, makeAgent().run)
      const nested = told.spans.map(({ name, parent }) =>
        `${Option.match(parent, { onNone: () => "", onSome: (of) => of._tag === "Span" ? of.name : "?" })} > ${name}`
      )
      assert.sameMembers(nested, [
        " > azure_init:provision",
        "azure_init:provision > azure_init:get_environment",
        "azure_init:provision > azure_init:get_username",
        "azure_init:provision > provision:provision",
        "provision:provision > provision:provision_core",
        "provision:provision > provision:update_ssh_config",
        "provision:provision_core > provision:set_hostname",
        "provision:provision_core > provision:create_user",
        "provision:provision > provision:provision_ssh_keys"
      ])
    }))
})
