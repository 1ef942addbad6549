//! [`Follower`] against the real kernel: whatever is done to a namespace, the world follows.
//!
//! Each test has a network namespace of its own, that of its thread; it goes with the thread.

mod host;
mod paths;

use std::time::{Duration, Instant};

use host::{Host, address, batch, in_namespace, ip, run, station};
use routemesh::{model::World, netlink::Follower};
use tokio::time::timeout;

#[test]
fn links_are_followed_through_all_that_happens_to_them() {
    in_namespace(async || {
        let mut host = Host::start().await;
        assert_eq!(host.link("lo").kind, None);

        ip("link add v0 mtu 1400 type veth peer name v1");
        host.until_link("v0", |_| true).await;
        let v0 = host.link("v0");
        assert_eq!(
            (v0.mtu, v0.up, v0.kind.as_deref()),
            (1400, false, Some("veth"))
        );

        ip("link set v1 up");
        ip("link set v0 up");
        host.until_link("v0", |link| link.up).await;
        ip("link set v1 down");
        host.until_link("v0", |link| !link.up).await;

        ip("link set v0 mtu 9000 address 02:00:00:00:00:77");
        host.until_link("v0", |link| (link.mtu, link.mac) == (9000, station(0x77)))
            .await;

        ip("link set v0 down");
        ip("link set v0 name renamed");
        host.until(|world| {
            world.interface("v0").is_none()
                && world
                    .interface("renamed")
                    .is_some_and(|link| link.index == v0.index)
        })
        .await;

        ip("link del renamed");
        host.until(|world| !world.interfaces.contains_key(&v0.index))
            .await;
    });
}

#[test]
fn addresses_are_followed_and_kept_until_they_are_taken_away() {
    in_namespace(async || {
        ip("link add v0 type veth peer name v1");
        let mut host = Host::start().await;
        for [given, kept] in [
            ["10.1.2.3/16", "10.1.2.3/16"],
            ["10.9.0.1 peer 10.9.0.2/31", "10.9.0.1/31"],
            ["fd00::1/64 nodad", "fd00::1/64"],
        ] {
            ip(&format!("addr add dev v0 {given}"));
            let network = kept.parse().unwrap();
            host.until_link("v0", |link| link.addresses.contains(&network))
                .await;
        }

        ip("link set v0 mtu 1400");
        host.until_link("v0", |link| link.mtu == 1400).await;
        assert_eq!(host.link("v0").addresses.len(), 3);

        ip("addr flush dev v0");
        host.until_link("v0", |link| link.addresses.is_empty())
            .await;
    });
}

#[test]
fn an_ipv6_address_counts_once_it_is_known_to_be_no_duplicate() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        let mut host = Host::start().await;
        ip("addr add fd00::1/64 dev v0");
        // Without a carrier, detection does not begin.
        ip("addr add 10.1.0.1/24 dev v0");
        host.until_link("v0", |link| !link.addresses.is_empty())
            .await;
        assert_eq!(host.link("v0").addresses.len(), 1);

        ip("link set v1 up");
        let network = "fd00::1/64".parse().unwrap();
        host.until_link("v0", |link| link.addresses.contains(&network))
            .await;
    });
}

#[test]
fn a_bridge_s_ports_and_stations_come_and_go() {
    in_namespace(async || {
        ip("link add br0 up type bridge");
        ip("link add v0 up type veth peer name v1");
        ip("link set v1 up");
        let mut host = Host::start().await;
        let bridge = host.link("br0").index;
        let port = host.link("v0").index;
        let key = (bridge, station(0x42));

        ip("link set v0 master br0");
        host.until(|world| world.ports(bridge).count() == 1).await;
        assert_eq!(host.link("v0").mtu, 1500, "told by the bridge's message");

        run("bridge fdb add 02:00:00:00:00:42 dev v0 master static");
        host.until(|world| world.fdb.get(&key) == Some(&port)).await;
        run("bridge fdb del 02:00:00:00:00:42 dev v0 master");
        host.until(|world| !world.fdb.contains_key(&key)).await;

        run("bridge fdb add 02:00:00:00:00:43 dev v0 master static");
        host.until(|world| world.fdb.contains_key(&(bridge, station(0x43))))
            .await;
        ip("link set v0 nomaster");
        host.until(|world| world.ports(bridge).count() == 0 && world.fdb.is_empty())
            .await;
        assert_eq!(host.link("v0").index, port, "it is a link still");
    });
}

#[test]
fn a_station_that_moves_is_behind_its_new_port() {
    in_namespace(async || {
        ip("link add br0 up type bridge");
        for port in ["v0", "v1"] {
            ip(&format!(
                "link add {port} up master br0 type veth peer name {port}p"
            ));
        }
        run("bridge fdb add 02:00:00:00:00:42 dev v0 master static");
        let mut host = Host::start().await;
        let key = (host.link("br0").index, station(0x42));
        assert_eq!(host.world.fdb.get(&key), Some(&host.link("v0").index));

        run("bridge fdb replace 02:00:00:00:00:42 dev v1 master static");
        let port = host.link("v1").index;
        host.until(|world| world.fdb.get(&key) == Some(&port)).await;
    });
}

