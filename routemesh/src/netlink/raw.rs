//! Netlink in bytes, for what the crates have no types for.

use std::iter;

use anyhow::{Context as _, Error, Result};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
};
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

/// Bytes of the header of every message.
const HEADER: u32 = 16;
/// What an error is about, in words: include/uapi/linux/netlink.h.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Sends one request and returns the bodies of the answers; with `dump`, all there are.
///
/// # Errors
/// What the kernel answered, as an [`Errno`] at the bottom, below its words if it has any.
pub(super) fn ask(protocol: isize, kind: u16, body: &[u8], dump: bool) -> Result<Vec<Vec<u8>>> {
    let length = HEADER + u32::try_from(body.len()).context("a request's length")?;
    let flags = NLM_F_REQUEST | if dump { NLM_F_DUMP } else { NLM_F_ACK };
    let mut packet = length.to_ne_bytes().to_vec();
    packet.extend(kind.to_ne_bytes());
    packet.extend(flags.to_ne_bytes());
    packet.extend([0; 8]);
    packet.extend(body);
    let socket = Socket::new(protocol).context("open a netlink socket")?;
    socket.set_ext_ack(true)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&packet, 0)?;

    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message = NetlinkBuffer::new_checked(rest)?;
            match message.message_type() {
                NLMSG_DONE => return Ok(answers),
                NLMSG_ERROR => {
                    return refused(message.flags(), message.payload()).map(|()| answers);
                }
                _ => answers.push(message.payload().to_vec()),
            }
            let length = (message.length() as usize).next_multiple_of(4);
            rest = rest.get(length..).unwrap_or_default();
        }
        if !dump {
            return Ok(answers);
        }
    }
}

/// A refusal is a number, the request, and what more there is to say of it.
fn refused(flags: u16, payload: &[u8]) -> Result<()> {
    let code = payload
        .first_chunk()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    if code == 0 {
        return Ok(());
    }
    let error = Error::from(Errno::from_raw(code.wrapping_neg()));
    let request = payload.get(4..).and_then(number).unwrap_or_default();
    let more = 4 + (request as usize).next_multiple_of(4);
    let words = (flags & NLM_F_ACK_TLVS != 0)
        .then(|| find(payload.get(more..)?, NLMSGERR_ATTR_MSG))
        .flatten();
    Err(match words {
        Some(words) => error.context(text(words)),
        None => error,
    })
}

/// Of an attribute's kind: that its value is attributes.
pub(super) const NLA_F_NESTED: u16 = 0x8000;

/// An attribute, filled up to a multiple of 4 bytes.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Attributes with their kinds, up to one that is torn.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Bits that tell of nesting and byte order.
    const FLAGS: u16 = 0xc000;
    iter::from_fn(move || {
        let [a, b, c, d] = *bytes.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & !FLAGS, value))
    })
}

/// The value of the first attribute of that kind; none where there is none.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let found = attributes(bytes).find(|(of, _)| *of == kind);
    found.map(|(_, value)| value)
}

/// A number of this machine's byte order.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*value.first_chunk()?))
}

/// A text that ends with a zero.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&value[..end.unwrap_or(value.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_found_behind_others_and_a_torn_one_is_not() {
        let bytes = [
            attribute(1, b"abc"),
            attribute(0x8002, &7_u32.to_ne_bytes()),
        ]
        .concat();
        assert_eq!(find(&bytes, 1), Some(&b"abc"[..]));
        assert_eq!(find(&bytes, 2), Some(&7_u32.to_ne_bytes()[..]));
        assert_eq!(find(&bytes, 3), None);
        assert_eq!(find(&bytes[..12], 2), None);
        assert_eq!(find(&[0; 8], 1), None);
        assert_eq!(text(b"abc\0x"), "abc");
    }
}
