//! A route's tunnel is changed while packets use it, and none is lost or doubled.

use std::{net::IpAddr, thread, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use routemesh_tests::lab::{LEAST_RATE, Pair, Ping, Routemesh, Side, udp_numbered};

/// Datagrams in a second, where the machine can.
const RATE: u32 = 50_000;
const MODES: [&str; 6] = ["vxlan", "geneve", "direct", "gre", "ipip", "vxlan"];

#[test]
fn no_datagram_over_ipv4_is_lost_when_both_hosts_change_their_tunnels_in_turn() {
    nothing_is_lost(Container::V4, in_turn);
}

#[test]
fn no_datagram_over_ipv6_is_lost_when_both_hosts_change_their_tunnels_in_turn() {
    nothing_is_lost(Container::V6, in_turn);
}

#[test]
fn no_datagram_over_ipv4_is_lost_when_both_hosts_change_their_tunnels_at_once() {
    nothing_is_lost(Container::V4, at_once);
}

#[test]
fn no_datagram_over_ipv6_is_lost_when_both_hosts_change_their_tunnels_at_once() {
    nothing_is_lost(Container::V6, at_once);
}

/// First both hosts accept the new one, then they use it, and then they forget the old.
#[test]
fn no_datagram_is_lost_when_both_hosts_change_their_vni() {
    settings_change(
        "vxlan",
        &[
            "vni = 100",
            "vni = 100\naccept-vni = [200]",
            "vni = 200\naccept-vni = [100]",
            "vni = 200",
        ],
        "vni 100",
    );
}

#[test]
fn no_datagram_is_lost_when_both_hosts_change_their_gre_key() {
    settings_change(
        "gre",
        &[
            "gre-key = 7",
            "gre-key = 7\naccept-gre-key = [8]",
            "gre-key = 8\naccept-gre-key = [7]",
            "gre-key = 8",
        ],
        "gre-key 7",
    );
}

#[test]
fn no_datagram_is_lost_when_both_hosts_begin_to_have_a_gre_key_and_end_it() {
    settings_change(
        "gre",
        &[
            "",
            "accept-gre-key = [7]",
            "gre-key = 7\naccept-gre-key = [\"none\"]",
            "gre-key = 7",
            "gre-key = 7\naccept-gre-key = [\"none\"]",
            "accept-gre-key = [7]",
            "",
        ],
        "gre-key 7",
    );
}

/// Which of a container's addresses packets go to.
#[derive(Clone, Copy)]
enum Container {
    V4,
    V6,
}

/// A host that is told to change its route to the other one's containers.
struct Changing<'a> {
    daemon: &'a Routemesh,
    dst: String,
    via: String,
}

impl<'a> Changing<'a> {
    fn new(pair: &Pair, daemon: &'a Routemesh, other: &Side, family: Container) -> Self {
        let is_wanted = |address: IpAddr| address.is_ipv4() == matches!(family, Container::V4);
        let mut subnets = other.network.subnets();
        let dst = subnets.find(|subnet| is_wanted(subnet.addr())).unwrap();
        let via = pair.lab.wire().address(&other.host, dst.addr());
        Self {
            daemon,
            dst: dst.to_string(),
            via: via.to_string(),
        }
    }

    /// `mode` may be followed by other words of a route.
    fn change(&self, mode: &str) -> Result<()> {
        let mut words = vec!["route", "replace", &self.dst, "via", &self.via, "mode"];
        words.extend(mode.split(' '));
        self.daemon.cli_ok(&words)?;
        Ok(())
    }
}

fn in_turn(hosts: &[Changing<'_>; 2], mode: &str) -> Result<()> {
    for host in hosts {
        host.change(mode)?;
        // As long as an operator takes to go from one host to the next, and much longer than a
        // packet is on its way.
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn at_once(hosts: &[Changing<'_>; 2], mode: &str) -> Result<()> {
    thread::scope(|scope| {
        let changes = hosts
            .each_ref()
            .map(|host| scope.spawn(|| host.change(mode)));
        changes
            .into_iter()
            .try_for_each(|change| change.join().map_err(|_| anyhow!("the change panicked"))?)
    })
}

fn nothing_is_lost(family: Container, change: impl Fn(&[Changing<'_>; 2], &str) -> Result<()>) {
    let pair = Pair::new().unwrap();
    let (a, b) = pair.routemesh("tc").unwrap();
    let hosts = [
        Changing::new(&pair, &a, &pair.b, family),
        Changing::new(&pair, &b, &pair.a, family),
    ];
    at_once(&hosts, MODES[0]).unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    let address = match family {
        Container::V4 => to.v4(),
        Container::V6 => to.v6(),
    };
    let numbered = udp_numbered(from, to, address, RATE, || {
        (0..3)
            .flat_map(|_| MODES)
            .try_for_each(|mode| change(&hosts, mode).with_context(|| format!("change to {mode}")))
    })
    .unwrap();
    numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    for outcome in ["encapsulated", "routed"] {
        assert!(a.packets("port", outcome).unwrap() > 100, "{outcome}");
    }
}

/// Both hosts have one `[tunnel]` after the other. Afterwards a route with `forgotten` is of a
/// network that is nobody's.
fn settings_change(mode: &str, tunnels: &[&str], forgotten: &str) {
    let pair = Pair::new().unwrap();
    let (a, b) = pair.routemesh("tc").unwrap();
    let sides = [(&a, &pair.a, &pair.b), (&b, &pair.b, &pair.a)];
    let tell = |tunnel: &str| {
        for (daemon, side, other) in sides {
            let routes = side.config("tc", other);
            let routes = routes.replace("via = ", &format!("mode = \"{mode}\"\nvia = "));
            daemon.write_config(&format!("{routes}[tunnel]\n{tunnel}\n"))?;
            daemon.cli_ok(&["reload"])?;
        }
        anyhow::Ok(())
    };
    let (first, changes) = tunnels.split_first().unwrap();
    tell(first).unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    let numbered = udp_numbered(from, to, to.v4(), RATE, || {
        changes.iter().try_for_each(|tunnel| tell(tunnel))
    })
    .unwrap();
    numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    let hosts = Changing::new(&pair, &a, &pair.b, Container::V4);
    hosts.change(&format!("{mode} {forgotten}")).unwrap();
    let foreign = || b.packets("tc", "foreign_tunnel").unwrap();
    let before = foreign();
    assert!(Ping::of(56).run(from, to.v4()).is_err());
    assert!(foreign() > before);
}
