//! Containers of two hosts that reach one another through each tunnel, by the daemon's routes.

use std::env;

use routemesh_tests::lab::{Host, Pair, Ping, Routemesh, Side, tcp_stream};

/// Bytes of each stream: many super-packets; a GiB where there is time for it.
fn amount() -> u64 {
    if env::var_os("ROUTEMESH_TEST_LONG").is_some() {
        1 << 30
    } else {
        8 << 20
    }
}

/// Who cuts super-packets into segments, and sums them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segments {
    /// Nobody: the cable carries them whole.
    None,
    /// The container, before they come to us.
    ByContainer,
    /// The kernel, on their way out of an uplink that can do neither.
    ByUplink,
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
            match segments {
                Segments::None => {}
                Segments::ByContainer => {
                    side.container.offload("eth0", "tso", false).unwrap();
                    side.container.offload("eth0", "gso", false).unwrap();
                }
                Segments::ByUplink => {
                    side.host.offload("eth0", "tso", false).unwrap();
                    side.host.offload("eth0", "gso", false).unwrap();
                    side.host.offload("eth0", "tx", false).unwrap();
                }
            }
        }
        let (from, to) = (&pair.a.container, &pair.b.container);
        for address in [to.v4(), to.v6()] {
            Ping::default().run(from, address).unwrap();
            let transfer = tcp_stream(from, to, address, amount()).unwrap();
            println!("  {address}: {:.1} Gbit/s", transfer.gbit_per_second());
        }
        let pushed = ended(&a, "encapsulated");
        assert!(pushed > 100, "{mode}: {pushed} packets in tunnels");
        assert!(ended(&b, "encapsulated") > 100);
        assert_eq!(ended(&a, "routed"), 0);
    }
}

/// Starts routemesh with routes to the other side's containers, in tunnels.
fn start(side: &Side, other: &Side, over_v6: bool, (mode, more): (&str, &str)) -> Routemesh {
    let via = if over_v6 {
        other.host.v6().to_string()
    } else {
        other.host.v4().to_string()
    };
    let mut config = format!(
        "node = \"{}\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
         [[network]]\ninterface = \"docker0\"\n",
        side.host.name()
    );
    for subnet in other.network.subnets() {
        config +=
            &format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\nmode = \"{mode}\"\n{more}");
    }
    Routemesh::start(&side.host, &config).unwrap()
}

/// Packets that ended so at tc of any interface.
fn ended(daemon: &Routemesh, outcome: &str) -> u64 {
    let counts = daemon.http("GET", "/v1/outcomes", "").unwrap();
    let counts = counts.json().unwrap();
    let counts = counts.as_array().into_iter().flatten();
    counts
        .filter(|count| count["outcome"] == outcome)
        .filter_map(|count| count["packets"].as_u64())
        .sum()
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
                side.container.offload("eth0", "tso", false).unwrap();
                side.container.offload("eth0", "gso", false).unwrap();
                // What XDP sends on has lost the note that a checksum is still to be computed.
                side.container.offload("eth0", "tx", false).unwrap();
            }
            for address in [b.container.v4(), b.container.v6()] {
                Ping::default().run(&a.container, address).unwrap();
                let transfer = tcp_stream(&a.container, &b.container, address, 8 << 20).unwrap();
                println!("  {address}: {:.2} Gbit/s", transfer.gbit_per_second());
            }
            assert_eq!(ended(&between, "helper_failed"), 0);
            assert!(ended(&between, "encapsulated") > 100);
        }
    }
}
