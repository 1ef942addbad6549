//! The ways to watched addresses: whatever is done to routes, they are those of the kernel.

use std::fmt::Write as _;

use routemesh::model::Path;

use super::host::{Host, address, batch, in_namespace, ip};

/// A host with 10.1.0.1/24 and fd00::1/64 on a link.
async fn host() -> Host {
    ip("link set lo up");
    ip("link add v0 up type veth peer name v1");
    ip("link set v1 up");
    ip("addr add 10.1.0.1/24 dev v0");
    ip("addr add fd00::1/64 dev v0 nodad");
    Host::start().await
}

impl Host {
    /// Follows until the way to `to` is by that router.
    async fn until_gateway(&mut self, to: &str, gateway: &str) {
        let (to, gateway) = (address(to), address(gateway));
        self.until(|world| {
            let path = world.paths.get(&to);
            path.and_then(|path| path.gateway) == Some(gateway)
        })
        .await;
    }
}

#[test]
fn a_watched_path_follows_the_routes_to_it() {
    in_namespace(async || {
        let mut host = host().await;
        ip("route add 10.9.0.0/16 via 10.1.0.2");
        host.watch(&["10.9.9.9"]);
        host.until_gateway("10.9.9.9", "10.1.0.2").await;
        let path = Path {
            ifindex: host.link("v0").index,
            gateway: Some(address("10.1.0.2")),
            source: Some(address("10.1.0.1")),
            mtu: None,
        };
        assert_eq!(host.world.paths[&address("10.9.9.9")], path);

        ip("route replace 10.9.0.0/16 via 10.1.0.3");
        host.until_gateway("10.9.9.9", "10.1.0.3").await;
        ip("route add 10.9.9.9 via 10.1.0.4 mtu 1400");
        host.until_gateway("10.9.9.9", "10.1.0.4").await;
        assert_eq!(host.world.paths[&address("10.9.9.9")].mtu, Some(1400));
        ip("route del 10.9.9.9");
        host.until_gateway("10.9.9.9", "10.1.0.3").await;
        ip("route del 10.9.0.0/16");
        host.until(|world| world.paths.is_empty()).await;
        ip("route add default via 10.1.0.5");
        host.until_gateway("10.9.9.9", "10.1.0.5").await;
    });
}

#[test]
fn a_watched_path_follows_the_links_and_addresses_it_needs() {
    in_namespace(async || {
        let mut host = host().await;
        host.watch(&["10.1.0.9", "fd00::9"]);
        host.until(|world| world.paths.len() == 2).await;
        for (to, source) in [("10.1.0.9", "10.1.0.1"), ("fd00::9", "fd00::1")] {
            let path = host.world.paths[&address(to)];
            assert_eq!(path.gateway, None);
            assert_eq!(path.source, Some(address(source)));
        }
        ip("addr del 10.1.0.1/24 dev v0");
        host.until(|world| world.paths.len() == 1).await;
        ip("link del v0");
        host.until(|world| world.paths.is_empty()).await;
    });
}

#[test]
fn a_router_may_be_of_the_other_family() {
    in_namespace(async || {
        let mut host = host().await;
        host.watch(&["10.9.9.9"]);
        ip("route add 10.9.0.0/16 via inet6 fd00::2 dev v0");
        host.until_gateway("10.9.9.9", "fd00::2").await;
    });
}

#[test]
fn there_is_no_way_to_what_is_refused_or_this_host_s_own() {
    in_namespace(async || {
        let mut host = host().await;
        ip("route add unreachable 10.8.0.0/16");
        ip("route add unreachable fd08::/64");
        host.watch(&["10.8.0.1", "fd08::1", "10.1.0.1", "fd00::1", "10.1.0.9"]);
        host.until(|world| !world.paths.is_empty()).await;
        let there: Vec<_> = host.world.paths.keys().copied().collect();
        assert_eq!(there, [address("10.1.0.9")]);
    });
}

#[test]
fn what_is_watched_no_more_is_forgotten() {
    in_namespace(async || {
        let mut host = host().await;
        host.watch(&["10.1.0.8", "10.1.0.9"]);
        host.until(|world| world.paths.len() == 2).await;
        host.watch(&["10.1.0.9"]);
        host.until(|world| world.paths.len() == 1).await;
        host.watch(&[]);
        host.until(|world| world.paths.is_empty()).await;
    });
}

#[test]
fn a_path_is_right_after_a_flood_of_routes() {
    in_namespace(async || {
        let mut host = host().await;
        ip("route add 10.9.0.0/16 via 10.1.0.2");
        host.watch(&["10.9.9.9"]);
        host.until_gateway("10.9.9.9", "10.1.0.2").await;
        let mut flood = String::new();
        for number in 0..40_000_u32 {
            let [_, first, second, third] = number.to_be_bytes();
            let dst = format!("{}.{second}.{third}.0/24", 11 + first);
            writeln!(flood, "route add {dst} via 10.1.0.3").unwrap();
        }
        flood.push_str("route replace 10.9.0.0/16 via 10.1.0.4\n");
        batch(&flood);
        host.until_gateway("10.9.9.9", "10.1.0.4").await;
    });
}
