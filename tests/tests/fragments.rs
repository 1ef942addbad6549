//! Datagrams that may be fragmented, and do not fit: they are cut here and arrive whole.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use routemesh_tests::lab::{Echo, PATIENCE, Pair, Ping, Routemesh, Side, eventually, udp_echo};

/// Payloads of what fits into a tunnel, of one packet of a container's, of several, and the most.
const SIZES: [usize; 5] = [1400, 1472, 1473, 8000, 60_000];

#[test]
fn datagrams_too_big_for_a_tunnel_arrive_in_pieces() {
    for mode in ["vxlan", "geneve", "gre", "ipip"] {
        let scene = Scene::tunnelled(mode, |side| IpAddr::V4(side.host.v4()));
        scene.echo(&SIZES).unwrap();
        scene.nothing_else_became_of_them();
    }
}

#[test]
fn datagrams_too_big_for_a_tunnel_over_ipv6_arrive_in_pieces() {
    let scene = Scene::tunnelled("vxlan", |side| IpAddr::V6(side.host.v6()));
    scene.echo(&SIZES).unwrap();
    scene.nothing_else_became_of_them();
}

#[test]
fn datagrams_too_big_for_an_uplink_arrive_in_pieces() {
    let pair = Pair::new().unwrap();
    for side in [&pair.a, &pair.b] {
        side.host.mtu("eth0", 1280).unwrap();
    }
    let (a, b) = pair.routemesh("tc").unwrap();
    let scene = Scene::of(pair, a, b);
    scene.echo(&SIZES).unwrap();
    scene.nothing_else_became_of_them();
}

/// Each is cut in two, and what is left again, until all of it fits; and the checksum that the
/// container leaves to its network card is in the first of them.
#[test]
fn one_packet_is_cut_into_as_many_as_it_takes() {
    let scene = Scene::tunnelled("vxlan", |side| IpAddr::V4(side.host.v4()));
    for side in [&scene.pair.a, &scene.pair.b] {
        side.container.mtu("eth0", 9000).unwrap();
        for interface in ["docker0", &side.container.port()] {
            side.host.mtu(interface, 9000).unwrap();
        }
    }
    let cut = || scene.a.packets("port", "fragmented").unwrap();
    let before = cut();
    // 8008 bytes behind the IP header, and 1424 fit into each packet.
    scene.echo(&[8000]).unwrap();
    assert_eq!(cut() - before, 5);
    scene.echo(&SIZES).unwrap();
    let to = scene.pair.b.container.v4();
    Ping::of(8900).run(&scene.pair.a.container, to).unwrap();
    scene.nothing_else_became_of_them();
}

#[test]
fn packets_too_big_for_a_container_arrive_in_pieces() {
    let pair = Pair::new().unwrap();
    let (a, b) = pair.routemesh("tc").unwrap();
    pair.b.container.mtu("eth0", 1300).unwrap();
    pair.b.host.mtu(&pair.b.container.port(), 1300).unwrap();
    let scene = Scene::of(pair, a, b);
    eventually("the new MTU to be heeded", PATIENCE, || {
        scene.echo(&SIZES)?;
        let cut = scene.b.packets("tc", "fragmented")?;
        ensure!(cut > 0, "nothing was cut");
        Ok(())
    })
    .unwrap();
}

/// Two hosts, whose containers let routers fragment what they send.
struct Scene {
    pair: Pair,
    a: Routemesh,
    b: Routemesh,
}

impl Scene {
    fn of(pair: Pair, a: Routemesh, b: Routemesh) -> Self {
        for side in [&pair.a, &pair.b] {
            // Sockets set DF unless this is set.
            let sysctl = side.container.sysctl("ipv4.ip_no_pmtu_disc", "1");
            sysctl.unwrap();
        }
        Self { pair, a, b }
    }

    /// With routes through tunnels between the hosts' addresses.
    fn tunnelled(mode: &str, address: impl Fn(&Side) -> IpAddr) -> Self {
        let pair = Pair::new().unwrap();
        let start = |side: &Side, other: &Side| {
            let route = format!("mode = \"{mode}\"\n");
            let config = side.tunnel_config(other, address(other), &route);
            Routemesh::start(&side.host, &config).unwrap()
        };
        let (a, b) = (start(&pair.a, &pair.b), start(&pair.b, &pair.a));
        Self::of(pair, a, b)
    }

    fn echo(&self, sizes: &[usize]) -> Result<()> {
        let (a, b) = (&self.pair.a.container, &self.pair.b.container);
        udp_echo(a, b, b.v4(), Echo { sizes })
    }

    fn nothing_else_became_of_them(&self) {
        for daemon in [&self.a, &self.b] {
            assert!(daemon.packets("port", "fragmented").unwrap() > 0);
            for outcome in ["needs_fragmentation", "too_big", "helper_failed"] {
                assert_eq!(daemon.ended(outcome).unwrap(), 0, "{outcome}");
            }
        }
    }
}
