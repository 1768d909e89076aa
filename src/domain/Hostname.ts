import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The longest host name of Linux in bytes: `HOST_NAME_MAX` of gethostname(2). */
export const maximumHostname = 64

/**
 * A host name that Linux and systemd take: at most 64 bytes of ASCII letters, digits, `-` and `.`, in labels that
 * neither start nor end with `-` (systemd's `hostname_is_valid`). A domain name is one. A label may have 64 letters,
 * one more than DNS (RFC 1035) takes.
 */
export const Hostname = Schema.String.check(
  Schema.isPattern(/^(?=.{1,64}$)[A-Za-z0-9]+(-+[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-+[A-Za-z0-9]+)*)*$/, {
    expected:
      "a host name of at most 64 letters, digits, '-' and '.', each label starting and ending with a letter or digit"
  })
).pipe(Schema.brand("Hostname"))

/** See {@link Hostname}. */
export type Hostname = typeof Hostname.Type

const decode = Schema.decodeOption(Hostname)

/** A name of DNS with several labels, of at most 63 and together 253 letters (RFC 1035). */
const isDomainName = (text: string): boolean =>
  text.length <= 253 && /^[^.]{1,63}(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$/.test(text)

/**
 * The host name for what a source calls the VM.
 *
 * All of it where Linux takes it, a domain name too. Of a domain name that is too long for Linux it is the first label.
 * A dot at the end, which marks a domain name as absolute, is dropped.
 */
export const fromName = (name: string): Option.Option<Hostname> => {
  const text = name.replace(/\.$/, "")
  return Option.orElse(
    decode(text),
    () => text.length > maximumHostname && isDomainName(text) ? decode(text.slice(0, text.indexOf("."))) : Option.none()
  )
}
