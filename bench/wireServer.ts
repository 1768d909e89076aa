/**
 * What WALinuxAgent wants of WireServer before it provisions: a goal state that names configurations, and these
 * (azurelinuxagent/common/protocol).
 */
import { goalState as fabric } from "../fabric/documents.ts"
import { addresses } from "../fabric/platform.ts"

/** The host's plug-in for extensions; it is asked first, and 404 of it is an answer. */
export const hostPluginPort = 32526

const configuration = (type: string): string =>
  `http://${addresses.wireserver}:${hostPluginPort}/machine/bench?comp=config&amp;type=${type}`

/** The goal state; its configurations are served at the plug-in's port. */
export const goalState = `<?xml version="1.0" encoding="utf-8"?>
<GoalState>
  <Version>2012-11-30</Version>
  <Incarnation>${fabric.incarnation}</Incarnation>
  <Machine>
    <ExpectedState>Started</ExpectedState>
    <LBProbePorts><Port>16001</Port></LBProbePorts>
  </Machine>
  <Container>
    <ContainerId>${fabric.containerId}</ContainerId>
    <RoleInstanceList>
      <RoleInstance>
        <InstanceId>${fabric.instanceId}</InstanceId>
        <State>Started</State>
        <Configuration>
          <HostingEnvironmentConfig>${configuration("hosting")}</HostingEnvironmentConfig>
          <SharedConfig>${configuration("shared")}</SharedConfig>
          <ExtensionsConfig>${configuration("extensions")}</ExtensionsConfig>
          <ConfigName>bench.0.web-1.1.xml</ConfigName>
        </Configuration>
      </RoleInstance>
    </RoleInstanceList>
  </Container>
</GoalState>
`

/** The configurations by their type: a deployment without extensions. */
export const configurations: Readonly<Record<string, string>> = {
  hosting: `<?xml version="1.0" encoding="utf-8"?>
<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="1">
  <StoredCertificates/>
  <Deployment name="bench"><Service name="bench"/></Deployment>
  <Incarnation number="1" instance="bench"/>
  <Role name="bench"/>
</HostingEnvironmentConfig>
`,
  shared: `<?xml version="1.0" encoding="utf-8"?>
<SharedConfig version="1.0.0.0" goalStateIncarnation="1"><Deployment name="bench"/></SharedConfig>
`,
  extensions: `<?xml version="1.0" encoding="utf-8"?>
<Extensions version="1.0.0.0" goalStateIncarnation="1">
  <GuestAgentExtension><GAFamilies/></GuestAgentExtension>
  <Plugins/>
  <PluginSettings/>
</Extensions>
`
}
