//! What is shown can be read again.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::Config;
use crate::{
    config::{
        Limits, Places,
        report::Source,
        rules::{self, MOST_ROUTES},
    },
    model::{
        Action, Dscp, Encapsulation, Mac, Mode, Network, NetworkNumbers, Prefix, Route, Tunnel,
        Uplink, UplinkMode,
    },
};

proptest! {
    #[test]
    fn any_configuration_shown_is_read_back_the_same(config in configuration()) {
        let text = config.to_toml();
        let back = Config::parse(&text, "shown.toml");
        prop_assert_eq!(back.map_err(|report| report.to_string()), Ok(config), "{}", text);
    }

    #[test]
    fn no_text_whatever_panics(text in ".{0,200}", at in 0..1000_usize) {
        let mut file = Config::embedded().to_toml();
        let at = file.floor_char_boundary(at);
        file.insert_str(at, &text);
        if let Err(report) = Config::parse(&file, "config.toml") {
            prop_assert!(report.count() > 0);
            prop_assert!(report.to_string().starts_with("error: "));
        }
    }
}

/// Any configuration without contradictions: uplinks are `ethN`, networks `brN` with subnets of
/// their own in 10.0.0.0/8, and next hops are outside of these.
fn configuration() -> impl Strategy<Value = Config> {
    let limits = (1..=u32::try_from(MOST_ROUTES).unwrap()).prop_map(|routes| routes.max(100));
    (
        "[!-~é]{1,20}",
        vec(mode(), 0..3),
        vec(vec(0..=255_u8, 0..3), 0..4),
        vec(route(), 0..20),
        (tunnel(), limits),
        option::of(any::<SocketAddr>()),
    )
        .prop_map(
            |(node, modes, subnets, routes, (tunnel, routes_limit), metrics)| Config {
                node,
                routes: unique(routes, modes.len()),
                uplinks: uplinks(modes),
                networks: networks(subnets),
                tunnel,
                limits: Limits {
                    routes: routes_limit,
                },
                metrics: metrics.map(without_scope),
                source: Source::new("", ""),
                places: Places::default(),
            },
        )
}

fn mode() -> impl Strategy<Value = UplinkMode> {
    use UplinkMode::{Auto, Tc, Xdp, XdpGeneric};
    select(vec![Auto, Xdp, XdpGeneric, Tc])
}

fn uplinks(modes: Vec<UplinkMode>) -> Vec<Uplink> {
    let named = modes.into_iter().enumerate();
    named
        .map(|(number, mode)| Uplink {
            interface: format!("eth{number}"),
            mode,
        })
        .collect()
}

fn networks(subnets: Vec<Vec<u8>>) -> Vec<Network> {
    let numbered = (0_u8..).zip(subnets);
    numbered
        .map(|(number, mut thirds)| {
            thirds.sort_unstable();
            thirds.dedup();
            let subnet = |third| prefix(Ipv4Addr::new(10, number, third, 0).into(), 24);
            Network {
                interface: format!("br{number}"),
                subnets: thirds.into_iter().map(subnet).collect(),
            }
        })
        .collect()
}

fn route() -> impl Strategy<Value = Route> {
    let v4 = (any::<Ipv4Addr>(), 0..=32_u8).prop_map(|(it, length)| prefix(it.into(), length));
    let v6 = (any::<Ipv6Addr>(), 0..=128_u8).prop_map(|(it, length)| prefix(it.into(), length));
    let dst = prop_oneof![v4, v6].prop_filter("never routed", |dst| {
        rules::destination(*dst).is_ok() && !in_networks(dst.address())
    });
    let route = (dst, action(), option::of(1280..=65_535_u32));
    let route = route.prop_map(|(dst, action, mtu)| Route { dst, action, mtu });
    route.prop_filter("not through that next hop", |route| {
        rules::route(route).is_ok()
    })
}

fn action() -> impl Strategy<Value = Action> {
    let via = any::<IpAddr>().prop_filter("no next hop", |via| {
        rules::next_hop(*via).is_ok() && !rules::is_link_local(*via) && !in_networks(*via)
    });
    prop_oneof![
        Just(Action::Blackhole),
        (via, target(), network()).prop_map(|(via, (mode, vtep_mac), network)| Action::Via {
            via,
            dev: None,
            mode,
            vtep_mac,
            network,
        }),
    ]
}

fn target() -> impl Strategy<Value = (Mode, Option<Mac>)> {
    let modes = [Mode::Direct, Mode::Auto]
        .into_iter()
        .chain(Encapsulation::ALL.map(Mode::Tunnel));
    (
        select(modes.collect::<Vec<_>>()),
        option::of(any::<[u8; 5]>()),
    )
        .prop_map(|(mode, bytes)| {
            let mac = bytes.map(|[a, b, c, d, e]| Mac([2, a, b, c, d, e]));
            (mode, mac.filter(|mac| rules::vtep_mac(*mac, mode).is_ok()))
        })
}

fn network() -> impl Strategy<Value = NetworkNumbers> {
    (option::of(1..1_u32 << 24), option::of(any::<u32>()))
        .prop_map(|(vni, gre_key)| NetworkNumbers { vni, gre_key })
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    let dscp = prop_oneof![Just(Dscp::Copy), (0..64_u8).prop_map(Dscp::Fixed)];
    (
        select(Encapsulation::ALL.to_vec()),
        1..1_u32 << 24,
        (1..=u16::MAX, 1..=u16::MAX),
        option::of(any::<u32>()),
        1..=u8::MAX,
        dscp,
        (
            vec(1..1_u32 << 24, 0..3),
            vec(option::of(any::<u32>()), 0..3),
        ),
        any::<[bool; 2]>(),
    )
        .prop_map(
            |(
                mode,
                vni,
                (vxlan_port, geneve_port),
                gre_key,
                ttl,
                dscp,
                accepted,
                [udp_checksum, clamp_mss],
            )| {
                Tunnel {
                    mode,
                    vni,
                    accept_vni: accepted.0,
                    vxlan_port,
                    geneve_port,
                    gre_key,
                    accept_gre_key: accepted.1,
                    ttl,
                    dscp,
                    udp_checksum,
                    clamp_mss,
                }
            },
        )
}

fn in_networks(address: IpAddr) -> bool {
    prefix(Ipv4Addr::new(10, 0, 0, 0).into(), 8).contains(address)
}

fn prefix(address: IpAddr, length: u8) -> Prefix {
    Prefix::around(address, length).unwrap()
}

/// One route for each prefix; of those with an MTU, each that can names one of the uplinks.
fn unique(routes: Vec<Route>, uplinks: usize) -> Vec<Route> {
    let mut by_prefix: BTreeMap<Prefix, Route> =
        routes.into_iter().map(|it| (it.dst, it)).collect();
    for route in by_prefix.values_mut() {
        if let (Action::Via { dev, .. }, Some(mtu), 1..) = (&mut route.action, route.mtu, uplinks) {
            *dev = Some(format!("eth{}", mtu as usize % uplinks));
        }
    }
    by_prefix.into_values().collect()
}

/// A flow label and a scope are not part of what can be written.
fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
