import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { agents, repository } from "../../fabric/host.ts"
import type { BrokenAgent } from "./broken/agent.ts"
import { discFaults } from "./matrix/disc.ts"
import { type Fault, tryBy } from "./matrix/Fault.ts"
import { machineFaults } from "./matrix/machine.ts"
import { platformFaults } from "./matrix/platform.ts"

const agent = (name: BrokenAgent): ReadonlyArray<string> => [
  agents.bundle[0],
  join(repository, "test/e2e/broken/agent.ts"),
  name
]

const row = (name: string): Fault => {
  const found = [...platformFaults, ...discFaults, ...machineFaults].find((fault) =>
    `${fault.group}: ${fault.name}` === name
  )
  if (found === undefined) throw new Error(`There is no row ${name}`)
  return found
}

const catches: ReadonlyArray<readonly [BrokenAgent, string, string]> = [
  [
    "marker-before-ready",
    "WireServer: down for the whole boot",
    "the VM is marked as provisioned, and Azure has not accepted Ready"
  ],
  [
    "key-through-link",
    "hostile home: authorized_keys is a link to a file of root's",
    "something was written through a link of the user's"
  ],
  ["password-in-log", "nothing: goes wrong", "a secret of the disc is in /var/log/azure-init.log"],
  ["password-as-argument", "nothing: goes wrong", "a secret of the disc is in /run/helpers.log"],
  ["ready-whatever-happened", "helper: chpasswd fails", "it should end failed"]
]

describe.each(catches)("an agent with %s", (name, of, problem) => {
  it(`is caught by ${of}`, async () => {
    const fault = row(of)
    const { problems } = await tryBy(fault, agent(name))
    assert.isTrue(problems.some((each) => each.includes(problem)), JSON.stringify(problems))
  })

  it(`would not be, had it that layer as it should be (${of})`, async () => {
    assert.deepStrictEqual((await tryBy(row(of), agent("intact"))).problems, [])
  })
})
