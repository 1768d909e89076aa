import { basename } from "node:path"
import type { TestSpecification } from "vitest/node"
import { BaseSequencer } from "vitest/node"

/** The rooms of `test/`, the fast ones first. */
const rooms = ["domain", "services", "programs", "layers"]

/** How the suites of a file begin that are not called as it is. */
const suitesOf: Readonly<Record<string, ReadonlyArray<string>>> = {
  UserProvisioner: ["UserProvisioner", "userAccess"],
  accountDatabase: ["UserProvisioner", "userAccess", "loginRefusals", "nameService"],
  homeDirectory: ["UserProvisioner"],
  homeWalk: ["homeFile"],
  platformHttp: ["Imds", "WireServer"],
  sshd: ["sshd", "SshProvisioner", "loginRefusals"],
  sudoers: ["UserProvisioner", "sudo"],
  useraddDefaults: ["userAccess", "loginRefusals"]
}

const roomOf = (path: string): number => rooms.findIndex((room) => path.includes(`/test/${room}/`))

/**
 * The suites that have to notice a mutant of these files, of those that depend on them. A mutant of a layer belongs to
 * the suites that begin with its file's name, where there are some; one of the domain or the programs to any suite but
 * those of the layers. The layers' suites together take half a minute, too long for each of some thousand mutants. The
 * suites of the file's own name come first: most mutants end there.
 */
export const nearest = <A>(mutated: ReadonlyArray<string>, suites: ReadonlyArray<A>, pathOf: (suite: A) => string) => {
  const own = (suite: A) =>
    mutated.some((file) =>
      (suitesOf[basename(file, ".ts")] ?? [basename(file, ".ts")]).some((name) =>
        basename(pathOf(suite)).startsWith(name)
      ) && file.includes(`/src/${rooms[roomOf(pathOf(suite))]}/`)
    )
  const layers = mutated.some((file) => file.includes("/src/layers/"))
  const near = layers
    ? mutated.length === 1 && suites.some(own) ? suites.filter(own) : suites
    : suites.filter((suite) => own(suite) || roomOf(pathOf(suite)) < rooms.indexOf("layers"))
  return near.toSorted((one, other) =>
    Number(own(other)) - Number(own(one)) || roomOf(pathOf(one)) - roomOf(pathOf(other))
  )
}

/** Runs the {@link nearest} suites; Stryker names the mutated files as those that a suite has to be related to. */
export class Nearest extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return Promise.resolve(nearest([this.ctx.config.related ?? []].flat(), files, ({ moduleId }) => moduleId))
  }
}
