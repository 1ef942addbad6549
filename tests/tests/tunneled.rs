//! Containers of two hosts that reach one another through each tunnel, by the daemon's routes.

use std::{env, net::IpAddr};

use routemesh_tests::lab::{
    Host, Pair, Ping, Routemesh, Segments, Side, has_decapsulation_flags, tcp_stream,
};

/// Bytes of each stream: many super-packets; a GiB where there is time for it.
fn amount() -> u64 {
    if env::var_os("ROUTEMESH_TEST_LONG").is_some() {
        1 << 30
    } else {
        8 << 20
    }
}

/// The mode, and what else its routes need.
const MODES: [(&str, &str); 5] = [
    ("vxlan", ""),
    ("geneve", ""),
    ("gre", ""),
    ("gre", "vtep-mac = \"02:00:00:00:00:99\"\n"),
    ("ipip", ""),
];

#[test]
fn every_tunnel_over_ipv4_carries_super_packets() {
    carries(false, Segments::None);
}

#[test]
fn every_tunnel_over_ipv6_carries_super_packets() {
    carries(true, Segments::None);
}

#[test]
fn every_tunnel_over_ipv4_carries_segments() {
    carries(false, Segments::ByContainer);
}

#[test]
fn every_tunnel_over_ipv6_carries_segments() {
    carries(true, Segments::ByContainer);
}

#[test]
fn every_tunnel_over_ipv4_is_segmented_where_the_uplink_cannot() {
    carries(false, Segments::ByUplink);
}

#[test]
fn every_tunnel_over_ipv6_is_segmented_where_the_uplink_cannot() {
    carries(true, Segments::ByUplink);
}

fn carries(over_v6: bool, segments: Segments) {
    for (mode, more) in MODES {
        println!("{mode} {more}");
        let pair = Pair::new().unwrap();
        let a = start(&pair.a, &pair.b, over_v6, (mode, more));
        let b = start(&pair.b, &pair.a, over_v6, (mode, more));
        for side in [&pair.a, &pair.b] {
            side.segment(segments).unwrap();
        }
        let (from, to) = (&pair.a.container, &pair.b.container);
        for address in [to.v4(), to.v6()] {
            Ping::default().run(from, address).unwrap();
            let transfer = tcp_stream(from, to, address, amount()).unwrap();
            println!("  {address}: {:.1} Gbit/s", transfer.gbit_per_second());
        }
        let pushed = a.ended("encapsulated").unwrap();
        assert!(pushed > 100, "{mode}: {pushed} packets in tunnels");
        assert!(b.ended("encapsulated").unwrap() > 100);
        assert_eq!(a.ended("routed").unwrap(), 0);
    }
}

/// Starts routemesh with routes to the other side's containers, in tunnels.
fn start(side: &Side, other: &Side, over_v6: bool, (mode, more): (&str, &str)) -> Routemesh {
    let via = if over_v6 {
        other.host.v6().into()
    } else {
        other.host.v4().into()
    };
    let config = side.tunnel_config(other, via, &format!("mode = \"{mode}\"\n{more}"));
    Routemesh::start(&side.host, &config).unwrap()
}

#[test]
fn a_host_between_two_carries_from_tunnel_to_tunnel() {
    for mode in ["tc", "xdp"] {
        for (left, right) in [("vxlan", "gre"), ("vxlan", "vxlan"), ("geneve", "ipip")] {
            println!("{mode}: {left} to {right}");
            let ways = [left, right].map(|mode| (mode, "", false));
            let chain = Chain::new(mode, ways);
            for side in [&chain.pair.a, &chain.pair.b] {
                // tc cannot put a super-packet that was in a tunnel into one of another kind: the
                // kernel goes on seeing the first.
                side.segment(Segments::ByContainer).unwrap();
                // What XDP sends on has lost the note that a checksum is still to be computed.
                side.container.offload("eth0", "tx", false).unwrap();
            }
            let packets = chain.carries(2 << 20, |_| true);
            assert!(packets > 100, "{packets}");
        }
    }
}

