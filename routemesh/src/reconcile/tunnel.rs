//! What packets are wrapped in on their way to a next hop.

use std::net::IpAddr;

use routemesh_common::{NextHop, Shim};

use super::hops::{HopKey, Step, Unreachable, family};
use crate::model::{Dscp, Encapsulation, Mac, Tunnel, mapped};

/// Says in [`NextHop::dscp`] that the inner header's is taken.
const COPY_DSCP: u8 = 0xff;

/// `hop` with all that the kernel writes in front of a packet.
///
/// # Errors
/// When the uplink has no address for the outer header, or no room for it.
pub(super) fn wrap(
    hop: NextHop,
    encapsulation: Encapsulation,
    key: &HopKey,
    step: &Step<'_>,
    tunnel: &Tunnel,
) -> Result<NextHop, Unreachable> {
    let name = || step.uplink.name.clone();
    let local = local(key.via, step).ok_or_else(|| Unreachable::NoSource(name()))?;
    let shim = encapsulation.shim(key.vtep_mac.is_some());
    let port = match encapsulation {
        Encapsulation::Vxlan => tunnel.vxlan_port,
        Encapsulation::Geneve => tunnel.geneve_port,
        Encapsulation::Gre | Encapsulation::Ipip => 0,
    };
    let outer = if key.via.is_ipv4() { 20 } else { 40 };
    let mtu = hop.mtu.saturating_sub(outer + shim.length(hop.keyed == 1));
    if mtu == 0 {
        return Err(Unreachable::NoRoom(name()));
    }
    let hop = NextHop {
        mtu,
        shim,
        outer: family(key.via),
        ttl: tunnel.ttl,
        dscp: match tunnel.dscp {
            Dscp::Copy => COPY_DSCP,
            Dscp::Fixed(dscp) => dscp << 2,
        },
        clamp_mss: u8::from(tunnel.clamp_mss),
        port: port.to_be_bytes(),
        udp_checksum: u8::from(tunnel.udp_checksum && port != 0),
        sum: sum(local, key.via, tunnel.ttl, protocol(encapsulation)),
        local: mapped(local),
        remote: mapped(key.via),
        ..hop
    };
    let has_ethernet = shim != Shim::IPIP && shim != Shim::GRE;
    Ok(if has_ethernet {
        NextHop {
            inner_dst: key.vtep_mac.unwrap_or_else(|| Mac::of_vtep(key.via)).0,
            inner_src: Mac::of_vtep(local).0,
            ..hop
        }
    } else {
        hop
    })
}

/// This host's address on the way to `remote`: the one the kernel would take, or else that on
/// the same link, or any of the family that is good beyond its link.
fn local(remote: IpAddr, step: &Step<'_>) -> Option<IpAddr> {
    let own = || {
        let addresses = step.uplink.addresses.iter();
        addresses.filter(|own| own.addr().is_ipv4() == remote.is_ipv4())
    };
    let is_link_local =
        |address: IpAddr| matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let on_link = || own().find(|own| own.contains(&remote));
    let global = || own().find(|own| !is_link_local(own.addr()));
    step.path
        .and_then(|path| path.source)
        .or_else(|| on_link().or_else(global).map(|own| own.addr()))
}

/// The outer IPv4 header's protocol; an inner IPv6 packet without a shim has another, which the
/// kernel side knows.
fn protocol(encapsulation: Encapsulation) -> u8 {
    match encapsulation {
        Encapsulation::Vxlan | Encapsulation::Geneve => 17,
        Encapsulation::Gre => 47,
        Encapsulation::Ipip => 4,
    }
}

/// The sum of the words of an IPv4 header that are the same in every packet, not folded; 0 of
/// IPv6, which has no checksum.
fn sum(local: IpAddr, remote: IpAddr, ttl: u8, protocol: u8) -> u32 {
    let (IpAddr::V4(local), IpAddr::V4(remote)) = (local, remote) else {
        return 0;
    };
    const VERSION_AND_LENGTH: u16 = 0x4500;
    const DO_NOT_FRAGMENT: u16 = 0x4000;
    let [a, b, c, d] = local.octets();
    let [e, f, g, h] = remote.octets();
    let addresses = [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes);
    let rest = [
        VERSION_AND_LENGTH,
        DO_NOT_FRAGMENT,
        u16::from_be_bytes([ttl, protocol]),
    ];
    addresses.into_iter().chain(rest).map(u32::from).sum()
}

#[cfg(test)]
mod tests {
    use routemesh_common::Family;

    use super::*;
    use crate::{
        model::{Interface, Mode, NetworkNumbers, Uplink, UplinkMode, World, unmapped},
        reconcile::hops::{Underlay, resolve},
    };

    const STATION: Mac = Mac([2, 1, 1, 1, 1, 1]);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn world() -> World {
        let interface = Interface {
            index: 2,
            name: "eth0".to_owned(),
            mtu: 1500,
            addresses: ["192.168.1.1/24", "fd00::1/64", "fe80::1/64"]
                .map(|own| own.parse().unwrap())
                .into(),
            ..Interface::default()
        };
        World {
            interfaces: [(2, interface)].into(),
            ..World::default()
        }
    }

