//! What each CPU keeps of the counters it has met.

use std::ops::Range;

use routemesh::reconcile::fib::Change;
use routemesh_common::{Outcome, cache_place};
use routemesh_tests::program::{Row, Target, V4, in_rig, run_all};

use super::transit;

/// Counters that no other route of the rig has.
const FREE: Range<u32> = 200..2048;
/// One bit less than the entries of the rig's caches.
const MASK: u32 = 4096 - 1;

/// Two of them that have the same place in a CPU's cache.
fn rivals() -> [u32; 2] {
    let place = |counter: u32| cache_place(counter.into()) & MASK;
    let mut others = FREE.skip(1);
    let second = others.find(|other| place(*other) == place(FREE.start));
    [FREE.start, second.expect("another with the same place")]
}

#[test]
fn routes_whose_counters_share_a_place_in_the_cache_count_for_themselves() {
    let routes = [
        ("172.20.0.0/16", "172.20.0.1"),
        ("172.21.0.0/16", "172.21.0.1"),
    ];
    let counters = rivals();
    in_rig(move |rig| {
        let change = |(prefix, counter): (&str, u32)| {
            let dst = prefix.parse().unwrap();
            Change {
                dst,
                route: Some(rig.route(dst, Target::Hole, counter)),
            }
        };
        let [first, second] = [0, 1].map(|at| change((routes[at].0, counters[at])));
        rig.change_routes(&[first, second]);
        let row = |at: usize| {
            let (_, address) = routes[at];
            let packet = transit(V4, address.parse().unwrap());
            Row::from_wire(format!("to {address}"), &packet)
                .ends_on(counters[at], Outcome::Blackhole)
        };
        // The counters are read after each packet, and must be exact.
        run_all(rig, &[row(0), row(1), row(0), row(0), row(1), row(0)]);
    });
}
