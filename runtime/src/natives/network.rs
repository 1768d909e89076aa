//! TCP to numeric addresses, news of routes, pipes.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, bind, shutdown, socket_with, sockopt};
use rustix::pipe::{PipeFlags, pipe_with};

use super::natives;
use crate::descriptors::get;
use crate::shapes::tuple;
use crate::values::Text;

tuple! {
    /// The ends of a pipe.
    Pipe(reader: OwnedFd, writer: OwnedFd)
}

/// `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE` of `linux/rtnetlink.h`.
const ROUTE_GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// A socket of the family's first protocol: TCP, or `NETLINK_ROUTE`.
fn socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)
}

natives! {
    /// Starts a TCP connection to a numeric address. `POLLOUT` of `watch` says that it is made, or has failed:
    /// `socketError` tells.
    fn connect(address: Text, port: u32) -> Result<OwnedFd, Errno> {
        let address: IpAddr = address.0.parse().map_err(|_| Errno::INVAL)?;
        let port = u16::try_from(port).map_err(|_| Errno::INVAL)?;
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket(family, SocketType::STREAM)?;
        // A request is one write; waiting for more of it would only delay it.
        sockopt::set_tcp_nodelay(&socket, true)?;
        match rustix::net::connect(&socket, &SocketAddr::new(address, port)) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error),
        }
    }

    /// The positive errno of a socket (`SO_ERROR`), or 0.
    fn socketError(socket: i32) -> i32 {
        match get(socket).and_then(|socket| sockopt::socket_error(&*socket)) {
            Ok(Ok(())) => 0,
            Ok(Err(error)) | Err(error) => error.raw_os_error(),
        }
    }

    /// Ends writing: the peer reads the end.
    fn shutdown(socket: i32) -> Result<(), Errno> {
        shutdown(&*get(socket)?, Shutdown::Write)
    }

    /// A socket that becomes readable (`POLLIN`) when an address or a route appears or goes (rtnetlink). Drain it with
    /// `read`.
    fn routeChanges() -> Result<OwnedFd, Errno> {
        let socket = socket(AddressFamily::NETLINK, SocketType::RAW)?;
        bind(&socket, &SocketAddrNetlink::new(0, ROUTE_GROUPS))?;
        Ok(socket)
    }

    /// The ends to read and to write. Our side of a child's pipe is made non-blocking by `setNonblocking`.
    fn pipe() -> Result<Pipe, Errno> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Pipe(reader, writer))
    }

    fn setNonblocking(file: i32) -> Result<(), Errno> {
        let file = get(file)?;
        fcntl_setfl(&*file, fcntl_getfl(&*file)? | OFlags::NONBLOCK)
    }
}
