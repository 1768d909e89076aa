//! TCP on loopback, and what is read from it.

mod support;
use std::io::{Read, Write};
use std::net::TcpListener;

use support::{Scratch, assert_ended, command, expect};

#[test]
fn sends_a_request_and_reads_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it is bound").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the script connects");
        let mut request = String::new();
        stream
            .read_to_string(&mut request)
            .expect("the request is text, and ends");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nX-A: \xe9\r\n\r\nbody")
            .expect("the script reads");
        request
    });
    let scratch = Scratch::new();
    let script = format!(
        r#"
const socket = natives.connect("127.0.0.1", {port})
let bytes = new Uint8Array(0)
natives.watch(socket, C.POLLOUT, () => {{
  say(natives.socketError(socket), natives.write(socket, "hello"), natives.shutdown(socket))
  natives.watch(socket, C.POLLIN, () => {{
    const more = natives.read(socket, 1000)
    if (more.length > 0) {{ bytes = new Uint8Array([...bytes, ...more]); return }}
    natives.close(socket)
    const head = natives.parseHttpHead(bytes)
    say(head.status, head.reason, head.headers, natives.decodeUtf8(bytes.subarray(head.length), true))
  }})
}})
"#
    );
    let output = command(&scratch, &script).output().expect("the runtime starts");
    assert_ended(output.into(), "0 5 0\n200 OK [[\"X-A\",\"é\"]] body");
    assert_eq!(server.join().expect("the server saw a request"), "hello");
}

#[test]
fn a_refused_connection_tells_its_errno() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    expect(
        &format!(
            r#"
const socket = natives.connect("127.0.0.1", {port})
natives.watch(socket, C.POLLOUT, () => {{ say(natives.errorName(natives.socketError(socket))); natives.close(socket) }})
"#
        ),
        "ECONNREFUSED",
    );
}

#[test]
fn heads_and_chunks_that_are_cut_are_awaited_and_wrong_ones_refused() {
    expect(
        r#"
const head = (text) => { const parsed = natives.parseHttpHead(natives.encodeUtf8(text)); return parsed === null || typeof parsed === "string" ? parsed : [parsed.length, parsed.minor, parsed.status] }
for (const text of ["HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.0 404 \r\n\r\n", "HTTQ/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"]) say(head(text))
const chunk = (text) => natives.parseHttpChunkSize(natives.encodeUtf8(text))
for (const text of ["1f", "1F;x=y\r\n", "0\r\n", "xyz\r\n", "fffffffffffffffff\r\n"]) say(chunk(text))
"#,
        "null\n[17,0,404]\ninvalid HTTP version\ninvalid header name\nnull\n[8,31]\n[3,0]\ninvalid chunk size\ninvalid chunk size",
    );
}

#[test]
fn a_new_address_makes_the_socket_of_routes_readable() {
    let scratch = Scratch::new();
    let script = scratch.script(
        r#"
const socket = natives.routeChanges()
natives.watch(socket, C.POLLIN, () => { say("changed", natives.read(socket, 65536).length > 0); natives.close(socket) })
run(["/bin/sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; ip link set lo up && ip addr add 192.0.2.1/32 dev lo"], [-1, 2, 2], () => {})
"#,
    );
    // A network namespace of our own: needs root, or user namespaces.
    let output = std::process::Command::new("unshare")
        .args(["--map-root-user", "--net", support::EVALUATE, &script])
        .output()
        .expect("unshare of util-linux is there");
    assert_ended(output.into(), "changed true");
}

#[test]
fn urls_are_those_of_the_standard() {
    expect(
        r#"
const show = (url) => say(url && [url.href, url.hostname, url.port, url.origin])
show(natives.parseUrl("HTTP://User:pw@169.254.169.254:80/a/../b?q=1#h"))
show(natives.parseUrl("http://[::1]:8080"))
show(natives.parseUrl("http://0x7f.1/"))
show(natives.parseUrl("http://a b/"))
show(natives.parseUrl("/x?y", "http://h/z"))
show(natives.parseUrl("/x"))
show(natives.setUrl("http://h/z", "port", "81"))
show(natives.setUrl("http://h/z", "port", "none"))
show(natives.setUrl("http://h/z", "search", "a=ä"))
show(natives.setUrl("http://h/z", "href", "::"))
"#,
        r#"["http://User:pw@169.254.169.254/b?q=1#h","169.254.169.254","","http://169.254.169.254"]
["http://[::1]:8080/","[::1]","8080","http://[::1]:8080"]
["http://127.0.0.1/","127.0.0.1","","http://127.0.0.1"]
null
["http://h/x?y","h","","http://h"]
null
["http://h:81/z","h","81","http://h:81"]
["http://h/z","h","","http://h"]
["http://h/z?a=%C3%A4","h","","http://h"]
null"#,
    );
}
