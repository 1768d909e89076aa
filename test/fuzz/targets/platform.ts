import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ImdsLive from "../../../src/layers/live/Imds.ts"
import * as MediaLive from "../../../src/layers/live/ProvisioningMedia.ts"
import * as WireServerLive from "../../../src/layers/live/WireServer.ts"
import { httpClient } from "../../../src/layers/Platform.ts"
import * as Subprocess from "../../../src/layers/test/Subprocess.ts"
import { CurrentSettings } from "../../../src/services/CurrentSettings.ts"
import { Imds } from "../../../src/services/Imds.ts"
import { ProvisioningMedia } from "../../../src/services/ProvisioningMedia.ts"
import { WireServer } from "../../../src/services/WireServer.ts"
import { pathsBelow } from "../../support/host.ts"
import { platformSettings } from "../../support/platformSettings.ts"
import { type Target } from "../target.ts"
import { bytesOf, filesIn, once, outcome, promise, put, settings } from "./common.ts"

/** `ovf-env.xml` on a disc that is mounted, as the agent finds it. */
export const ovf: Target = {
  name: "ovf",
  documents: () => [
    ...filesIn("ovf/"),
    ...filesIn("fuzz/ovf/"),
    // Took a second and 62 MiB before there was a bound on the number of elements.
    ...bytesOf(`<a>${"<b/>".repeat(250_000)}</a>`, `<a>${"<b/>".repeat(65_000)}</a>`)
  ],
  words: [
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a [",
    "<!ENTITY a \"b\">",
    "&lt;",
    "&#0;",
    "&#x10FFFF;",
    "&#55296;",
    "&a;",
    "<a>",
    "</a>",
    "<a/>",
    " xsi:nil=\"true\"",
    " xmlns:a=\"b\"",
    "<ns1:",
    "</",
    "/>",
    "=\"",
    "true",
    "false",
    "1",
    "REDACTED",
    "<PublicKey>",
    "<Value>",
    "</Value>",
    "<UserPassword>",
    "<CustomData>",
    "<LinuxProvisioningConfigurationSet>"
  ],
  open: (directory) =>
    Effect.gen(function*() {
      const disc = `${directory}/disc`
      put(`${directory}/proc/self/mounts`, `/dev/sr0 ${disc} udf ro,relatime 0 0\n`)
      const media = yield* ProvisioningMedia.pipe(
        Effect.provide(MediaLive.layer.pipe(
          Layer.provide([pathsBelow(directory), settings, Subprocess.make(() => "not found").layer])
        ))
      )
      return (bytes) =>
        Effect.suspend(() => {
          put(`${disc}/ovf-env.xml`, bytes)
          return outcome(
            media.environment,
            Option.match({
              onNone: () => "none",
              onSome: (found) => {
                promise(found.publicKeys.every((key) => key !== ""), "no key is empty")
                return `${found.publicKeys.length > 0} ${Option.isSome(found.password)} ${found.preprovisionedVmType}`
              }
            })
          )
        })
    })
}

/** IMDS and WireServer by the real client, one attempt each, at a server that is both. */
const services = (origin: string) =>
  Layer.mergeAll(ImdsLive.layer, WireServerLive.layer).pipe(
    Layer.provide([
      Layer.succeed(
        CurrentSettings,
        platformSettings({
          imds: { ...once, endpoint: origin },
          wireserver: { ...once, healthEndpoint: `${origin}/provisioning/health` }
        })
      ),
      httpClient(Duration.seconds(5))
    ])
  )

/** The body of IMDS' answer. */
export const imds: Target = {
  name: "imds",
  documents: () => [...filesIn("imds/"), ...filesIn("fuzz/imds/")],
  words: [
    "null",
    "true",
    "false",
    "\"true\"",
    "{",
    "}",
    "[",
    "]",
    "[[[[",
    "{\"a\":",
    ",",
    ":",
    "\"",
    "\\u0000",
    "\\ud800",
    "\\",
    "\"compute\":",
    "\"osProfile\":",
    "\"publicKeys\":[",
    "\"keyData\":",
    "{\"keyData\":\"\"},",
    "\"adminUsername\":",
    "\"computerName\":",
    "\"disablePasswordAuthentication\":",
    "\"__proto__\":",
    "1e999",
    "-0"
  ],
  open: (_, server) =>
    Effect.succeed((bytes) =>
      Effect.suspend(() => {
        const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`
        server.answer(Buffer.concat([Buffer.from(head), bytes]))
        return outcome(
          Effect.flatMap(Imds, (service) => service.instance),
          ({ publicKeys }) => String(publicKeys.length > 0)
        )
      }).pipe(Effect.provide(services(server.origin)))
    )
}

/**
 * Everything that a server sends: status, headers with `Retry-After` and `Date`, body; for IMDS and for WireServer, by
 * the real client.
 */
export const http: Target = {
  name: "http",
  documents: () => filesIn("fuzz/http/"),
  words: [
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "100 Continue",
    "101 Switching Protocols",
    "204 No Content",
    "301 Found",
    "400 ",
    "429 ",
    "500 ",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
    "ffffffff\r\n",
    "Content-Encoding: gzip\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: h2c\r\n",
    "Retry-After: ",
    "Date: ",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Location: http://a/\r\n",
    "Set-Cookie: a=b\r\n",
    ": ",
    " "
  ],
  open: (_, server) =>
    Effect.succeed((bytes) =>
      Effect.gen(function*() {
        server.answer(bytes)
        const reported = yield* outcome(Effect.flatMap(WireServer, (service) => service.ready))
        const asked = yield* outcome(Effect.flatMap(Imds, (service) => service.instance))
        const whole = [reported, asked]
        return asked._tag === "Refused"
          ? { ...asked, detail: `${reported._tag} ${asked.detail}`, whole }
          : { ...asked, whole }
      }).pipe(Effect.provide(services(server.origin)))
    )
}
