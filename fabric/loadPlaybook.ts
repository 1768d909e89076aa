import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { decodeFile, type Playbook } from "./playbook.ts"
import { decodeImdsScenario, decodeWireserverScenario, withScenarios } from "./scenario.ts"

/** The files that say what a platform does; none of them has to be there. */
export interface Sources {
  /** A playbook, JSON or TOML. */
  readonly playbook?: string | undefined
  /** A scenario of azure-init's test server for IMDS, JSON. */
  readonly imdsResponses?: string | undefined
  /** A scenario of azure-init's test server for WireServer, XML. */
  readonly wireserverResponses?: string | undefined
}

/** A platform that answers as Azure does, for a VM whose owner's key belongs to nobody. */
export const usualPlaybook: Playbook = {
  instance: {
    username: "azureuser",
    hostname: "fabric-vm",
    keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnsTuJ1Yc5m3dT9m4W2m8gQ0Wv1bJ3w2y5H8rQ1eQbV nobody@azure-fabric"],
    disablePasswordAuthentication: true
  },
  imds: [],
  health: []
}

/** What is in a file; throws with the file's name and what is wrong with it. */
const load = async <A>(
  file: string,
  decode: (text: string) => Result.Result<A, string> | Promise<Result.Result<A, string>>
): Promise<A> => {
  const decoded = await decode(readFileSync(file, "utf8"))
  if (Result.isFailure(decoded)) throw new Error(`${file}: ${decoded.failure}`)
  return decoded.success
}

/**
 * The playbook that the files make together; rejects with the name of the file that is wrong, the place in it and what
 * was expected.
 */
export const loadPlaybook = async (sources: Sources): Promise<Playbook> => {
  const { imdsResponses, playbook: file, wireserverResponses } = sources
  const playbook = file === undefined ? usualPlaybook : await load(file, (text) => decodeFile(file, text))
  const imds = imdsResponses === undefined ? undefined : await load(imdsResponses, decodeImdsScenario)
  const wireserver = wireserverResponses === undefined
    ? undefined
    : await load(wireserverResponses, decodeWireserverScenario)
  const whole = withScenarios(playbook, { imds, wireserver })
  if (Result.isFailure(whole)) throw new Error(`${file ?? "playbook"}: ${whole.failure}`)
  return whole.success
}
