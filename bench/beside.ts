/**
 * What cloud-init and WALinuxAgent expect of Azure beside IMDS and WireServer, in the network of a machine's platform:
 * a lease of DHCP, the host's plug-in for extensions, which refuses, and the configurations of the goal state. Ends
 * when its standard input does.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import { startDhcp } from "../fabric/dhcpServer.ts"
import { addresses } from "../fabric/platform.ts"
import { configurations, hostPluginPort } from "./wireServer.ts"

const server = createServer((request, response) => {
  const type = new URL(request.url ?? "", "http://localhost").searchParams.get("type") ?? ""
  const configuration = configurations[type]
  if (configuration === undefined) response.writeHead(404).end()
  else response.writeHead(200, { "content-type": "text/xml; charset=utf-8" }).end(configuration)
}).listen(hostPluginPort, addresses.wireserver)
await once(server, "listening")
await startDhcp("veth0")
process.stdin.resume().on("end", () => process.exit())
