import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { mkdirSync, writeFileSync } from "node:fs"
import { GroupName } from "../../../src/domain/Username.ts"
import * as PasswordLive from "../../../src/layers/live/PasswordProvisioner.ts"
import * as UserLive from "../../../src/layers/live/UserProvisioner.ts"
import * as Subprocess from "../../../src/layers/test/Subprocess.ts"
import { PasswordProvisioner } from "../../../src/services/PasswordProvisioner.ts"
import { UserProvisioner } from "../../../src/services/UserProvisioner.ts"
import { pathsBelow } from "../../support/host.ts"
import { type Target } from "../target.ts"
import { account, bytesOf, emptied, filesIn, outcome, output, promise, put, withoutClimbing } from "./common.ts"

const request = {
  name: account.name,
  groups: [GroupName.make("sudo"), GroupName.make("wheel")],
  createMissingGroups: false
}

const findUser = (directory: string, getent: Subprocess.Answer) =>
  outcome(Effect.flatMap(UserProvisioner, (user) => user.ensure(request)), ({ account, problems }) => {
    promise(account.home.startsWith("/") && !account.home.includes(":"), "the home is absolute")
    promise(Number.isSafeInteger(account.uid) && Number.isSafeInteger(account.gid), "the ids are numbers")
    return problems.map(({ message }) => message).join()
  }).pipe(
    Effect.provide(UserLive.layerUseradd.pipe(
      Layer.provide([pathsBelow(directory), Subprocess.make(({ command }) => command === "getent" ? getent : {}).layer])
    ))
  )

const passwdWords = [
  "azureuser:",
  "azureuser:x:1000:1000:,,,:/home/azureuser:/bin/bash\n",
  "sudo:x:27:",
  "wheel:x:10:root,azureuser\n",
  ":",
  "::",
  "\n",
  "+::::::\n",
  "+@admins::::::\n",
  "-nobody::::::\n",
  "x:0:0:root:/root:/bin/sh",
  "/home/",
  "//",
  "/.",
  "0",
  "4294967294",
  ",",
  "\0"
]

/** `/etc/passwd` and `/etc/group` of a host without `getent`. */
export const passwd: Target = {
  name: "passwd",
  documents: () => filesIn("fuzz/passwd/"),
  words: passwdWords,
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      const text = withoutClimbing(bytes)
      put(`${directory}/etc/passwd`, text)
      put(`${directory}/etc/group`, text)
      return yield* findUser(directory, "not found")
    }))
}

/** What `getent` prints. */
export const getent: Target = {
  name: "getent",
  documents: () => [
    ...bytesOf("azureuser:x:1000:1000:Azure User,,,:/home/azureuser:/bin/bash\n", "sudo:x:27:azureuser\n"),
    ...filesIn("fuzz/passwd/")
  ],
  words: passwdWords,
  open: (directory) =>
    Effect.succeed(Effect.fnUntraced(function*(bytes) {
      yield* emptied(directory)
      // The files come first otherwise, and getent is not asked.
      put(`${directory}/etc/nsswitch.conf`, "passwd: sss files\ngroup: sss files\n")
      return yield* findUser(directory, { stdout: output(withoutClimbing(bytes)) })
    }))
}

/** `/etc/shadow`: whether the account is locked already. */
export const shadow: Target = {
  name: "shadow",
  documents: () => filesIn("fuzz/shadow/"),
  words: ["azureuser:", "azureuser:!:", "azureuser:*:", "azureuser:$y$j9T$", ":", "\n", "!", "*", "!!", "\0"],
  open: (directory) =>
    Effect.sync(() => {
      mkdirSync(`${directory}/etc`)
      return Effect.fnUntraced(function*(bytes) {
        writeFileSync(`${directory}/etc/shadow`, bytes)
        const fake = Subprocess.make(() => ({}))
        return yield* outcome(
          Effect.gen(function*() {
            const password = yield* PasswordProvisioner
            yield* password.lock(account.name)
            const { length } = fake.calls
            yield* password.set(account.name, Redacted.make(output(bytes)))
            return { length, calls: fake.calls }
          }),
          ({ length }) => String(length)
        ).pipe(Effect.provide(PasswordLive.layerPasswd.pipe(Layer.provide([pathsBelow(directory), fake.layer]))))
      })
    })
}
