import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Hostname } from "../../../src/domain/Hostname.ts"
import { GroupName, Username } from "../../../src/domain/Username.ts"
import { spellings, VmId } from "../../../src/domain/VmId.ts"
import { choose } from "../../../src/layers/distros/choose.ts"
import * as Flatcar from "../../../src/layers/distros/Flatcar.ts"
import * as IdentityLive from "../../../src/layers/live/VmIdentity.ts"
import { rooted } from "../../../src/services/Paths.ts"
import { VmIdentity } from "../../../src/services/VmIdentity.ts"
import { pathsBelow } from "../../support/host.ts"
import { platformSettings } from "../../support/platformSettings.ts"
import { refused, type Target, value } from "../target.ts"
import { bytesOf, filesIn, outcome, output, promise, put } from "./common.ts"

/** The firmware's strings, the kernel's release and `os-release`: who this VM is, and which distribution. */
export const identity: Target = {
  name: "identity",
  documents: () => filesIn("fuzz/identity/"),
  words: [
    "urn:uuid:",
    "{",
    "}",
    "-",
    "00000000-0000-0000-0000-000000000000",
    "7783-7084-3265-9085-8269-3286-77",
    "ID=",
    "ID_LIKE=",
    "VERSION_ID=",
    "flatcar",
    "\"",
    "'",
    "\n",
    " ",
    "Not Settable",
    "../"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const paths = rooted(directory)
      const files = [paths.productUuid, paths.chassisAssetTag, paths.kernelRelease, paths.osRelease]
      return Effect.fnUntraced(function*(bytes) {
        files.forEach((path) => put(path, bytes))
        return yield* Effect.gen(function*() {
          const identity = yield* VmIdentity
          const { kernel, os } = yield* identity.software
          promise(kernel !== "" && os !== "", "the software has names")
          const platform = yield* identity.platform
          const distribution = yield* choose(platformSettings())
          const found = yield* outcome(identity.vmId, (vmId) => {
            promise(spellings(vmId).every((name) => /^[a-z0-9-]+$/.test(name)), "the id can be a file name")
            return platform
          })
          return { ...found, whole: [found.whole, kernel, os, platform, distribution === Flatcar.layer] }
        }).pipe(
          Effect.provide(IdentityLive.layer.pipe(Layer.provideMerge(pathsBelow(directory))))
        )
      })
    })
}

const nameSchemas = [Username, GroupName, Hostname, VmId].map((schema) => Schema.decodeUnknownOption(schema))

/** Names from the platform: user, group, host and VM. */
export const names: Target = {
  name: "names",
  documents: () =>
    bytesOf(
      "azureuser",
      "Azure.User-1",
      "_svc",
      "web-1",
      "web-1.westeurope.internal.cloudapp.net",
      "a".repeat(63),
      "a".repeat(64),
      "8ad6cd5a-c7a4-45c5-a2e2-6f7c1b4c3d2e"
    ),
  words: ["-", ".", "_", "a.", "-a", "xn--", "..", " ", "\n", "\0", "a", "root", "ſ", "K"],
  open: () =>
    Effect.succeed((bytes) =>
      Effect.sync(() => {
        const decoded = nameSchemas.map((decode) => decode(output(bytes)))
        const taken = decoded.map(Option.isSome)
        return taken.includes(true) ? value(taken.join(), decoded) : refused("SchemaError", "no name")
      })
    )
}
