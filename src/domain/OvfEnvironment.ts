import * as Effect from "effect/Effect"
import * as Xml from "effect/encoding/Xml"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/**
 * The OVF environment document of the provisioning disc (`ovf-env.xml`), as given; nothing here has been checked
 * against Linux's rules.
 */
export interface OvfEnvironment {
  readonly username: Option.Option<string>
  /** `none` when absent, empty, or the `REDACTED` that other agents leave in their copies. */
  readonly password: Option.Option<Redacted.Redacted<string>>
  readonly hostname: Option.Option<string>
  readonly disablePasswordAuthentication: Option.Option<boolean>
  /** `PublicKey/Value`, in order; entries that have only a fingerprint are left out and counted. */
  readonly publicKeys: ReadonlyArray<string>
  readonly publicKeysWithoutValue: number
  /** base64 as given, white space removed; kept for a distribution's own layers, not run. */
  readonly customData: Option.Option<Redacted.Redacted<string>>
  readonly preprovisionedVm: boolean
  readonly preprovisionedVmType: string
  /** For a distribution's own layers, as `customData`. */
  readonly provisionGuestProxyAgent: boolean
}

/** Whether the disc is that of a VM that waits in a pool for its owner, by its flag or by the kind of its pool. */
export const isPreprovisioned = (disc: OvfEnvironment): boolean =>
  disc.preprovisionedVm || !/^(none)?$/i.test(disc.preprovisionedVmType)

/** Whether the disc bars logins by password; without a flag, when it has no password. */
export const refusesPasswords = (disc: OvfEnvironment): boolean =>
  Option.getOrElse(disc.disablePasswordAuthentication, () => Option.isNone(disc.password))

/** Why a document is refused. `password` is the one reason that is not the document's form. */
export interface OvfProblem {
  readonly kind: "document" | "password"
  /** In words; never any of the document's values. */
  readonly detail: string
}

/** The longest password that Azure takes for Linux (cloud-init's `helpers/azure.py`). */
export const maximumPassword = 72

/**
 * Characters that are parsed at a time: the pieces of a whole document of many small elements take sixty times its
 * size.
 */
const portion = 64 * 1024

/** A real document nests eight deep; far deeper ones are made to exhaust a parser. */
const maximumDepth = 32

/**
 * The elements that are read, wherever they stand. Of others an element keeps the first one, which says that it holds
 * more than text: a document of 1 MiB has room for 250,000, and a tree of them for none in the memory of the boot
 * runtime.
 */
const known: ReadonlySet<string> = new Set([
  "ProvisioningSection",
  "LinuxProvisioningConfigurationSet",
  "UserName",
  "UserPassword",
  "HostName",
  "DisableSshPasswordAuthentication",
  "SSH",
  "PublicKeys",
  "PublicKey",
  "Value",
  "CustomData",
  "PlatformSettingsSection",
  "PlatformSettings",
  "PreprovisionedVm",
  "PreprovisionedVMType",
  "PreprovisionedVmType",
  "ProvisionGuestProxyAgent"
])

/** An element without its namespace prefix. */
interface Element {
  readonly name: string
  readonly nil: boolean
  readonly children: Array<Element>
  text: string
}

const local = (name: string): string => name.slice(name.indexOf(":") + 1)

const refuse = (detail: string): Result.Result<never, OvfProblem> => Result.fail({ kind: "document", detail })

const portions = (text: string): ReadonlyArray<string> =>
  Array.from(
    { length: Math.ceil(text.length / portion) },
    (_, index) => text.slice(index * portion, (index + 1) * portion)
  )

/**
 * The document as a tree. Document type declarations are refused: the platform writes none, and they can name files and
 * grow without bound.
 */
const parseTree = (text: string): Effect.Effect<Element, OvfProblem> =>
  Stream.fromIterable(portions(text), { chunkSize: 1 }).pipe(
    Stream.pipeThroughChannel(Xml.decodeString({ maxDepth: maximumDepth })),
    Stream.mapError((error): OvfProblem => ({
      kind: "document",
      detail: `it is no well-formed XML: ${positionOf(error)}`
    })),
    Stream.runFoldEffect(
      (): Array<Element> => [{ name: "", nil: false, children: [], text: "" }],
      (open, event) => {
        const current = open.at(-1)
        switch (event._tag) {
          case "Doctype":
            return Effect.fail<OvfProblem>({ kind: "document", detail: "it has a document type declaration" })
          case "StartElement": {
            const element: Element = {
              name: local(event.name),
              nil: Object.entries(event.attributes).some(([name, value]) =>
                local(name) === "nil" && /^(true|1)$/.test(value)
              ),
              children: [],
              text: ""
            }
            if (known.has(element.name) || current?.children.length === 0) current?.children.push(element)
            open.push(element)
            break
          }
          case "EndElement":
            open.pop()
            break
          case "Text":
            if (current !== undefined) current.text += event.text
            break
        }
        return Effect.succeed(open)
      }
    ),
    Effect.flatMap((open) => Effect.fromOption(Option.fromUndefinedOr(open[0]?.children[0]))),
    Effect.mapError((error): OvfProblem => "kind" in error ? error : { kind: "document", detail: "it is empty" })
  )

/** The parser's own words can quote the document, so only the kind and the place are told. */
const positionOf = ({ column, kind, line }: Xml.XmlError): string =>
  `${kind.toLowerCase()} at line ${line ?? "?"}, column ${column ?? "?"}`

