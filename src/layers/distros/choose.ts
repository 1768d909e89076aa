import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Settings } from "../../domain/Settings.ts"
import { Paths } from "../../services/Paths.ts"
import { files } from "../linux/files.ts"
import * as Base from "./Base.ts"
import * as Flatcar from "./Flatcar.ts"

const distributions = { base: Base.layer, flatcar: Flatcar.layer }

/**
 * The distribution that the settings name, otherwise the one of `/etc/os-release`: its `ID` first, then `ID_LIKE` in
 * order (os-release(5)). Every host that is not known is `base`.
 */
export const choose = Effect.fnUntraced(function*(settings: Settings) {
  if (Option.isSome(settings.distribution)) return distributions[settings.distribution.value]
  const paths = yield* Paths
  const { readText } = yield* files
  const text = yield* Effect.catch(readText(paths.osRelease), () => Effect.succeed(""))
  const field = (name: string) => new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(text)?.[1] ?? ""
  return [field("ID"), ...field("ID_LIKE").split(" ")].includes("flatcar") ? distributions.flatcar : distributions.base
})