    fn hop(via: &str, encapsulation: Encapsulation, vtep_mac: Option<Mac>) -> NextHop {
        let tunnel = Tunnel {
            gre_key: vtep_mac.map(|_| 9),
            ..Tunnel::default()
        };
        hop_of(via, encapsulation, vtep_mac, &tunnel)
    }

    fn hop_of(
        via: &str,
        encapsulation: Encapsulation,
        vtep_mac: Option<Mac>,
        tunnel: &Tunnel,
    ) -> NextHop {
        hop_by(&key(via, encapsulation, vtep_mac), tunnel)
    }

    fn key(via: &str, encapsulation: Encapsulation, vtep_mac: Option<Mac>) -> HopKey {
        HopKey {
            via: address(via),
            dev: None,
            mtu: None,
            mode: Mode::Tunnel(encapsulation),
            vtep_mac,
            network: NetworkNumbers::default(),
        }
    }

    fn hop_by(key: &HopKey, tunnel: &Tunnel) -> NextHop {
        let uplink = Uplink {
            interface: "eth0".to_owned(),
            mode: UplinkMode::Auto,
        };
        let underlay = Underlay {
            uplinks: &[uplink],
            tunnel,
            world: &world(),
        };
        resolve(key, underlay).unwrap()
    }

    #[test]
    fn every_tunnel_leaves_room_for_what_it_adds() {
        use Encapsulation::{Geneve, Gre, Ipip, Vxlan};
        for (encapsulation, vtep_mac, v4) in [
            (Vxlan, None, 1450),
            (Geneve, None, 1450),
            (Gre, None, 1476),
            (Gre, Some(STATION), 1458),
            (Ipip, None, 1480),
        ] {
            assert_eq!(hop("192.168.1.2", encapsulation, vtep_mac).mtu, v4);
            assert_eq!(hop("fd00::2", encapsulation, vtep_mac).mtu, v4 - 20);
        }
    }

    #[test]
    fn both_ends_agree_on_the_macs_within() {
        let hop = hop("192.168.1.2", Encapsulation::Vxlan, None);
        assert_eq!(hop.inner_dst, Mac::of_vtep(address("192.168.1.2")).0);
        assert_eq!(hop.inner_src, Mac::of_vtep(address("192.168.1.1")).0);
        assert_eq!((hop.port, hop.vni, hop.keyed), ([0x12, 0xb5], 100, 0));
    }

    #[test]
    fn a_route_s_own_network_comes_before_the_node_s_in_every_mode() {
        let tunnel = Tunnel {
            gre_key: Some(9),
            ..Tunnel::default()
        };
        for mode in [Mode::Direct, Mode::Tunnel(Encapsulation::Gre)] {
            let of = |network| {
                let hop = hop_by(
                    &HopKey {
                        mode,
                        network,
                        ..key("192.168.1.2", Encapsulation::Vxlan, None)
                    },
                    &tunnel,
                );
                (hop.vni, hop.keyed, hop.gre_key)
            };
            assert_eq!(of(NetworkNumbers::default()), (100, 1, 9));
            let own = NetworkNumbers {
                vni: Some(200),
                gre_key: Some(0),
            };
            assert_eq!(of(own), (200, 1, 0));
        }
    }

    #[test]
    fn gre_holds_ethernet_where_the_vtep_has_a_mac() {
        let ethernet = hop("192.168.1.2", Encapsulation::Gre, Some(STATION));
        assert_eq!(ethernet.shim, Shim::GRE_ETHERNET);
        assert_eq!((ethernet.inner_dst, ethernet.keyed), (STATION.0, 1));
        let ip = hop("192.168.1.2", Encapsulation::Gre, None);
        assert_eq!((ip.shim, ip.keyed), (Shim::GRE, 0));
        assert_eq!((ip.inner_dst, ip.inner_src), ([0; 6], [0; 6]));
    }

    #[test]
    fn the_outer_family_is_that_of_the_other_end() {
        let v6 = hop("fd00::2", Encapsulation::Ipip, None);
        assert_eq!((v6.outer, v6.sum), (Family::V6, 0));
        assert_eq!(unmapped(v6.local), address("fd00::1"));
        let link_local = hop("fe80::2", Encapsulation::Geneve, None);
        assert_eq!(unmapped(link_local.local), address("fe80::1"));
    }

    #[test]
    fn the_sum_and_what_a_packet_adds_make_a_right_checksum() {
        let hop = hop("192.168.1.2", Encapsulation::Vxlan, None);
        // A whole header: TOS 0x48, length 0x0123, DF, TTL 64, UDP.
        let header = [
            0x45, 0x48, 0x01, 0x23, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 168, 1, 1, 192, 168, 1, 2,
        ];
        let whole: u32 = header
            .as_chunks::<2>()
            .0
            .iter()
            .map(|word| u32::from(u16::from_be_bytes(*word)))
            .sum();
        assert_eq!(hop.sum + 0x48 + 0x123, whole);
    }

    #[test]
    fn a_fixed_dscp_is_in_the_upper_bits() {
        let tunnel = Tunnel {
            dscp: Dscp::Fixed(46),
            ttl: 7,
            ..Tunnel::default()
        };
        let hop = hop_of("192.168.1.2", Encapsulation::Vxlan, None, &tunnel);
        assert_eq!((hop.dscp, hop.ttl), (0xb8, 7));
    }
}
