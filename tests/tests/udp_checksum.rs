//! A peer that verifies checksums of outer UDP headers, and takes none over IPv6 without: the
//! kernel's `vxlan` device, as it is unless it is told otherwise.

use std::net::IpAddr;

use routemesh_tests::lab::{PATIENCE, Pair, Ping, Routemesh, Side, eventually, tcp_stream};

const VTEP: &str = "02:00:00:00:00:99";
const OURS: &str = "02:00:00:00:00:77";

fn to_host(side: &Side, is_v6: bool) -> IpAddr {
    if is_v6 {
        side.host.v6().into()
    } else {
        side.host.v4().into()
    }
}

/// Routemesh on A, with VXLAN to B.
fn config(pair: &Pair, is_v6: bool, tunnel: &str) -> String {
    let via = to_host(&pair.b, is_v6);
    let mut config = "[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
                      [[network]]\ninterface = \"docker0\"\n"
        .to_owned();
    for subnet in pair.b.network.subnets() {
        config += &format!(
            "[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\nmode = \"vxlan\"\nvtep-mac = \"{VTEP}\"\n"
        );
    }
    format!("{config}[tunnel]\nvni = 100\n{tunnel}")
}

/// The device on B, which is strict, and sends checksums itself.
fn device(pair: &Pair, is_v6: bool) {
    let (local, remote) = (to_host(&pair.b, is_v6), to_host(&pair.a, is_v6));
    pair.b.host.forward().unwrap();
    let add = format!(
        "link add vx0 address {VTEP} type vxlan id 100 dstport 4789 local {local} remote {remote} \
         dev eth0 nolearning udpcsum noudp6zerocsumtx noudp6zerocsumrx\n\
         link set vx0 up mtu 1430"
    );
    pair.b.host.ip(&add).unwrap();
    for subnet in pair.a.network.subnets() {
        let gateway = subnet.network();
        let route = format!(
            "route add {subnet} via {gateway} dev vx0 onlink\n\
             neigh replace {gateway} lladdr {OURS} dev vx0 nud permanent"
        );
        pair.b.host.ip(&route).unwrap();
    }
}

#[test]
fn a_peer_that_wants_checksums_over_ipv6_gets_them() {
    let pair = Pair::new().unwrap();
    device(&pair, true);
    let a = Routemesh::start(&pair.a.host, &config(&pair, true, "")).unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    for address in [to.v4(), to.v6()] {
        assert!(Ping::of(56).run(from, address).is_err(), "it is not strict");
    }
    a.write_config(&config(&pair, true, "udp-checksum = true\n"))
        .unwrap();
    a.cli_ok(&["reload"]).unwrap();
    let status = a.cli_ok(&["status"]).unwrap();
    assert!(status.contains("udp-checksum"), "{status}");
    // What the status says to do: super-packets have no checksum.
    let off = ["ethtool", "-K", "eth0", "tso", "off", "gso", "off"];
    from.run(off).unwrap();
    carries(&pair);
}

/// The uplink's kernel cuts them into segments, and the device verifies what has a checksum.
#[test]
fn super_packets_go_without_a_checksum_over_ipv4() {
    let pair = Pair::new().unwrap();
    device(&pair, false);
    let off = [
        "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "tx", "off",
    ];
    pair.a.host.run(off).unwrap();
    let config = config(&pair, false, "udp-checksum = true\n");
    let _a = Routemesh::start(&pair.a.host, &config).unwrap();
    carries(&pair);
}

fn carries(pair: &Pair) {
    let (a, b) = (&pair.a.container, &pair.b.container);
    for (from, to, address) in [
        (a, b, b.v4()),
        (a, b, b.v6()),
        (b, a, a.v4()),
        (b, a, a.v6()),
    ] {
        eventually("a ping through the tunnel", PATIENCE, || {
            Ping::default().run(from, address)
        })
        .unwrap();
        tcp_stream(from, to, address, 16 << 20).unwrap();
    }
}
