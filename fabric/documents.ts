/** The documents that the platform answers with. */
import type { DocumentName } from "./documentNames.ts"
import type { Instance } from "./playbook.ts"

/** A document and its headers, names in lower case. */
export interface Document {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A document as IMDS sends them. */
export const json = (value: unknown): Document => ({
  headers: { "content-type": "application/json; charset=utf-8" },
  body: JSON.stringify(value)
})

/** A document as WireServer sends them. */
export const xml = (body: string): Document => ({
  headers: { "content-type": "text/xml; charset=utf-8" },
  body: `<?xml version="1.0" encoding="utf-8"?>\n${body}`
})

/** What the VM is unless its playbook says otherwise. */
const usual = {
  vmId: "5a2c8e1f-7d34-4b60-9f1a-c0ffee168631",
  location: "westeurope",
  vmSize: "Standard_D2s_v5"
} as const

const subscription = "00000000-0000-0000-0000-000000000000"
const resourceGroup = "fabric"

/**
 * The instance document, API version 2023-11-15, without what only `extended=true` shows; booleans are strings, as IMDS
 * writes them.
 */
export const basicInstanceDocument = (instance: Instance) => ({
  compute: {
    azEnvironment: "AzurePublicCloud",
    customData: "",
    evictionPolicy: "",
    isHostCompatibilityLayerVm: "false",
    licenseType: "",
    location: instance.location ?? usual.location,
    name: instance.hostname,
    offer: "",
    osProfile: {
      adminUsername: instance.username,
      computerName: instance.hostname,
      disablePasswordAuthentication: String(instance.disablePasswordAuthentication)
    },
    osType: "Linux",
    placementGroupId: "",
    plan: { name: "", product: "", publisher: "" },
    platformFaultDomain: "0",
    platformUpdateDomain: "0",
    priority: "",
    provider: "Microsoft.Compute",
    publicKeys: instance.keys.map((keyData) => ({
      keyData,
      path: `/home/${instance.username}/.ssh/authorized_keys`
    })),
    publisher: "",
    resourceGroupName: resourceGroup,
    resourceId:
      `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${instance.hostname}`,
    sku: "",
    subscriptionId: subscription,
    tags: "",
    tagsList: [],
    userData: "",
    version: "",
    vmId: instance.vmId ?? usual.vmId,
    vmScaleSetName: "",
    vmSize: instance.vmSize ?? usual.vmSize,
    zone: ""
  },
  network: {
    interface: [{
      ipv4: {
        ipAddress: [{ privateIpAddress: "10.0.0.4", publicIpAddress: "" }],
        subnet: [{ address: "10.0.0.0", prefix: "24" }]
      },
      ipv6: { ipAddress: [] },
      macAddress: "000D3A112233"
    }]
  }
})

/** The instance document with `extended=true`. */
export const instanceDocument = (instance: Instance) => ({
  ...basicInstanceDocument(instance),
  extended: { compute: { hasCustomData: false, ppsType: "None" } }
})

/** What the goal state names, and a report has to name again. */
export const goalState = {
  incarnation: "1",
  containerId: "2b8e1d3a-60f4-4c57-8e2b-9d10c0ffee63",
  instanceId: "fabric.0000._fabric_0"
} as const

/** The goal state (WireServer's protocol version 2012-11-30) of a VM that has no extensions and no certificates. */
export const goalStateDocument = (): Document =>
  xml(`<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="goalstate10.xsd">
  <Version>2012-11-30</Version>
  <Incarnation>${goalState.incarnation}</Incarnation>
  <Machine>
    <ExpectedState>Started</ExpectedState>
    <StopRolesDeadlineHint>300000</StopRolesDeadlineHint>
    <ExpectHealthReport>FALSE</ExpectHealthReport>
  </Machine>
  <Container>
    <ContainerId>${goalState.containerId}</ContainerId>
    <RoleInstanceList>
      <RoleInstance>
        <InstanceId>${goalState.instanceId}</InstanceId>
        <State>Started</State>
      </RoleInstance>
    </RoleInstanceList>
  </Container>
</GoalState>
`)

/** The versions of its protocol that WireServer speaks; agents ask for 2012-11-30. */
export const versionsDocument = (): Document =>
  xml(`<Versions>
  <Preferred>
    <Version>2015-04-05</Version>
  </Preferred>
  <Supported>
    <Version>2015-04-05</Version>
    <Version>2012-11-30</Version>
    <Version>2012-09-15</Version>
    <Version>2012-05-15</Version>
    <Version>2011-12-31</Version>
    <Version>2010-12-15</Version>
  </Supported>
</Versions>
`)

/** The document with a name that playbooks know. */
export const namedDocument = (name: DocumentName, instance: Instance): Document => {
  switch (name) {
    case "instance":
      return json(instanceDocument(instance))
    case "instance-basic":
      return json(basicInstanceDocument(instance))
    case "instance-without-os-profile": {
      const { compute: { osProfile: _, ...compute }, ...rest } = instanceDocument(instance)
      return json({ compute, ...rest })
    }
    case "instance-without-keys":
      return json(instanceDocument({ ...instance, keys: [] }))
    case "versions":
      return versionsDocument()
    case "goal-state":
      return goalStateDocument()
    case "error-page":
      return {
        headers: { "content-type": "text/html" },
        body:
          "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head><body><h1>Service unavailable</h1></body></html>\n"
      }
  }
}
