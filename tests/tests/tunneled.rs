//! Containers of two hosts that reach one another through each tunnel, by the daemon's routes.

use std::env;

use routemesh_tests::lab::{Host, Pair, Ping, Routemesh, Segments, Side, tcp_stream};

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
            let pair = Pair::new().unwrap();
            let r = pair.lab.host("r").unwrap();
            let (a, b) = (&pair.a, &pair.b);
            if mode == "xdp" {
                for host in [&a.host, &b.host, &r] {
                    pair.lab.wire().accept_xdp(host, "eth0").unwrap();
                }
            }
            let routes = |to: &Side, via: &Host, mode: &str| -> String {
                let via = via.v4();
                let route = |subnet| {
                    format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\nmode = \"{mode}\"\n")
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
            let _from = Routemesh::start(&a.host, &from).unwrap();
            let to = head("b", "tc") + network + &routes(a, &r, right);
            let _to = Routemesh::start(&b.host, &to).unwrap();
            for side in [a, b] {
                // tc cannot put a super-packet that was in a tunnel into another: the kernel
                // goes on seeing the first.
                side.segment(Segments::ByContainer).unwrap();
                // What XDP sends on has lost the note that a checksum is still to be computed.
                side.container.offload("eth0", "tx", false).unwrap();
            }
            for address in [b.container.v4(), b.container.v6()] {
                Ping::default().run(&a.container, address).unwrap();
                let transfer = tcp_stream(&a.container, &b.container, address, 2 << 20).unwrap();
                println!("  {address}: {:.2} Gbit/s", transfer.gbit_per_second());
            }
            assert_eq!(between.ended("helper_failed").unwrap(), 0);
            assert!(between.ended("encapsulated").unwrap() > 100);
        }
    }
}
