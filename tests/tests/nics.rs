//! Network interfaces with drivers, which have XDP of their own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use routemesh_tests::lab::{Chain, FULL_RATE, LEAST_RATE, Ping, has_tcx, udp_numbered_both_ways};

#[test]
#[ignore = "needs network interfaces to itself, as `cargo xtask test --kernel` has them"]
fn auto_means_xdp_in_the_driver_and_it_forwards() {
    let (_alone, chain) = chain_of_nics();
    let daemons = chain.routemesh("auto", "auto").unwrap();
    let mode = if has_tcx() { "xdp+tcx" } else { "xdp+clsact" };
    for daemon in &daemons {
        let links = daemon.cli_json(&["link", "list"]).unwrap();
        let mut found = links.as_array().into_iter().flatten();
        let uplink = found.find(|link| link["ifname"] == "eth0").unwrap();
        assert_eq!(uplink["mode"], mode, "{uplink}");
    }
    chain.ensure_it_carries().unwrap();
    assert!(daemons[0].packets("xdp", "routed").unwrap() > 1000);
    assert_eq!(daemons[0].packets("tc", "routed").unwrap(), 0);
}

#[test]
#[ignore = "needs network interfaces to itself, as `cargo xtask test --kernel` has them"]
fn a_driver_loses_nothing_while_other_builds_take_over() {
    let (_alone, chain) = chain_of_nics();
    let mut daemons = chain.routemesh("auto", "auto").unwrap();
    let (a, b) = (&chain.a.container, &chain.b.container);
    Ping::default().run(a, b.v4()).unwrap();
    let r = &mut daemons[0];
    let carried = r.packets("xdp", "routed").unwrap();

    r.set_options(&[]);
    r.kill();
    r.resume().unwrap();
    let numbered = udp_numbered_both_ways([a, b], FULL_RATE, || r.other_builds_take_over());
    let numbered = numbered.unwrap();
    for numbered in &numbered {
        numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    }
    let datagrams: u64 = numbered.iter().map(|numbered| numbered.sent).sum();
    assert_eq!(r.packets("xdp", "routed").unwrap(), carried + datagrams);
    assert_eq!(r.packets("tc", "routed").unwrap(), 0);
    r.end_without_trace().unwrap();
}

/// A, R and B by the three interfaces. There is one such chain as long as the guard lives.
fn chain_of_nics() -> (MutexGuard<'static, ()>, Chain) {
    static NICS: Mutex<()> = Mutex::new(());
    let alone = NICS.lock().unwrap_or_else(PoisonError::into_inner);
    let nics = std::env::var("ROUTEMESH_TEST_NICS").expect("the names of three interfaces");
    let nics: Vec<_> = nics.split(' ').collect();
    let chain = Chain::of_machine(nics.try_into().unwrap()).unwrap();
    (alone, chain)
}
