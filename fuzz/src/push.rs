//! What goes into any tunnel comes out of it as it was.

use routemesh_common::{Family, NetworkId, NextHop, Shim, TunnelSettings, mapped};
use routemesh_ebpf::{
    parse::{self, Datagram},
    tunnel::{arrival, push, strip},
    wire::{Address, ETH_LEN},
};

use crate::frame::{Frame, LARGEST};

const OWN_MAC: [u8; 6] = [2, 0, 0, 0xe0, 0xb, 1];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0xe0, 0xa, 1];

/// Bytes of an input that choose the tunnel.
pub(crate) const KNOBS: usize = 16;

/// Pushes the packet behind the first bytes, which choose the tunnel, and pops it.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some((knobs, bytes)) = data.split_first_chunk::<KNOBS>() else {
        return;
    };
    let mut bytes = bytes[..bytes.len().min(LARGEST)].to_vec();
    let Ok(datagram) = parse::ip(&Frame::whole(&bytes), bytes.len() as u32) else {
        return;
    };
    // As the other end will address it.
    bytes[..12].copy_from_slice(&[OWN_MAC, PEER_MAC].concat());
    let hop = hop(knobs);
    let mut frame = pushed(&bytes, &datagram, &hop);
    let outer = parse::frame(&frame, frame.length(), &OWN_MAC).expect("the outer header is right");
    let room = hop.shim.length(hop.keyed == 1) + if hop.outer == Family::V4 { 20 } else { 40 };
    assert_eq!(outer.length(), datagram.length() + room);
    assert_eq!(outer.ttl(), u32::from(hop.ttl));
    assert_eq!(outer.dst(), Address::v6(&hop.remote));
    assert!(outer.dont_fragment() && !outer.fragment());
    let class = if hop.dscp == 0xff {
        datagram.tos()
    } else {
        hop.dscp | datagram.tos() & 3
    };
    assert_eq!(outer.tos(), class);

    let from = Address::v6(&hop.local);
    let arrived = arrival(
        &mut frame,
        &outer,
        &settings(&hop),
        |peer| peer == from,
        |_| false,
    );
    let arrived = arrived
        .expect("a packet of ours is right")
        .expect("it is in a tunnel");
    assert_eq!(
        (arrived.inner, arrived.room.length()),
        (datagram.family(), room)
    );
    let network = match hop.shim {
        Shim::VXLAN | Shim::GENEVE => NetworkId::vni(hop.vni),
        Shim::IPIP => NetworkId::UNSAID,
        _ => NetworkId::gre(hop.keyed, hop.gre_key),
    };
    assert_eq!(arrived.network, network);
    strip(&mut frame, &arrived).expect("what was pushed can be stripped");
    assert_eq!(frame.bytes(), bytes);
}

/// The packet in its tunnel; nothing of what was in the new room is left there.
fn pushed(bytes: &[u8], datagram: &Datagram, hop: &NextHop) -> Frame {
    let [first, second] = [0, 0xff].map(|fill| {
        let mut frame = Frame::whole(bytes).filling(fill);
        push(&mut frame, datagram, hop).expect("there is room");
        frame
    });
    assert_eq!(
        first.bytes(),
        second.bytes(),
        "all of the header is written"
    );
    assert!(first.bytes().ends_with(&bytes[ETH_LEN..]));
    first
}

fn hop(knobs: &[u8; KNOBS]) -> NextHop {
    let [shim, ttl, dscp, a, b, c, d, e, f, g, h, i, port @ .., j, k] = *knobs;
    let (shim, protocol) = [
        (Shim::IPIP, 4),
        (Shim::GRE, 47),
        (Shim::GRE_ETHERNET, 47),
        (Shim::VXLAN, 17),
        (Shim::GENEVE, 17),
    ][usize::from(shim & 7) % 5];
    let outer = if knobs[0] & 0x80 == 0 {
        Family::V4
    } else {
        Family::V6
    };
    let (local, remote) = (address(outer, [a, b, c]), address(outer, [d, e, f]));
    let keyed = u8::from(knobs[0] & 0x40 != 0);
    let key = u32::from_be_bytes([g, h, i, j]);
    NextHop {
        dst_mac: OWN_MAC,
        src_mac: PEER_MAC,
        inner_dst: [2, 1, 1, 1, 1, k],
        inner_src: [2, 2, 2, 2, 2, k],
        shim,
        outer,
        ttl,
        dscp: if dscp & 3 == 0 { dscp } else { 0xff },
        port,
        vni: key & 0x00ff_ffff,
        keyed,
        gre_key: if keyed == 1 { key } else { 0 },
        sum: sum(ttl, protocol, &local, &remote),
        local,
        remote,
        ..NextHop::default()
    }
}

/// An address of a host.
fn address(family: Family, [a, b, c]: [u8; 3]) -> [u8; 16] {
    if family == Family::V4 {
        mapped([10, a, b, c])
    } else {
        [0xfd, a, b, c, 0, 0, 0, 0, 0, 0, 0, a, b, c, 0, 1]
    }
}

/// What [`NextHop::sum`] is of, added up as RFC 1071 has it.
fn sum(ttl: u8, protocol: u8, local: &[u8; 16], remote: &[u8; 16]) -> u32 {
    let fixed = [0x45, 0, 0, 0, 0x40, 0, ttl, protocol];
    let header = [&fixed, &local[12..], &remote[12..]].concat();
    let words = header
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    words.sum()
}

/// What the other end expects.
fn settings(hop: &NextHop) -> TunnelSettings {
    // Only one of the ports can be the hop's; the other is one that it has not.
    let [high, low] = hop.port;
    let other = [!high, low];
    let (vxlan_port, geneve_port) = if hop.shim == Shim::GENEVE {
        (other, hop.port)
    } else {
        (hop.port, other)
    };
    TunnelSettings {
        vni: hop.vni,
        gre_key: hop.gre_key,
        vxlan_port,
        geneve_port,
        gre_keyed: hop.keyed,
        ..TunnelSettings::default()
    }
}
