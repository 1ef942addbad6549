//! Queueing disciplines of interfaces, over rtnetlink.

use anyhow::{Context as _, Result, bail};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NetlinkMessage,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcHandle, TcMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;

/// Whether a filter hangs from the interface's `clsact`, on either side.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn has_filters(ifindex: u32) -> Result<bool> {
    for side in [TcHandle::MIN_INGRESS, TcHandle::MIN_EGRESS] {
        let mut wanted = of(ifindex)?;
        wanted.header.parent = TcHandle {
            major: TcHandle::CLSACT.major,
            minor: side,
        };
        let filters = exchange(RouteNetlinkMessage::GetTrafficFilter(wanted), NLM_F_DUMP)
            .with_context(|| format!("read the tc filters of interface {ifindex}"))?;
        if filters > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the interface's `clsact`, if it has one, with all filters.
///
/// # Errors
/// Why the kernel refused.
pub(super) fn remove_clsact(ifindex: u32) -> Result<()> {
    let mut unwanted = of(ifindex)?;
    unwanted.header.parent = TcHandle::CLSACT;
    unwanted.attributes.push(TcAttribute::Kind("clsact".into()));
    match exchange(RouteNetlinkMessage::DelQueueDiscipline(unwanted), NLM_F_ACK) {
        Err(error) if error.downcast_ref() == Some(&Errno::ENOENT) => Ok(()),
        result => result
            .map(drop)
            .with_context(|| format!("remove the clsact qdisc of interface {ifindex}")),
    }
}

fn of(ifindex: u32) -> Result<TcMessage> {
    let mut message = TcMessage::default();
    message.header.index = i32::try_from(ifindex).context("an interface's number")?;
    Ok(message)
}

/// Sends a request and reads the answers to their end; tells how many there were.
///
/// They are not parsed, since they may be of kinds that nobody here knows.
fn exchange(request: RouteNetlinkMessage, flags: u16) -> Result<usize> {
    let mut packet = NetlinkMessage::from(request);
    packet.header.flags = NLM_F_REQUEST | flags;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    let socket = Socket::new(NETLINK_ROUTE).context("open a netlink socket")?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;

    let mut answers = 0;
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message = NetlinkBuffer::new_checked(rest)?;
            match message.message_type() {
                NLMSG_DONE => return Ok(answers),
                NLMSG_ERROR => return acknowledged(message.payload()).map(|()| answers),
                _ => answers += 1,
            }
            let length = (message.length() as usize).next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// What an acknowledgement says: 0, or a negative error number.
fn acknowledged(payload: &[u8]) -> Result<()> {
    let Some(code) = payload.first_chunk() else {
        bail!("a netlink error without a number");
    };
    match i32::from_ne_bytes(*code) {
        0 => Ok(()),
        code => Err(Errno::from_raw(-code).into()),
    }
}
