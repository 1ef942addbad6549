//! Answering a packet with an ICMP error.

use routemesh_common::{Family, Interface, Outcome};
use routemesh_ebpf::{
    icmp::{self, Complaint},
    parse::Datagram,
    wire::ETH_LEN,
};

use crate::{count, ctx::Tc, pipeline::Sent};

/// Turns the packet into an ICMP error about itself and sends it back where it came from.
#[inline(always)]
pub(crate) fn send(
    tc: &mut Tc,
    interface: &Interface,
    datagram: &Datagram,
    complaint: Complaint,
) -> Result<Sent, Outcome> {
    if !has_address(interface, datagram.family()) {
        return Err(Outcome::ErrorSuppressed);
    }
    icmp::may_complain(tc, datagram)?;
    count::take_error_token()?;
    let most = icmp::most_quoted(datagram.family());
    let quote = (datagram.length() as usize).min(most);
    let room = icmp::room(datagram.family());
    // Cut first, so that what Ethernet padded is not quoted.
    tc.resize((ETH_LEN + quote) as u32)?;
    tc.resize((ETH_LEN + most) as u32)?;
    tc.insert(room as u32)?;
    if datagram.family() == Family::V4 {
        icmp::write_v4(tc, complaint, quote, interface.ipv4, interface.mac)?;
    } else {
        icmp::write_v6(tc, complaint, quote, &interface.ipv6, interface.mac)?;
    }
    tc.resize((ETH_LEN + room + quote) as u32)?;
    Ok(Sent {
        outcome: complaint.outcome(),
        action: tc.redirect(tc.ifindex())?,
    })
}

#[inline(always)]
fn has_address(interface: &Interface, family: Family) -> bool {
    if family == Family::V4 {
        interface.ipv4 != [0; 4]
    } else {
        // No usable IPv6 address begins with a zero byte.
        interface.ipv6[0] != 0
    }
}