#[test]
fn a_host_between_two_carries_super_packets_between_tunnels_over_udp() {
    carries_between(&[
        [("vxlan", "", false), ("vxlan", "", false)],
        [("vxlan", "", false), ("geneve", "", false)],
        [("geneve", "", true), ("vxlan", "", true)],
        [("vxlan", "", false), ("vxlan", "", true)],
    ]);
}

#[test]
fn a_host_between_two_carries_super_packets_between_tunnels_of_gre_and_of_ip() {
    const MACS: &str = "vtep-mac = \"02:00:00:00:00:99\"\n";
    carries_between(&[
        [("gre", "", false), ("gre", "", false)],
        [("gre", "", true), ("gre", "", false)],
        [("gre", MACS, false), ("gre", MACS, false)],
        [("ipip", "", false), ("ipip", "", false)],
        [("ipip", "", true), ("ipip", "", true)],
    ]);
}

/// A host between two carries super-packets from the first of each to the second.
fn carries_between(ways: &[[Way<'_>; 2]]) {
    for &[left, right] in ways {
        println!("{left:?} to {right:?}");
        let chain = Chain::new("tc", [left, right]);
        // What fits into both, since of packets out of a tunnel of this very machine no error is told.
        chain.pair.a.container.mtu("eth0", 1400).unwrap();
        // Before 6.3 the kernel takes the family of what is in a tunnel for that of the tunnel.
        let wanted = |address: &IpAddr| has_decapsulation_flags() || address.is_ipv6() == right.2;
        let packets = chain.carries(4 << 20, wanted);
        // Segments would be more than 3000 in each stream.
        assert!(packets < 2000, "{packets} packets");
        for offload in ["tso", "gso", "tx"] {
            chain.between.0.offload("eth0", offload, false).unwrap();
        }
        chain.carries(4 << 20, wanted);
    }
}

/// Mode of a route, what else it needs, and whether its tunnel is over IPv6.
type Way<'a> = (&'a str, &'a str, bool);

/// A host between two, with tunnels to both.
struct Chain {
    between: (Host, Routemesh),
    _ends: [Routemesh; 2],
    pair: Pair,
}

impl Chain {
    /// With the host between in `mode`.
    fn new(mode: &str, [left, right]: [Way<'_>; 2]) -> Self {
        let pair = Pair::new().unwrap();
        let r = pair.lab.host("r").unwrap();
        let (a, b) = (&pair.a, &pair.b);
        if mode == "xdp" {
            for host in [&a.host, &b.host, &r] {
                pair.lab.wire().accept_xdp(host, "eth0").unwrap();
            }
        }
        let routes = |to: &Side, via: &Host, (mode, more, over_v6): Way<'_>| -> String {
            let via = if over_v6 {
                IpAddr::V6(via.v6())
            } else {
                IpAddr::V4(via.v4())
            };
            let route = |subnet| {
                format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\nmode = \"{mode}\"\n{more}")
            };
            to.network.subnets().map(route).collect()
        };
        let head = |name: &str, mode: &str| {
            format!("node = \"{name}\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n")
        };
        let network = "[[network]]\ninterface = \"docker0\"\n";
        let between = head("r", mode) + &routes(a, &a.host, left) + &routes(b, &b.host, right);
        let between = Routemesh::start(&r, &between).unwrap();
        let from = head("a", "tc") + network + &routes(b, &r, left);
        let to = head("b", "tc") + network + &routes(a, &r, right);
        let from = Routemesh::start(&a.host, &from).unwrap();
        let to = Routemesh::start(&b.host, &to).unwrap();
        Self {
            between: (r, between),
            _ends: [from, to],
            pair,
        }
    }

    /// Sends a stream of each family that is wanted, and returns how many packets the host between
    /// sent on.
    fn carries(&self, bytes: u64, wanted: impl Fn(&IpAddr) -> bool) -> u64 {
        let (a, b) = (&self.pair.a.container, &self.pair.b.container);
        for address in [b.v4(), b.v6()].into_iter().filter(wanted) {
            Ping::default().run(a, address).unwrap();
            let transfer = tcp_stream(a, b, address, bytes).unwrap();
            println!("  {address}: {:.2} Gbit/s", transfer.gbit_per_second());
        }
        let between = &self.between.1;
        assert_eq!(between.ended("helper_failed").unwrap(), 0);
        between.ended("encapsulated").unwrap()
    }
}
