//! What holds for any table and any packet, on the real programs and the kernel's own LPM map.
//!
//! The cases are random but the same ones each time; proptest shrinks one that fails.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use anyhow::Context as _;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use routemesh::{
    datapath::{Decision, Run},
    model::Prefix,
    reconcile::fib::Change,
};
use routemesh_common::{Outcome, Verdict};
use routemesh_tests::{
    longest::longest,
    packet::{
        ETHERTYPE_IPV4, ETHERTYPE_IPV6, HOST_A_MAC, HOST_B_MAC, Packet, describe, expected_forward,
        hexdump,
    },
    program::{
        Counts, ETH1_MAC, FAMILIES, NEXT_MAC, Place, Rig, Row, Target, in_rig, run_together,
    },
};

/// Where the counters of the random routes begin.
const COUNTERS: u32 = 100;

/// A route table, each route with the slot of its counter.
type Table = BTreeMap<Prefix, (Target, u32)>;

#[test]
fn the_datapath_agrees_with_a_model_of_ten_lines() {
    let case = (vec((prefix(), target()), 0..40), vec(packet(), 1..30));
    check(96, case, |rig, (routes, packets)| {
        let table = table(routes, COUNTERS);
        rig.change_routes(&changes(rig, &Table::new(), &table));
        let ran = run_together(rig, &rows(&table, packets, &table));
        rig.change_routes(&changes(rig, &table, &Table::new()));
        ran.map_err(|error| format!("{error:#}"))
    });
}

/// However the routes change, a packet is answered by the table before, until all that is to
/// change is staged, and by the one after from then on.
#[test]
fn a_packet_never_sees_a_mixture_of_two_tables() {
    let routes = || vec((prefix(), target()), 0..12);
    let case = (routes(), routes(), routes(), vec(packet(), 1..12));
    check(24, case, |rig, (kept, old, new, packets)| {
        let table = |others: &[(Prefix, Target)], counters| {
            let mut table = table(kept, COUNTERS);
            table.extend(self::table(others, counters));
            table
        };
        let (old, new) = (table(old, COUNTERS + 100), table(new, COUNTERS + 200));
        let all: Table = old
            .iter()
            .chain(&new)
            .map(|(dst, to)| (*dst, *to))
            .collect();
        rig.change_routes(&changes(rig, &Table::new(), &old));
        let ran = move_on(rig, (&old, &new), &|table| rows(table, packets, &all));
        rig.change_routes(&changes(rig, &new, &Table::new()));
        ran.map_err(|error| format!("{error:#}"))
    });
}

/// Moves from one table to another, and looks at the packets after each step.
fn move_on(
    rig: &mut Rig,
    (old, new): (&Table, &Table),
    rows: &dyn Fn(&Table) -> Vec<Row>,
) -> anyhow::Result<()> {
    let changes = changes(rig, old, new);
    let steps = rig.fib.stage(&changes);
    let mut ran = Ok(());
    for step in rig.counted(&steps, &changes) {
        rig.datapath.stage_route(&step)?;
        ran = ran.and_then(|()| run_together(rig, &rows(old)).context("before"));
    }
    let epoch = rig.datapath.flip_routes();
    rig.fib.commit(&steps, epoch);
    ran = ran.and_then(|()| run_together(rig, &rows(new)).context("after"));
    rig.datapath.routes_settled(epoch);
    let removable = rig.fib.removable(epoch);
    for place in &removable {
        rig.datapath.remove_route(*place)?;
        ran = ran.and_then(|()| run_together(rig, &rows(new)).context("tidying up"));
    }
    rig.fib.removed(&removable, epoch);
    rig.fib.release(epoch);
    ran
}

/// The table of these routes, the first of which has that counter.
fn table(routes: &[(Prefix, Target)], counters: u32) -> Table {
    let counted = routes.iter().zip(counters..);
    counted
        .map(|((dst, to), slot)| (*dst, (*to, slot)))
        .collect()
}

/// What leads from one table to another.
fn changes(rig: &Rig, old: &Table, new: &Table) -> Vec<Change> {
    let all: BTreeSet<Prefix> = old.keys().chain(new.keys()).copied().collect();
    let differing = all.into_iter().filter(|dst| old.get(dst) != new.get(dst));
    differing
        .map(|dst| Change {
            dst,
            route: new
                .get(&dst)
                .map(|(target, counter)| rig.route(dst, *target, *counter)),
        })
        .collect()
}

