//! A tunnel header is taken off a peer's packet only, and nothing behind it is touched.

use routemesh_common::{Family, NetworkId, Outcome, TunnelSettings};
use routemesh_ebpf::{
    parse::{self, Datagram},
    tunnel::{self, Arrival, Room},
    wire::ETH_LEN,
};
use routemesh_tests::packet::internet_checksum;

use crate::{
    frame::{Frame, LARGEST},
    parse::read,
};

/// Takes the tunnel off the frame behind the first byte, whose bits say what this host expects.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some((&bits, bytes)) = data.split_first() else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(LARGEST)];
    let Ok(outer) = read(&Frame::whole(bytes)) else {
        return;
    };
    let settings = settings(bits);
    let believed = Believed {
        peer: bits & 2 == 0,
        network: bits & 4 != 0,
    };
    let whole = pop(Frame::whole(bytes), &outer, &settings, believed);
    let headed = pop(Frame::at_tc(bytes), &outer, &settings, believed);
    assert_eq!(seen(&whole), seen(&headed), "at tc");
    let Ok(Some(popped)) = whole else { return };
    assert!(believed.peer, "only a peer's");
    let ours = [
        NetworkId::UNSAID,
        NetworkId::vni(settings.vni),
        NetworkId::gre(settings.gre_keyed, settings.gre_key),
    ];
    assert!(believed.network || ours.contains(&popped.arrival.network));
    only_the_room_is_gone(bytes, &popped);
}

/// What this host takes for a tunnel of its own.
fn settings(bits: u8) -> TunnelSettings {
    TunnelSettings {
        vni: 100,
        gre_key: 7,
        vxlan_port: 4789_u16.to_be_bytes(),
        geneve_port: 6081_u16.to_be_bytes(),
        gre_keyed: bits & 1,
        ..TunnelSettings::default()
    }
}

/// What the maps say of any packet.
#[derive(Clone, Copy)]
struct Believed {
    /// It is from a peer.
    peer: bool,
    /// Some route is of its network.
    network: bool,
}

/// A packet out of its tunnel.
struct Popped {
    frame: Frame,
    arrival: Arrival,
    /// How it reads now, within what the outer header holds.
    inner: Result<Datagram, Outcome>,
}

/// What tells one result from another.
type Seen<'a> = (&'a [u8], Arrival, Result<Datagram, Outcome>);

fn seen(result: &Result<Option<Popped>, Outcome>) -> Result<Option<Seen<'_>>, Outcome> {
    let popped = result.as_ref().map_err(|outcome| *outcome)?;
    let seen = popped
        .as_ref()
        .map(|popped| (popped.frame.bytes(), popped.arrival, popped.inner));
    Ok(seen)
}

/// As the programs do it. None: no tunnel packet.
fn pop(
    mut frame: Frame,
    outer: &Datagram,
    settings: &TunnelSettings,
    believed: Believed,
) -> Result<Option<Popped>, Outcome> {
    let resembles = tunnel::resembles(&frame, outer, settings);
    let is_peer = |_| believed.peer;
    let is_ours = |_| believed.network;
    let Some(arrival) = tunnel::arrival(&mut frame, outer, settings, is_peer, is_ours)? else {
        assert!(!resembles, "what is no tunnel packet looks like none");
        return Ok(None);
    };
    assert!(resembles, "a container could have forged it");
    if !believed.peer {
        return Err(arrival.of_stranger());
    }
    tunnel::strip(&mut frame, &arrival)?;
    let most = ETH_LEN as u32 + outer.length().saturating_sub(arrival.room.length());
    let inner = parse::ip(&frame, frame.length().min(most));
    Ok(Some(Popped {
        frame,
        arrival,
        inner,
    }))
}

fn only_the_room_is_gone(before: &[u8], popped: &Popped) {
    let after = popped.frame.bytes();
    let room = popped.arrival.room.length() as usize;
    let (old, new) = (&before[ETH_LEN + room..], &after[ETH_LEN..]);
    assert_eq!(after[..12], before[..12], "from and to the same stations");
    let Room { outer, .. } = popped.arrival.room;
    let mut wanted = old.to_vec();
    let ecn = decapsulated(
        tos(&before[ETH_LEN..], outer) & 3,
        tos(old, popped.arrival.inner) & 3,
    );
    if popped.arrival.inner == Family::V4 {
        assert_eq!(after[12..14], [8, 0]);
        wanted[1] = old[1] & !3 | ecn;
        assert_eq!(
            internet_checksum(&old[..20]),
            internet_checksum(&new[..20]),
            "a right checksum stays right, a wrong one as wrong as it was"
        );
        wanted[10..12].copy_from_slice(&new[10..12]);
    } else {
        assert_eq!(after[12..14], [0x86, 0xdd]);
        wanted[1] = old[1] & 0xcf | ecn << 4;
    }
    assert_eq!(wanted, new);
    if let Ok(inner) = popped.inner {
        assert!(inner.length() as usize <= new.len());
    }
}

fn tos(ip: &[u8], family: Family) -> u8 {
    if family == Family::V6 {
        ip[0] << 4 | ip[1] >> 4
    } else {
        ip[1]
    }
}

/// RFC 6040 §4.2, figure 4; that of a packet which is dropped is never asked for.
fn decapsulated(outer: u8, inner: u8) -> u8 {
    match (outer, inner) {
        (0b11, 0b01..=0b11) => 0b11,
        (0b01, 0b10) => 0b01,
        (_, inner) => inner,
    }
}
