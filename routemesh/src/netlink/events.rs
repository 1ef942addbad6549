//! The kernel's announcements: a socket that is in the multicast groups.

use std::io;

use anyhow::{Context as _, Result};
use netlink_packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{
    AsyncSocket as _, AsyncSocketExt as _, Socket, SocketAddr, TokioSocket,
    protocols::NETLINK_ROUTE,
};
use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt},
};
use rtnetlink::MulticastGroup;
use socket2::{SockFilter, SockRef};

/// The groups joined.
const GROUPS: [MulticastGroup; 6] = [
    MulticastGroup::Link,
    MulticastGroup::Neigh,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];

/// Those of routes.
const ROUTE_GROUPS: [MulticastGroup; 2] = [MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route];

/// Room for messages of all routes, in bytes.
const ROUTES_BUFFER: usize = 64 << 10;

/// The largest datagram the kernel sends, in bytes, twice over.
const DATAGRAM: usize = 64 << 10;

/// Datagrams taken in one go, so that a flood neither hides the changes it brings nor keeps
/// others on this thread waiting.
const BURST: usize = 256;

/// A subscription to what changes in this network namespace.
pub(super) struct Events {
    socket: TokioSocket,
    datagram: Vec<u8>,
}

/// What was there to read at once.
#[derive(Default)]
pub(super) struct Burst {
    /// In the order of happening.
    pub(super) messages: Vec<RouteNetlinkMessage>,
    /// Whether messages were lost.
    pub(super) overrun: bool,
}

impl Events {
    /// Joins the groups, with room in the kernel for that many bytes of messages not yet read.
    pub(super) fn subscribe(receive_buffer: usize) -> Result<Self> {
        let socket = open(receive_buffer)?;
        SockRef::from(socket.socket_ref())
            .attach_filter(&all_but_specific_routes())
            .context("attach the route filter to the netlink socket")?;
        Self::join(socket, &GROUPS)
    }

    /// Joins the groups of routes alone, all of them. There is little room for messages: that
    /// there were some is all that they tell.
    pub(super) fn of_routes() -> Result<Self> {
        Self::join(open(ROUTES_BUFFER)?, &ROUTE_GROUPS)
    }

    fn join(mut socket: TokioSocket, groups: &[MulticastGroup]) -> Result<Self> {
        let groups = groups
            .iter()
            .fold(0, |groups, group| groups | 1 << (*group as u32 - 1));
        socket
            .socket_mut()
            .bind(&SocketAddr::new(0, groups))
            .context("join the netlink groups")?;
        Ok(Self {
            socket,
            datagram: Vec::with_capacity(DATAGRAM),
        })
    }

    /// Waits for messages. Nothing is lost when it is dropped while it waits.
    pub(super) async fn burst(&mut self) -> Result<Burst> {
        loop {
            self.datagram.clear();
            let first = self.socket.recv_from(&mut self.datagram).await;
            let mut burst = Burst::default();
            let mut more = self.take(first, &mut burst)?;
            for _ in 1..BURST {
                more = more && self.receive(&mut burst)?;
            }
            if burst.overrun || !burst.messages.is_empty() {
                return Ok(burst);
            }
        }
    }

    /// Throws away all that is there to read. After an overrun the kernel delivers nothing more,
    /// and says so no second time, until the socket has been emptied.
    pub(super) fn discard(&mut self) -> Result<()> {
        let mut burst = Burst::default();
        while self.receive(&mut burst)? {
            burst.messages.clear();
        }
        Ok(())
    }

    /// Reads one datagram into `burst`; false if there is none.
    fn receive(&mut self, burst: &mut Burst) -> Result<bool> {
        self.datagram.clear();
        let received = self.socket.socket_ref().recv_from(&mut self.datagram, 0);
        self.take(received.map(|(_, from)| from), burst)
    }

    /// Sorts what came of reading one datagram into `burst`; false if there was none.
    fn take(&self, received: io::Result<SocketAddr>, burst: &mut Burst) -> Result<bool> {
        match received {
            // Only the kernel has port 0.
            Ok(from) if from.port_number() == 0 => parse(&self.datagram, &mut burst.messages),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                burst.overrun = true;
            }
            Err(error) => return Err(error).context("read the netlink socket"),
        }
        Ok(true)
    }
}

/// Takes the messages out of a datagram. What cannot be parsed is left out.
fn parse(mut datagram: &[u8], messages: &mut Vec<RouteNetlinkMessage>) {
    while let Ok(header) = NetlinkBuffer::new_checked(datagram) {
        let length = header.length() as usize;
        match NetlinkMessage::deserialize(&datagram[..length]) {
            Ok(message) => {
                if let NetlinkPayload::InnerMessage(message) = message.payload {
                    messages.push(message);
                }
            }
            Err(error) => tracing::debug!(%error, "a netlink message was not understood"),
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
}

fn open(receive_buffer: usize) -> Result<TokioSocket> {
    let socket = TokioSocket::new(NETLINK_ROUTE).context("open a netlink socket")?;
    enlarge(socket.socket_ref(), receive_buffer)?;
    Ok(socket)
}

/// Sets the room for messages not yet read; within the sysctl's limit where privileges lack.
fn enlarge(socket: &Socket, bytes: usize) -> Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &bytes)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &bytes))
        .context("set the netlink socket's receive buffer")
}

/// A classic BPF program that keeps all messages but those of routes to anything more specific
/// than everything. A host that takes in an internet's routes is not woken a million times, and
/// they push nothing else out of the buffer.
fn all_but_specific_routes() -> [SockFilter; 7] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// Of nlmsg_type in a message, and of rtm_dst_len behind its header of 16 bytes.
    const TYPE: u32 = 4;
    const PREFIX_LENGTH: u32 = 17;
    const NEW_ROUTE: u16 = 24;
    const DELETE_ROUTE: u16 = 25;
    // Classic BPF loads are big endian, netlink is of the machine's order.
    let as_loaded = |number: u16| u32::from(u16::from_be_bytes(number.to_ne_bytes()));
    [
        SockFilter::new(LOAD_HALF, 0, 0, TYPE),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, as_loaded(NEW_ROUTE)),
        SockFilter::new(JUMP_IF_EQUAL, 0, 2, as_loaded(DELETE_ROUTE)),
        SockFilter::new(LOAD_BYTE, 0, 0, PREFIX_LENGTH),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