#[test]
fn neighbours_are_there_while_they_are_usable() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("link set v1 up");
        ip("addr add 10.1.0.1/24 dev v0");
        let mut host = Host::start().await;
        let key = (host.link("v0").index, address("10.1.0.2"));

        ip("neigh replace 10.1.0.2 lladdr 02:00:00:00:00:02 dev v0 nud reachable");
        host.until(|world| world.neighbours.get(&key) == Some(&station(2)))
            .await;
        ip("neigh replace 10.1.0.2 lladdr 02:00:00:00:00:03 dev v0 nud permanent");
        host.until(|world| world.neighbours.get(&key) == Some(&station(3)))
            .await;
        ip("neigh replace 10.1.0.2 dev v0 nud failed");
        host.until(|world| !world.neighbours.contains_key(&key))
            .await;
        ip("neigh replace 10.1.0.2 lladdr 02:00:00:00:00:02 dev v0 nud stale");
        host.until(|world| world.neighbours.contains_key(&key))
            .await;
        ip("neigh del 10.1.0.2 dev v0");
        host.until(|world| !world.neighbours.contains_key(&key))
            .await;
    });
}

#[test]
fn a_link_takes_all_that_was_on_it_along_and_comes_back_bare() {
    in_namespace(async || {
        let make = || {
            ip("link add br0 up type bridge");
            ip("link add v0 up master br0 type veth peer name v1");
            ip("link set v1 up");
        };
        make();
        ip("addr add 10.1.0.1/24 dev br0");
        ip("neigh replace 10.1.0.2 lladdr 02:00:00:00:00:02 dev br0 nud permanent");
        run("bridge fdb add 02:00:00:00:00:02 dev v0 master static");
        let mut host = Host::start().await;
        let old = host.link("br0").index;
        let neighbour = (old, address("10.1.0.2"));
        assert!(host.world.neighbours.contains_key(&neighbour));
        assert!(host.world.fdb.contains_key(&(old, station(2))));

        ip("link del br0");
        ip("link del v0");
        make();
        host.until(|world| {
            world
                .interface("br0")
                .is_some_and(|link| link.index != old && world.ports(link.index).count() == 1)
        })
        .await;
        let network = "10.1.0.1/24".parse().unwrap();
        assert!(!host.link("br0").addresses.contains(&network));
        assert!(host.world.neighbours.keys().all(|(link, _)| *link != old));
        assert!(host.world.fdb.keys().all(|(bridge, _)| *bridge != old));
    });
}

#[test]
fn the_default_route_is_that_of_lowest_metric_and_ipv4_before_ipv6() {
    in_namespace(async || {
        for (link, subnet) in [("v0", 1), ("v1", 2)] {
            ip(&format!("link add {link} up type veth peer name {link}p"));
            ip(&format!("link set {link}p up"));
            ip(&format!("addr add 10.{subnet}.0.1/24 dev {link}"));
        }
        let mut host = Host::start().await;
        let [v0, v1] = ["v0", "v1"].map(|name| host.link(name).index);
        assert_eq!(host.world.default_route, None);

        ip("-6 route add default dev v0");
        host.until(|world| world.default_route == Some(v0)).await;
        ip("route add default via 10.2.0.2 metric 200");
        host.until(|world| world.default_route == Some(v1)).await;
        ip("route add default via 10.1.0.2 metric 100");
        host.until(|world| world.default_route == Some(v0)).await;
        // The kernel removes the route without a word.
        ip("link set v0 down");
        host.until(|world| world.default_route == Some(v1)).await;
        ip("route replace default metric 200 nexthop via 10.2.0.2 nexthop via 10.2.0.3");
        ip("nexthop add id 7 via 10.2.0.4 dev v1");
        ip("route add default nhid 7 metric 10");
        ip("link set v1 mtu 1400");
        host.until_link("v1", |link| link.mtu == 1400).await;
        assert_eq!(host.world.default_route, Some(v1));
        ip("link del v1");
        host.until(|world| world.default_route.is_none()).await;
    });
}

#[test]
fn what_is_lost_in_an_overrun_is_read_again() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("addr add 10.1.0.1/16 dev v0");
        let mut host = Host::with_receive_buffer(4 << 10).await;
        let index = host.link("v0").index;

        // The runtime is this thread: the follower reads nothing until all of it has happened.
        let add = |host| format!("neigh add 10.1.{host} lladdr 02:00:00:00:00:42 dev v0\n");
        batch(&hosts(1000).map(add).collect::<String>());
        ip("link set v1 up");
        let came = Instant::now();
        let is_there = |world: &World, host| {
            let neighbour = (index, address(&format!("10.1.{host}")));
            world.neighbours.contains_key(&neighbour)
        };
        host.until(|world| hosts(1000).all(|host| is_there(world, host)))
            .await;
        host.until_link("v0", |link| link.up).await;
        assert!(came.elapsed() < Duration::from_secs(5), "not by the timer");
    });
}