/** The name of an element for a sentence; the root's is the document's own and can be of any length. */
const named = ({ name }: Element): string => name.slice(0, 64)

/** The one child of that name; twice is refused, since two readers could take different ones. */
const child = (parent: Element, ...names: ReadonlyArray<string>): Result.Result<Option.Option<Element>, OvfProblem> => {
  const found = parent.children.filter(({ name }) => names.includes(name))
  return found.length > 1
    ? refuse(`multiple configuration matches for '${names[0]}' (${found.length}) in ${named(parent)}`)
    : Result.succeed(Option.fromUndefinedOr(found[0]))
}

const required = (parent: Element, name: string): Result.Result<Element, OvfProblem> =>
  Result.flatMap(
    child(parent, name),
    Option.match({
      onNone: () => refuse(`missing configuration for '${name}' in ${named(parent)}`),
      onSome: (element) => Result.succeed(element)
    })
  )

/** The text of a property exactly as given; `none` when absent, nil or blank. */
const raw = (parent: Element, ...names: ReadonlyArray<string>): Result.Result<Option.Option<string>, OvfProblem> =>
  Result.flatMap(
    child(parent, ...names),
    Option.match({
      onNone: () => Result.succeed(Option.none<string>()),
      onSome: (element) =>
        element.children.length > 0
          ? refuse(`an element inside '${element.name}', expected text`)
          : Result.succeed(element.nil || element.text.trim() === "" ? Option.none() : Option.some(element.text))
    })
  )

const trimmed = (parent: Element, ...names: ReadonlyArray<string>): Result.Result<Option.Option<string>, OvfProblem> =>
  Result.map(raw(parent, ...names), Option.map((text) => text.trim()))

const flag = (parent: Element, name: string): Result.Result<Option.Option<boolean>, OvfProblem> =>
  Result.flatMap(
    trimmed(parent, name),
    Option.match({
      onNone: () => Result.succeed(Option.none<boolean>()),
      onSome: (text) =>
        /^(true|1)$/i.test(text)
          ? Result.succeed(Option.some(true))
          : /^(false|0)$/i.test(text)
          ? Result.succeed(Option.some(false))
          : refuse(`'${name}' is neither true nor false`)
    })
  )

/**
 * Sections that only tell of pre-provisioning; one that cannot be understood does not cost the rest of the document.
 */
const optionalFlag = (parent: Element, name: string): boolean =>
  Option.getOrElse(Option.flatten(Result.getSuccess(flag(parent, name))), () => false)

const fromTree = (root: Element): Result.Result<OvfEnvironment, OvfProblem> =>
  Result.gen(function*() {
    const section = yield* required(root, "ProvisioningSection")
    const set = yield* required(section, "LinuxProvisioningConfigurationSet")
    const password = (yield* raw(set, "UserPassword")).pipe(Option.filter((text) => text !== "REDACTED"))
    if (Option.isSome(password) && Array.from(password.value).length > maximumPassword) {
      return yield* Result.fail<OvfProblem>({
        kind: "password",
        detail: `unsupported password length=${Array.from(password.value).length} max=${maximumPassword}`
      })
    }
    const ssh = yield* child(set, "SSH")
    const list = Option.isSome(ssh) ? yield* child(ssh.value, "PublicKeys") : Option.none<Element>()
    const publicKeys: Array<string> = []
    let publicKeysWithoutValue = 0
    for (const key of Option.isSome(list) ? list.value.children.filter(({ name }) => name === "PublicKey") : []) {
      const value = yield* trimmed(key, "Value")
      if (Option.isSome(value)) publicKeys.push(value.value)
      else publicKeysWithoutValue++
    }
    const platformSection = yield* child(root, "PlatformSettingsSection")
    const platform = Option.isSome(platformSection)
      ? yield* child(platformSection.value, "PlatformSettings")
      : Option.none<Element>()
    const platformSettings = Option.getOrElse(
      platform,
      (): Element => ({ name: "", nil: true, children: [], text: "" })
    )
    return {
      username: yield* trimmed(set, "UserName"),
      password: Option.map(password, (text) => Redacted.make(text)),
      hostname: yield* trimmed(set, "HostName"),
      disablePasswordAuthentication: yield* flag(set, "DisableSshPasswordAuthentication"),
      publicKeys,
      publicKeysWithoutValue,
      customData: Option.map(yield* raw(set, "CustomData"), (text) => Redacted.make(text.replace(/\s/g, ""))),
      preprovisionedVm: optionalFlag(platformSettings, "PreprovisionedVm"),
      // cloud-init and the platform spell it VMType, azure-init VmType.
      preprovisionedVmType: Option.getOrElse(
        Option.flatten(Result.getSuccess(trimmed(platformSettings, "PreprovisionedVMType", "PreprovisionedVmType"))),
        () => "None"
      ),
      provisionGuestProxyAgent: optionalFlag(platformSettings, "ProvisionGuestProxyAgent")
    }
  })

/**
 * Decodes `ovf-env.xml`.
 *
 * Names count without their namespace prefix, and only at their place: `Environment` (any name) with
 * `ProvisioningSection` with `LinuxProvisioningConfigurationSet`, and `PlatformSettingsSection` with
 * `PlatformSettings`. The set has to be there, everything in it is optional; what is not known is passed over. Texts
 * are trimmed, except the password.
 */
export const decodeOvfEnvironment = (text: string): Effect.Effect<OvfEnvironment, OvfProblem> =>
  Effect.flatMap(parseTree(text), (root) => Effect.fromResult(fromTree(root)))
