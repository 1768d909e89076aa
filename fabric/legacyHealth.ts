import * as Result from "effect/Result"
import { goalState } from "./documents.ts"
import { maximumDescription } from "./platform.ts"
import { find, parseXml } from "./xml.ts"

/** Where a report names what the goal state has named, and what it has to be. */
const names: ReadonlyArray<readonly [path: ReadonlyArray<string>, value: string]> = [
  [["GoalStateIncarnation"], goalState.incarnation],
  [["Container", "ContainerId"], goalState.containerId],
  [["Container", "RoleInstanceList", "Role", "InstanceId"], goalState.instanceId]
]

/**
 * What is wrong with a report to the older health endpoint (the XML document of cloud-init's and WALinuxAgent's), if
 * anything: it has to name the present goal state, a state of `Ready` or `NotReady`, and for the latter a substatus and
 * a description of at most 4096 bytes.
 */
export const problemOfLegacyReport = async (
  contentType: string | undefined,
  body: string
): Promise<string | undefined> => {
  if (!contentType?.startsWith("text/xml")) return "Content-Type is not text/xml"
  const parsed = await parseXml(body)
  if (Result.isFailure(parsed)) return `the body is not XML: ${parsed.failure}`
  const root = parsed.success
  if (root.name !== "Health") return "the document is not Health"
  for (const [path, expected] of names) {
    const found = find(root, ...path)?.text.trim()
    if (found === undefined) return `${path.join("/")} is missing`
    if (found !== expected) return `${path.join("/")} is not the goal state's`
  }
  const health = find(root, "Container", "RoleInstanceList", "Role", "Health")
  if (health === undefined) return "Container/RoleInstanceList/Role/Health is missing"
  const state = find(health, "State")?.text.trim()
  if (state === "Ready") return undefined
  if (state !== "NotReady") return "State is neither Ready nor NotReady"
  const subStatus = find(health, "Details", "SubStatus")?.text.trim()
  if (subStatus !== "Provisioning" && subStatus !== "ProvisioningFailed") return "Details/SubStatus is unknown"
  const description = find(health, "Details", "Description")?.text
  if (description === undefined) return "Details/Description is missing"
  return Buffer.byteLength(description) > maximumDescription
    ? `Details/Description has more than ${maximumDescription} bytes`
    : undefined
}
