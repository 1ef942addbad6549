//! Every shim around either family over either family: on and off again.

extern crate std;

use std::{collections::BTreeSet, vec, vec::Vec};

use routemesh_common::{Family, NextHop, Shim, TunnelSettings};

use super::{arrival, push, strip};
use crate::{
    checksum::Sum,
    frame::Frame,
    parse::{self, Datagram},
    wire::{Address, ETH_LEN},
};

const STATION: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const KEY: u32 = 0x0102_0304;
const VNI: u32 = 0x00ab_cdef;
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// An address of host `last`, in its 16-byte form.
fn address(family: Family, last: u8) -> [u8; 16] {
    if family == Family::V4 {
        routemesh_common::mapped([192, 0, 2, last])
    } else {
        [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
    }
}

/// Every hop there is.
fn hops() -> Vec<NextHop> {
    let shims = [
        (Shim::IPIP, 0, 4, [0; 2]),
        (Shim::GRE, 0, 47, [0; 2]),
        (Shim::GRE, 1, 47, [0; 2]),
        (Shim::GRE_ETHERNET, 0, 47, [0; 2]),
        (Shim::GRE_ETHERNET, 1, 47, [0; 2]),
        (Shim::VXLAN, 0, 17, 4789_u16.to_be_bytes()),
        (Shim::GENEVE, 0, 17, 6081_u16.to_be_bytes()),
    ];
    let hop = |outer, (shim, keyed, protocol, port)| NextHop {
        dst_mac: PEER,
        src_mac: STATION,
        shim,
        outer,
        ttl: 64,
        dscp: 0xff,
        port,
        keyed,
        vni: VNI,
        gre_key: KEY,
        sum: sum(protocol),
        local: address(outer, 1),
        remote: address(outer, 2),
        ..NextHop::default()
    };
    FAMILIES
        .into_iter()
        .flat_map(|outer| shims.map(|shim| hop(outer, shim)))
        .collect()
}

fn sum(protocol: u16) -> u32 {
    let address = 2 * (0xc000 + 0x0200_u32) + 1 + 2;
    0x4500 + 0x4000 + 0x4000 + u32::from(protocol) + address
}

fn settings(hop: &NextHop) -> TunnelSettings {
    TunnelSettings {
        vni: VNI,
        gre_key: KEY,
        vxlan_port: 4789_u16.to_be_bytes(),
        geneve_port: 6081_u16.to_be_bytes(),
        gre_keyed: hop.keyed,
        ..TunnelSettings::default()
    }
}

/// A UDP packet between two ports with a payload of so many bytes, and how it reads.
fn packet(family: Family, ports: [u16; 2], payload: usize) -> (Frame, Datagram) {
    let mut udp = ports.map(u16::to_be_bytes).concat();
    udp.extend(((8 + payload) as u16).to_be_bytes());
    udp.extend([0x5a; 2]);
    udp.extend((0..=255).cycle().take(payload));
    let mut frame = [PEER, STATION].concat();
    if family == Family::V4 {
        let length = (20 + udp.len()) as u16;
        let mut ip = vec![0x45, 0xb8];
        ip.extend(length.to_be_bytes());
        ip.extend([1, 2, 0x40, 0, 9, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let check = Sum::new()
            .bytes::<20>(ip[..].try_into().unwrap())
            .checksum();
        ip[10..12].copy_from_slice(&check);
        frame.extend([8, 0]);
        frame.extend(ip);
    } else {
        frame.extend([0x86, 0xdd, 0x6b, 0x80, 0, 0]);
        frame.extend((udp.len() as u16).to_be_bytes());
        frame.extend([17, 9]);
        frame.extend(address(Family::V6, 0x51));
        frame.extend(address(Family::V6, 0x52));
    }
    frame.extend(udp);
    let frame = Frame(frame);
    let datagram = parse::ip(&frame, frame.0.len() as u32).unwrap();
    (frame, datagram)
}

#[test]
fn what_is_pushed_and_stripped_is_as_before() {
    for hop in hops() {
        for family in FAMILIES {
            for payload in [0, 1, 700, 9000] {
                let (mut frame, datagram) = packet(family, [1, 2], payload);
                let before = frame.0.clone();
                push(&mut frame, &datagram, &hop).unwrap();
                // As the other end has it.
                let outer = parse::ip(&frame, frame.0.len() as u32).unwrap();
                let from = Address::v6(&hop.local);
                let is_peer = |address: Address| address == from;
                let settings = settings(&hop);
                let arrival = arrival(&mut frame, &outer, &settings, is_peer, |_| false);
                let arrival = arrival.unwrap().unwrap();
                assert_eq!(arrival.from, from);
                assert!(hop.is_of(arrival.network));
                assert_eq!(arrival.inner, family);
                strip(&mut frame, &arrival).unwrap();
                assert_eq!(frame.0, before, "{hop:?} {family:?} {payload}");
            }
        }
    }
}

#[test]
fn the_outer_header_has_the_right_length_class_and_checksum() {
    for hop in hops() {
        for family in FAMILIES {
            for payload in [0, 1, 700, 9000] {
                let (mut frame, datagram) = packet(family, [1, 2], payload);
                push(&mut frame, &datagram, &hop).unwrap();
                // It reads lengths, and sums the checksum from scratch.
                let outer = parse::ip(&frame, frame.0.len() as u32).unwrap();
                assert_eq!(outer.length() as usize, frame.0.len() - ETH_LEN);
                assert_eq!((outer.tos(), outer.ttl()), (0xb8, 64));
                assert_eq!(outer.dst(), Address::v6(&hop.remote));
            }
        }
    }
}

#[test]
fn a_flow_keeps_its_source_port_and_flows_have_different_ones() {
    let port = |family, ports, payload| {
        let (frame, datagram) = packet(family, ports, payload);
        u16::from_be_bytes(super::source_port(&frame, &datagram).unwrap())
    };
    for family in FAMILIES {
        assert_eq!(port(family, [7, 9], 0), port(family, [7, 9], 100));
        let ports: BTreeSet<u16> = (0..1000).map(|flow| port(family, [flow, 80], 0)).collect();
        // Of 16384 ports, a thousand drawn by lot hit about 970.
        assert!(ports.len() > 900, "{} ports", ports.len());
        assert!(ports.iter().all(|port| *port >= 49_152));
    }
}

#[test]
fn a_super_packet_beyond_64_kib_has_no_length() {
    let hop = hops().pop().unwrap();
    let (mut frame, _) = packet(Family::V4, [1, 2], 10);
    // What the length field cannot say the frame does, as with Linux "BIG TCP".
    frame.0.resize(ETH_LEN + 70_000, 0);
    frame.0[16..18].fill(0);
    frame.0[24..26].fill(0);
    let head: [u8; 20] = frame.0[14..34].try_into().unwrap();
    let check = Sum::new().bytes(&head).checksum();
    frame.0[24..26].copy_from_slice(&check);
    let datagram = parse::ip(&frame, frame.0.len() as u32).unwrap();
    assert_eq!(datagram.length(), 70_000);
    push(&mut frame, &datagram, &hop).unwrap();
    let lengths = [18..20, 58..60];
    assert_eq!(lengths.map(|at| frame.0[at].to_vec()), [[0, 0], [0, 0]]);
}
