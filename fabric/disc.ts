/** What Azure writes on a provisioning disc. */
export interface Disc {
  readonly username: string
  readonly hostname: string
  readonly password?: string
  readonly disablePasswordAuthentication: boolean
  /** OpenSSH public keys. */
  readonly keys?: ReadonlyArray<string>
  /** In base64, as Azure writes it. */
  readonly customData?: string
}

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** The document `ovf-env.xml`, its elements and their order as Azure's. */
export const ovfEnvironment = (disc: Disc): string =>
  `<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
  <wa:ProvisioningSection>
    <wa:Version>1.0</wa:Version>
    <LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">
      <ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
      <HostName>${escape(disc.hostname)}</HostName>
      <UserName>${escape(disc.username)}</UserName>
${
    disc.password === undefined
      ? ""
      : `      <UserPassword>${escape(disc.password)}</UserPassword>\n`
  }      <DisableSshPasswordAuthentication>${disc.disablePasswordAuthentication}</DisableSshPasswordAuthentication>
      <SSH>
        <PublicKeys>
${
    (disc.keys ?? []).map((key) =>
      `          <PublicKey><Fingerprint/><Path>/home/${escape(disc.username)}/.ssh/authorized_keys</Path><Value>${
        escape(key)
      }</Value></PublicKey>\n`
    ).join("")
  }        </PublicKeys>
      </SSH>
${
    disc.customData === undefined
      ? ""
      : `      <CustomData>${escape(disc.customData)}</CustomData>\n`
  }    </LinuxProvisioningConfigurationSet>
  </wa:ProvisioningSection>
  <wa:PlatformSettingsSection>
    <wa:Version>1.0</wa:Version>
    <PlatformSettings xmlns="http://schemas.microsoft.com/windowsazure">
      <KmsServerHostname>azkms.core.windows.net</KmsServerHostname>
      <ProvisionGuestAgent>true</ProvisionGuestAgent>
      <GuestAgentPackageName i:nil="true"/>
      <RetainWindowsPEPassInUnattend>true</RetainWindowsPEPassInUnattend>
      <RetainOfflineServicingPassInUnattend>true</RetainOfflineServicingPassInUnattend>
      <PreprovisionedVm>false</PreprovisionedVm>
      <EnableTrustedImageIdentifier>false</EnableTrustedImageIdentifier>
    </PlatformSettings>
  </wa:PlatformSettingsSection>
</Environment>
`