#[test]
fn specific_routes_do_not_fill_the_buffer() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("link set v1 up");
        ip("addr add 10.1.0.1/16 dev v0");
        let mut host = Host::with_receive_buffer(4 << 10).await;
        let start = Instant::now();
        let add = |host| format!("route add 10.2.{host} via 10.1.0.2\n");
        batch(&hosts(2000).map(add).collect::<String>());
        ip("link set v0 mtu 1400");
        host.until_link("v0", |link| link.mtu == 1400).await;
        assert!(start.elapsed() < Duration::from_secs(1), "it was read anew");
    });
}

#[test]
fn what_was_followed_through_a_storm_is_what_there_is_to_read() {
    for buffer in [16 << 20, 4 << 10] {
        in_namespace(async move || {
            ip("link add br0 up type bridge");
            let mut host = Host::with_receive_buffer(buffer).await;
            // Beside the follower, on a thread in the namespace of the one that started it.
            tokio::task::spawn_blocking(|| (0..20).for_each(|round| batch(&storm(round))))
                .await
                .unwrap();
            for _ in 0..10 {
                let (_, there) = Follower::start([].into()).await.unwrap();
                let agreed = async { host.until(|world| *world == *there).await };
                // The kernel may yet have changed something of its own accord.
                if timeout(Duration::from_secs(2), agreed).await.is_ok() {
                    return;
                }
            }
            panic!("what was followed is not what there is: {:#?}", host.world);
        });
    }
}

#[test]
fn a_neighbour_that_is_to_be_resolved_is_asked_and_its_answer_seen() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("addr add 10.1.0.1/24 dev v0");
        ip("addr add 10.1.0.2/24 dev v1");
        ip("link set v1 up");
        // Both ends are this host's: v1 would not answer a question that comes from itself.
        std::fs::write("/proc/sys/net/ipv4/conf/v1/accept_local", "1").unwrap();
        let mut host = Host::start().await;
        let index = host.link("v0").index;
        host.until(|world| world.interfaces[&index].up).await;

        let peer = address("10.1.0.2");
        host.resolve(index, peer).await.unwrap();
        let mac = host.link("v1").mac;
        host.until(|world| world.neighbours.get(&(index, peer)) == Some(&mac))
            .await;
        // Once more, for an entry that is there.
        host.resolve(index, peer).await.unwrap();
        let shown = run("ip neigh show 10.1.0.2 dev v0");
        assert!(!shown.contains("PERMANENT"), "{shown}");
    });
}

#[test]
fn a_neighbour_that_does_not_answer_is_in_the_kernel_s_table_alone() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("link set v1 up");
        let mut host = Host::start().await;
        let index = host.link("v0").index;
        host.until(|world| world.interfaces[&index].up).await;

        let peer = address("fe80::2");
        host.resolve(index, peer).await.unwrap();
        let shown = run("ip -6 neigh show dev v0");
        assert!(shown.contains("fe80::2"), "{shown}");
        assert!(!host.world.neighbours.contains_key(&(index, peer)));
    });
}

#[test]
fn resolving_leaves_a_permanent_entry_as_it_is() {
    in_namespace(async || {
        ip("link add v0 up type veth peer name v1");
        ip("link set v1 up");
        ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent");
        let host = Host::start().await;
        let v0 = host.link("v0").index;
        host.resolve(v0, address("10.1.0.2")).await.unwrap();
        let shown = run("ip neigh show dev v0");
        assert!(shown.contains("PERMANENT"), "{shown}");
    });
}

#[test]
fn resolving_on_an_interface_that_is_gone_says_so() {
    in_namespace(async || {
        let host = Host::start().await;
        let error = host.resolve(4711, address("10.1.0.2")).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("neighbour 10.1.0.2 on interface 4711"),
            "{text}"
        );
    });
}

/// The last halves of that many IPv4 addresses, as `4.1`.
fn hosts(count: u16) -> impl Iterator<Item = String> {
    (0x400..0x400 + count).map(|host| format!("{}.{}", host >> 8, host & 0xff))
}

/// Makes, changes and removes links, addresses and neighbours; leaves some of each.
fn storm(round: u32) -> String {
    let link = |port: u32| {
        format!(
            "link add v{port} up master br0 type veth peer name p{port}\n\
             link set p{port} up\n\
             addr add 10.{port}.0.1/24 dev p{port}\n\
             neigh add 10.{port}.0.2 lladdr 02:00:00:00:00:{port:02} dev p{port} nud stale\n\
             link set p{port} mtu 1400\n"
        )
    };
    let (gone, stays) = (10 + round, 40 + round);
    format!(
        "{}{}link set v{stays} nomaster\n\
         neigh replace 10.{stays}.0.2 lladdr 02:00:00:00:00:99 dev p{stays} nud permanent\n\
         link set v{stays} master br0\n\
         link del v{gone}\n",
        link(gone),
        link(stays)
    )
}