/// What must become of the packets by `table`; they are near the routes of `all`.
fn rows(table: &Table, packets: &[Sent], all: &Table) -> Vec<Row> {
    let row = |packet: &Sent| model(table, packet.dst(all), packet.ttl);
    packets.iter().map(row).collect()
}

/// What must become of a packet to `dst` off the wire: the longest prefix decides.
fn model(table: &Table, dst: IpAddr, ttl: u8) -> Row {
    let packet = packet_to(dst).ttl(ttl);
    let row = Row::from_wire(format!("to {dst}"), &packet);
    match longest(table, dst) {
        None => row.ends(Outcome::NoRoute),
        Some((Target::Host, _)) => row.ends(Outcome::ToHost),
        Some((Target::Hole, slot)) => row.ends_on(*slot, Outcome::Blackhole),
        Some((Target::Network, slot)) => row.delivered_by_neighbour(*slot),
        Some((Target::NextHop, slot)) => {
            row.routed(*slot)
                .by_xdp(Decision::Redirect, ETH1_MAC, NEXT_MAC)
        }
    }
}

fn packet_to(dst: IpAddr) -> Packet {
    let family = FAMILIES.into_iter().find(|f| f.is_v6() == dst.is_ipv6());
    let src = family.expect("one of the two").remote();
    Packet::new(src, dst).macs(HOST_B_MAC, HOST_A_MAC)
}

/// A random destination: an address by itself, or one that a route of the table may hold.
#[derive(Clone, Debug)]
struct Sent {
    address: IpAddr,
    near: Option<(Index, u8)>,
    ttl: u8,
}

impl Sent {
    /// With the first bits of a prefix of the table, where it is to be near one.
    fn dst(&self, table: &Table) -> IpAddr {
        let near = self.near.filter(|_| !table.is_empty());
        let Some((index, flip)) = near else {
            return self.address;
        };
        let (prefix, _) = table.iter().nth(index.index(table.len())).expect("a route");
        // The last bits may be another's: then the address is just outside, or deeper inside.
        match prefix.address() {
            IpAddr::V4(v4) => space_v4(u32::from(v4) ^ u32::from(flip)),
            IpAddr::V6(v6) => space_v6(u128::from(v6) ^ u128::from(flip)),
        }
    }
}

fn packet() -> impl Strategy<Value = Sent> {
    let near = proptest::option::weighted(0.8, (any::<Index>(), any::<u8>()));
    (address(), near, 2..=u8::MAX).prop_map(|(address, near, ttl)| Sent { address, near, ttl })
}

/// An address of one of two spaces that the default table has nothing in, dense enough for
/// prefixes to overlap.
fn address() -> impl Strategy<Value = IpAddr> {
    let sparse = select(vec![0xff_u32, 0xffff, 0x00ff_ffff]);
    let v4 = (any::<u32>(), sparse).prop_map(|(bits, mask)| space_v4(bits & mask));
    let v6 = (any::<u128>(), 0..112_u32).prop_map(|(bits, zeros)| space_v6(bits >> zeros << zeros));
    prop_oneof![v4, v6]
}

fn space_v4(bits: u32) -> IpAddr {
    IpAddr::from((0x0b00_0000 | bits & 0x00ff_ffff).to_be_bytes())
}

fn space_v6(bits: u128) -> IpAddr {
    IpAddr::from((0xfd11 << 112 | bits & (u128::MAX >> 16)).to_be_bytes())
}

/// Lengths over the whole range, so that a default route is among them.
fn prefix() -> impl Strategy<Value = Prefix> {
    (address(), any::<Index>()).prop_map(|(address, length)| {
        let bits = if address.is_ipv6() { 128 } else { 32 };
        let length = length.index(bits + 1) as u8;
        Prefix::around(address, length).expect("a length of the family")
    })
}

fn target() -> impl Strategy<Value = Target> {
    select(vec![
        Target::NextHop,
        Target::Network,
        Target::Host,
        Target::Hole,
    ])
}

#[test]
fn any_bytes_end_in_one_outcome_and_leave_as_they_came_or_as_a_router_sends_them() {
    let frame = prop_oneof![garbage(), damaged()];
    check(
        400,
        vec((frame, select(Place::ALL.to_vec())), 1..30),
        |rig, frames| {
            let before = rig.counts();
            let mut decided = [0; 3];
            for (frame, place) in frames {
                // Test runs of tc refuse IP frames without a whole header.
                let Ok(run) = rig.run(*place, frame, 0) else {
                    continue;
                };
                let kind = judge(frame, &run).map_err(|what| {
                    format!(
                        "{what} at {place:?}\n{}\n{}",
                        describe(frame),
                        hexdump(frame)
                    )
                })?;
                decided[kind] += 1;
            }
            let counted = by_verdict(&rig.counts().since(&before));
            if counted == decided {
                Ok(())
            } else {
                Err(format!(
                    "passed, dropped, sent {decided:?}, but counted {counted:?}"
                ))
            }
        },
    );
}

