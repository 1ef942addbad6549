//! An operator has the kernels of both hosts forget their neighbours while packets flow.
//!
//! The kernel's own routing loses packets then: those that wait with an entry for its answer go
//! with it, and `ip neigh flush` deletes up to ten times what it meets, such as the entries that
//! packets have made meanwhile.

use anyhow::Result;
use routemesh_tests::lab::{LEAST_RATE, Node, Numbered, Pair, Ping, as_often, udp_numbered_to_any};

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
