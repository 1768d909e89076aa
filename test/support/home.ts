import * as Effect from "effect/Effect"
import { chmodSync, mkdirSync, realpathSync } from "node:fs"
import type { UserAccount } from "../../src/domain/UserAccount.ts"
import { Username } from "../../src/domain/Username.ts"
import { writeUserFile as makeWriter } from "../../src/layers/linux/homeFile.ts"
import { temporaryRoot } from "./host.ts"
import { linux } from "./watchedFiles.ts"

/** A user with the uid and gid of this process, so that it can give files to them without root. */
export const account: UserAccount = {
  name: Username.make("azureuser"),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  home: "/home/azureuser"
}

/** The file that {@link write} writes unless told otherwise, and what is in it. */
export const keys = "/home/azureuser/.ssh/authorized_keys"
export const content = "ssh-ed25519 AAAA owner\n"

/** A host with a home, mode 0755; the real path of its root. */
export const home = Effect.map(temporaryRoot, (directory) => {
  const root = realpathSync(directory)
  mkdirSync(`${root}/home/azureuser`, { recursive: true, mode: 0o755 })
  for (const path of [root, `${root}/home`, `${root}/home/azureuser`]) chmodSync(path, 0o755)
  return root
})

/** Writes a user's file on the watched files. */
export const writeUserFile = (root: string, of: UserAccount, path: string, text: string) =>
  makeWriter.pipe(Effect.flatMap((writer) => writer(root, of, path, text)), Effect.provide(linux))

/** Writes {@link content} below the root. */
export const write = (root: string, path = keys, of = account) => writeUserFile(root, of, path, content)
