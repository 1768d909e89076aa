//! Text, digests, HTTP, URLs.

use sha2::{Digest, Sha256};
use url::{Url, quirks};

use super::natives;
use crate::shapes::{record, tuple};
use crate::values::{Bytes, Parsed, Text};

record! {
    /// The head of an HTTP/1 response. `length` is that of the head, in bytes; a byte of a header is a character (ISO
    /// 8859-1).
    HttpHead { length: usize, minor: u32, status: u32, reason: String, headers: Vec<HttpHeader> }
}

tuple! {
    /// One header.
    HttpHeader(name: String, value: String)
}

tuple! {
    /// The line that begins a chunk.
    ChunkSize(length: usize, size: u64)
}

record! {
    /// The parts of a URL, as the properties of `URL` of the WHATWG standard.
    UrlParts {
        href: String,
        origin: String,
        protocol: String,
        username: String,
        password: String,
        host: String,
        hostname: String,
        port: String,
        pathname: String,
        search: String,
        hash: String,
    }
}

impl From<&Url> for UrlParts {
    fn from(url: &Url) -> Self {
        UrlParts {
            href: quirks::href(url).into(),
            origin: quirks::origin(url),
            protocol: quirks::protocol(url).into(),
            username: quirks::username(url).into(),
            password: quirks::password(url).into(),
            host: quirks::host(url).into(),
            hostname: quirks::hostname(url).into(),
            port: quirks::port(url).into(),
            pathname: quirks::pathname(url).into(),
            search: quirks::search(url).into(),
            hash: quirks::hash(url).into(),
        }
    }
}

/// As many headers as most responses have; the platform's have ten.
const USUAL_HEADERS: usize = 32;

/// More than fit into the 16 KiB that a head may have.
const MOST_HEADERS: usize = 16 * 1024 / "a:\r\n".len();

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn parse_head(bytes: &[u8]) -> Result<Option<HttpHead>, String> {
    match parse_head_of(bytes, USUAL_HEADERS) {
        Err(httparse::Error::TooManyHeaders) => parse_head_of(bytes, MOST_HEADERS),
        parsed => parsed,
    }
    .map_err(|error| error.to_string())
}

fn parse_head_of(bytes: &[u8], most_headers: usize) -> Result<Option<HttpHead>, httparse::Error> {
    let mut headers = vec![httparse::EMPTY_HEADER; most_headers];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    Ok(Some(HttpHead {
        length,
        minor: response.version.unwrap_or_default().into(),
        status: response.code.unwrap_or_default().into(),
        reason: response.reason.unwrap_or_default().into(),
        headers: response
            .headers
            .iter()
            .map(|header| HttpHeader(header.name.into(), latin1(header.value)))
            .collect(),
    }))
}

fn parse_chunk_size(bytes: &[u8]) -> Result<Option<ChunkSize>, String> {
    match httparse::parse_chunk_size(bytes).map_err(|error| error.to_string())? {
        httparse::Status::Complete((length, size)) => Ok(Some(ChunkSize(length, size))),
        httparse::Status::Partial => Ok(None),
    }
}

fn set(url: &mut Url, property: &str, value: &str) -> Result<(), ()> {
    match property {
        "href" => quirks::set_href(url, value).map_err(drop),
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => {
            quirks::set_pathname(url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(url, value);
            Ok(())
        }
        _ => Err(()),
    }
}

natives! {
    /// UTF-8 of a string; lone surrogates become U+FFFD.
    fn encodeUtf8(text: Text) -> Bytes {
        Bytes(text.0.into_bytes())
    }

    /// Text of UTF-8, a byte order mark included; what is none becomes U+FFFD, as the WHATWG standard has it, or with
    /// `fatal` makes it `null`.
    fn decodeUtf8(bytes: Bytes, fatal: bool) -> Option<String> {
        match String::from_utf8(bytes.0) {
            Ok(text) => Some(text),
            Err(_) if fatal => None,
            Err(error) => Some(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        }
    }

    /// A byte is a character (ISO 8859-1).
    fn decodeLatin1(bytes: Bytes) -> String {
        latin1(&bytes.0)
    }

    fn sha256(bytes: Bytes) -> Bytes {
        Bytes(Sha256::digest(bytes.0).to_vec())
    }

    /// The head of a response; `null` when it is not all there yet; a text that says what is wrong. At most 100
    /// headers.
    fn parseHttpHead(bytes: Bytes) -> Parsed<HttpHead> {
        Parsed(parse_head(&bytes.0))
    }

    /// The line that begins a chunk: its length, and the size of the chunk; `null` when it is not all there yet; a text
    /// that says what is wrong.
    fn parseHttpChunkSize(bytes: Bytes) -> Parsed<ChunkSize> {
        Parsed(parse_chunk_size(&bytes.0))
    }

    /// The URL of a text, relative to `base`; `null` when it is none.
    fn parseUrl(text: Text, base: Option<Text>) -> Option<UrlParts> {
        let base = match base {
            Some(base) => Some(Url::parse(&base.0).ok()?),
            None => None,
        };
        let url = Url::options().base_url(base.as_ref()).parse(&text.0).ok()?;
        Some(UrlParts::from(&url))
    }

    /// The URL after assigning to a property, as the standard's setters do it: a value that is none changes nothing.
    /// `null` of an `href` that is none.
    fn setUrl(href: Text, property: Text, value: Text) -> Option<UrlParts> {
        let mut url = Url::parse(&href.0).ok()?;
        match set(&mut url, &property.0, &value.0) {
            Err(()) if property.0 == "href" => None,
            _ => Some(UrlParts::from(&url)),
        }
    }
}
