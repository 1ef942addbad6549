//! An operator has the kernels of both hosts forget their neighbours while packets flow.
//!
//! The kernel's own routing loses packets then: those that wait with an entry for its answer go
//! with it, and `ip neigh flush` deletes up to ten times what it meets, such as the entries that
//! packets have made meanwhile.

use anyhow::{Result, ensure};
use routemesh::model::Mac;
use routemesh_tests::lab::{
    LEAST_RATE, Node, Numbered, PATIENCE, Pair, Ping, Side, as_often, eventually, udp_numbered,
    udp_numbered_to_any,
};

/// Datagrams in a second, to an address of each family in turn, where the machine can.
const RATE: u32 = 50_000;
/// How often all is forgotten.
const FLUSHES: usize = 100;

#[test]
fn nothing_is_lost_at_tc_while_neighbours_are_flushed() {
    nothing_is_lost("tc").unwrap();
}

#[test]
fn nothing_is_lost_at_xdp_while_neighbours_are_flushed() {
    nothing_is_lost("xdp").unwrap();
}

/// A bridge forgets a station that it sees no packet of, as it does none of a container whose packets
/// are forwarded before it; and then sends what is for it out of all its ports.
#[test]
fn a_container_that_its_bridge_forgets_is_asked_where_it_is_and_gets_its_packets_meanwhile() {
    let pair = Pair::new().unwrap();
    let (_a, b) = pair.routemesh("tc").unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    Ping::default().run(from, to.v4()).unwrap();
    let before = b.ended("delivered_by_neighbour").unwrap();
    let sent = udp_numbered(from, to, to.v4(), RATE, || {
        for _ in 0..as_often(FLUSHES) {
            flush_stations(&pair.b)?;
            is_seen_again(&pair.b)?;
        }
        Ok(())
    });
    sent.unwrap().ensure_all_arrived_once(LEAST_RATE).unwrap();
    assert_eq!(b.ended("delivered_by_neighbour").unwrap(), before);
}

#[test]
fn a_container_that_its_bridge_had_forgotten_before_the_start_is_asked_where_it_is() {
    let pair = Pair::new().unwrap();
    let (_a, mut b) = pair.routemesh("tc").unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    b.kill();
    // By itself the kernel has no reason to ask.
    let (host, bridge) = (&pair.b.host, pair.b.network.interface());
    let delay = format!("ipv4.neigh.{bridge}.delay_first_probe_time");
    host.sysctl(&delay, "3600").unwrap();
    let (address, mac) = (
        pair.b.container.v4(),
        Mac(pair.b.container.mac("eth0").unwrap()),
    );
    let aged = format!("neigh replace {address} lladdr {mac} dev {bridge} nud stale");
    host.ip(&aged).unwrap();
    // Whatever the container says of its own accord before the daemon is there.
    learns(&pair.b, false).unwrap();
    flush_stations(&pair.b).unwrap();
    b.resume().unwrap();
    eventually("the container to be asked", PATIENCE, || {
        let entry = host.run(["ip", "neigh", "show", &address.to_string()])?;
        ensure!(entry.contains("REACHABLE"), "{entry}");
        Ok(())
    })
    .unwrap();
    learns(&pair.b, true).unwrap();
    is_seen_again(&pair.b).unwrap();
}

/// Has the bridge forget all that it has learnt.
fn flush_stations(side: &Side) -> Result<()> {
    let line = format!(
        "link set {} type bridge fdb_flush",
        side.network.interface()
    );
    side.host.ip(&line)
}

/// Whether the bridge is to learn what is behind the container's port.
fn learns(side: &Side, yes: bool) -> Result<()> {
    let learning = if yes { "on" } else { "off" };
    let port = side.container.port();
    side.host
        .run(["bridge", "link", "set", "dev", &port, "learning", learning])?;
    Ok(())
}

/// Waits until the bridge has learnt where the container is. Nothing but an answer to its host tells,
/// since this end of the stream only listens.
fn is_seen_again(side: &Side) -> Result<()> {
    let port = side.container.port();
    eventually("the bridge to know the container", PATIENCE, || {
        let known = side.host.run(["bridge", "fdb", "show", "dev", &port])?;
        let learnt = known.lines().any(|line| !line.contains("permanent"));
        ensure!(learnt, "{known}");
        Ok(())
    })
}

fn nothing_is_lost(mode: &str) -> Result<()> {
    let pair = Pair::new()?;
    let _running = pair.routemesh(mode)?;
    flushed(&pair)?.ensure_all_arrived_once(LEAST_RATE)
}

/// Numbered datagrams from container to container, while both hosts forget their neighbours
/// again and again.
fn flushed(pair: &Pair) -> Result<Numbered> {
    let (from, to) = (&pair.a.container, &pair.b.container);
    let (addresses, to): (_, [&Node; 1]) = ([to.v4(), to.v6()], [to]);
    for address in addresses {
        Ping::default().run(from, address)?;
    }
    udp_numbered_to_any(from, &to, &addresses, RATE, || {
        for _ in 0..as_often(FLUSHES) {
            for side in [&pair.a, &pair.b] {
                side.flush_neighbours()?;
            }
        }
        Ok(())
    })
}