/// 0 for a frame that was passed, 1 for one dropped, 2 for one sent.
fn judge(frame: &[u8], run: &Run) -> Result<usize, String> {
    let untouched = run.frame == frame;
    let (kind, right) = match run.decision {
        Decision::Pass => (0, untouched),
        Decision::Drop => (1, untouched),
        Decision::Redirect => (
            2,
            forwarded(frame, &run.frame) || answered(frame, &run.frame),
        ),
        Decision::Transmit => (2, forwarded(frame, &run.frame)),
        Decision::Other(_) => (2, false),
    };
    if right {
        return Ok(kind);
    }
    Err(format!("{:?} of\n{}", run.decision, hexdump(&run.frame)))
}

/// Only MACs, TTL and IPv4's checksum may differ.
fn forwarded(frame: &[u8], out: &[u8]) -> bool {
    let mac = |at: usize| std::array::from_fn(|index| out[at + index]);
    let ttl = if frame[14] >> 4 == 4 {
        frame[22]
    } else {
        frame[21]
    };
    ttl > 0 && out == expected_forward(frame, mac(6), mac(0))
}

/// An error goes back to the sender and quotes the packet.
fn answered(frame: &[u8], out: &[u8]) -> bool {
    let quote = if out[14] >> 4 == 4 { 14 + 28 } else { 14 + 48 };
    let (quoted, packet) = (&out[quote..], &frame[14..]);
    out[..6] == frame[6..12] && out[6..12] == frame[..6] && packet.starts_with(quoted)
}

/// Packets by verdict, in the order of [`judge`].
fn by_verdict(counts: &Counts) -> [u64; 3] {
    let mut sums = [0; 3];
    for ((_, number), (_, packets, _)) in &counts.outcomes {
        let kind = match Outcome::ALL[usize::from(*number)].verdict() {
            Verdict::Pass => 0,
            Verdict::Drop => 1,
            Verdict::Forward | Verdict::Reply => 2,
        };
        sums[kind] += packets;
    }
    sums
}

/// Random bytes, most of them behind a header that has them looked at.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let heads = [
        vec![],
        head(ETHERTYPE_IPV4, 0x45),
        head(ETHERTYPE_IPV6, 0x60),
    ];
    (vec(any::<u8>(), 15..200), select(heads.to_vec())).prop_map(|(mut frame, head)| {
        frame[..head.len()].copy_from_slice(&head);
        frame
    })
}

/// An Ethernet header to the uplink and the first byte of an IP header.
fn head(ethertype: u16, first: u8) -> Vec<u8> {
    let macs = [HOST_A_MAC, HOST_B_MAC].concat();
    [macs, ethertype.to_be_bytes().to_vec(), vec![first]].concat()
}

/// A good frame, cut or padded, with a few of its bytes others.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    let length = proptest::option::of(14..200_usize);
    (good(), changes, length).prop_map(|(mut frame, changes, length)| {
        for (index, byte) in changes {
            let at = index.index(frame.len());
            frame[at] = byte;
        }
        frame.resize(length.unwrap_or(frame.len()), 0);
        frame
    })
}

fn good() -> impl Strategy<Value = Vec<u8>> {
    let ends = (select(FAMILIES.to_vec()), any::<bool>());
    (ends, 0..8_u8, 0..100_usize).prop_map(|((f, inward), ttl, payload)| {
        let packet = if inward {
            packet_to(f.container())
        } else {
            Packet::new(f.container(), f.remote())
        };
        packet.ttl(ttl).payload_of(payload).build()
    })
}

/// Runs `test` on that many random cases, on one rig.
fn check<S>(
    cases: u32,
    strategy: S,
    test: impl Fn(&mut Rig, &S::Value) -> Result<(), String> + Send + 'static,
) where
    S: Strategy + Send + 'static,
{
    in_rig(move |rig| {
        let rig = RefCell::new(rig);
        let config = Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let result = TestRunner::new_with_rng(config, rng).run(&strategy, |case| {
            test(&mut rig.borrow_mut(), &case).map_err(TestCaseError::fail)
        });
        match result {
            Err(TestError::Fail(why, case)) => panic!("{why}\n{case:#?}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
            Ok(()) => {}
        }
    });
}
