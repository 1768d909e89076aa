import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/**
 * What the agent needs of the instance document of IMDS, as given; nothing here has been checked against Linux's rules.
 */
export const InstanceMetadata = Schema.Struct({
  adminUsername: Schema.String,
  computerName: Schema.String,
  disablePasswordAuthentication: Schema.Boolean,
  /** `compute.publicKeys[].keyData`, in order. */
  publicKeys: Schema.Array(Schema.String)
})

/** See {@link InstanceMetadata}. */
export type InstanceMetadata = typeof InstanceMetadata.Type

/** IMDS writes its booleans as strings; azure-init also takes JSON's own. */
const Flag = Schema.Union([Schema.Boolean, Schema.Literals(["true", "false"])])

/**
 * The instance document of IMDS, API version 2023-11-15 (azure-init's `imds.rs`), as far as it is needed; everything
 * else in it is ignored.
 *
 * A key's `path` is not asked for: azure-init requires it and never uses it, and a key must not be lost for want of it.
 */
const Document = Schema.Struct({
  compute: Schema.Struct({
    osProfile: Schema.Struct({
      adminUsername: Schema.String,
      computerName: Schema.String,
      disablePasswordAuthentication: Flag
    }),
    publicKeys: Schema.Array(Schema.Struct({ keyData: Schema.String }))
  })
})

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const decodeDocument = Schema.decodeUnknownResult(Document)

const missing = "is missing"
const wrong = "is not of the expected type"

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => issue._tag === "MissingKey" ? missing : wrong
})

const placeOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined): string =>
  (path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")

/**
 * Reads the text of an instance document. The failure is a sentence for people that says which field is wrong; no part
 * of the document is in it. Of a field that occurs twice the last one counts, as in every JSON parser of JavaScript.
 */
export const decodeInstanceMetadata = (text: string): Result.Result<InstanceMetadata, string> => {
  const json = parseJson(text)
  if (Result.isFailure(json)) return Result.fail("the document is not JSON")
  return decodeDocument(json.success).pipe(
    Result.map(({ compute: { osProfile, publicKeys } }): InstanceMetadata => ({
      adminUsername: osProfile.adminUsername,
      computerName: osProfile.computerName,
      disablePasswordAuthentication: String(osProfile.disablePasswordAuthentication) === "true",
      publicKeys: publicKeys.map((key) => key.keyData)
    })),
    Result.mapError((error) =>
      issuesOf(error.issue).issues
        // Any other message could show what was found, and the document may hold secrets.
        .map(({ message, path }) => `${placeOf(path) || "the document"} ${message === missing ? missing : wrong}`)
        .join(", ")
    )
  )
}
