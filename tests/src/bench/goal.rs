//! What is to be reached.

use crate::{
    column::{
        CABLE, DAEMON, IPTABLES, KERNEL, KERNEL_VXLAN, OPEN, REDIRECT, RELAY, TC, VXLAN, VXLAN_XDP,
        XDP,
    },
    report::{Comparison, Report},
    statistic::Estimate,
};

/// A bound on a column's figure, or on its ratio to another column's.
pub(crate) struct Goal {
    pub(crate) comparison: &'static str,
    pub(crate) column: &'static str,
    pub(crate) against: Option<&'static str>,
    bound: Bound,
    /// What stands in the way, as it is known by profiles: for the page, where the goal is missed.
    pub(crate) reason: Option<&'static str>,
    /// What of the run itself shows that.
    pub(crate) proof: &'static [Ratio],
}

/// A ratio that is measured: in which comparison, of which column, to which.
pub(crate) type Ratio = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The median is there.
    Met,
    /// The median is there, but its interval reaches beyond the bound.
    JustMet,
    /// The median is not there, but its interval reaches the bound.
    JustMissed,
    /// It is missed.
    Missed,
}

impl Verdict {
    /// In a word or three.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::JustMet => "met, within the noise",
            Self::JustMissed => "missed, within the noise",
            Self::Missed => "missed",
        }
    }
}

const fn ratio(
    comparison: &'static str,
    column: &'static str,
    against: &'static str,
    bound: Bound,
) -> Goal {
    Goal {
        comparison,
        column,
        against: Some(against),
        bound,
        reason: None,
        proof: &[],
    }
}

const fn figure(comparison: &'static str, column: &'static str, bound: Bound) -> Goal {
    Goal {
        comparison,
        column,
        against: None,
        bound,
        reason: None,
        proof: &[],
    }
}

const CONTAINERS_TOO: &str = "\
    between containers there are two veth pairs more than on the cable, which every packet and every \
    acknowledgement crosses. What these take, with nothing looked up or changed, is what `bare mirred \
    relay` lacks of the cable. It is not how idle processors wake: on an idle machine routemesh was at \
    0.95 of a cable with processors that slept, and at 0.94 with all of them kept awake by spinning \
    threads (twelve turns of iperf3 each; the former from 0.89 to 1.00).";
const THE_CABLE_IS_BELOW: &str = "\
    a stream has few packets, of 64 KiB, and most of what they take is copying, which all columns \
    have alike. No forwarder can be above the goal where the bare cable is below it, nor come near \
    where the relay, which decides nothing, does not.";
const AS_IN_THE_OPEN: &str = "\
    a tunnel that took no time would be as fast as routemesh is in the open: where that is below \
    the goal, beside it in the same rounds, no tunnel reaches it. A packet of 64 KiB takes 13 µs; \
    0.3 µs are what a tunnel adds to a small one.";
const A_FREE_TUNNEL_TOO: &str = "\
    a tunnel that took no time would be as fast as routemesh is in the open: where that is below \
    the goal, beside it in the same rounds, no tunnel reaches it. Of the 2.2 µs that a datagram took \
    the sender's processor (`perf`, on 6.18), both programs were a fifth: 0.29 µs more than in the \
    open. 0.17 µs of these are in `bpf_skb_adjust_room`, the one call that makes room and leaves \
    super-packets what they are. Half of that is a new buffer: in front of a frame from a UDP socket \
    two bytes are free.";
const THE_SOCKETS_TOO: &str = "\
    the work of both sockets is in both figures, and is most of it: the relay decides nothing, and \
    the bare cable has not even containers. What the programs take, a fraction of a microsecond, is \
    in row 6.";
const A_PROGRAM_STARTS: &str = "\
    most of it is the start of a program. Of 1.06 ms to a table with one route (perf's clock at system \
    calls and page faults, in a run apart), 0.15 are fork and exec; 0.33 go by until `main`, 0.14 of \
    them where a position-independent program writes addresses into 53 of its own pages and 0.06 where \
    libc asks the processor what it can do; 0.40 until the command line is read and the daemon \
    asked, 0.15 of them for the first touch of 60 pages; 0.08 until the daemon runs, and 0.10 until it \
    has answered. A static program that does nothing takes 0.37 from spawn to end on that machine. One \
    code unit in place of four made the CLI 0.87 of what it was. Packed relocations \
    (`-z pack-relative-relocs`) changed nothing; not to free what the command line is read with before \
    the daemon is asked, 0.02 ms.";
const AN_HOUR_LOADS: &str = "\
    what is no ratio moves with the hour on a shared machine. In one in which a frame to one of \
    4,096 destinations took 61 ns beside one route (row 7), it was 3.02 s.";
const AN_HOUR_STARTS: &str = "\
    what is no ratio moves with the hour on a shared machine. In one in which a frame to one of \
    4,096 destinations took 61 ns beside one route (row 7), it was 136 ms.";
const A_FASTER_CABLE: &str = "\
    the goal comes from a machine where a bare redirect carried 1.09 million frames a second, so \
    that all else that a frame takes, some 900 ns, hid what a program does. Where a bare redirect \
    carries ten million, 100 ns a frame with source and sink, the program has 5 ns, and takes 28: \
    1 to know the interface, 7 to parse, 1 for the table's epoch, 8 for the route that the CPU has \
    found before, 2 for the next hop, 2 for the port by its interface, 2 to count for the route, 2 \
    for the TTL, 1 for the MACs, 2 to count the outcome (the program cut short after each, in \
    turns, 9 rounds on 6.18). These are 350 instructions: parsing and the look-up alone, with \
    nothing counted or changed, are at 0.86.";
const THE_SOURCE_TOO: &str = "\
    the source's and the sink's own work is in both figures and the same in both, so the smaller \
    one has more of it: `without the source's own work` has the two ways alone.";

const A_REDIRECT_TOO: &str = "\
    no program can be above the bare redirect, of two instructions. The rest is the source's and \
    the sink's own work, in both figures and the same in both, so that the smaller one has more of \
    it: `without the source's own work` has the two ways alone.";

const NOT_INDEXED: &str = "\
    the index in front of the trie has only prefixes that no other lies within, of two lengths in \
    each family. In this table another lies within every route that is taken, so that all look-ups go \
    by the kernel's trie: from node to node, some twenty of them, which with a million routes are in no \
    cache of the processor's. Subnets of containers are in the index; of the internet's prefixes many \
    are not. What a processor has found before it need not look up: of 4,096 destinations that is \
    nearly all, of a million few.";

/// All goals.
pub(crate) const GOALS: &[Goal] = &[
    ratio("tcp-1", TC, CABLE, Bound::AtLeast(0.95))
        .unless(CONTAINERS_TOO)
        .shown(&[("tcp-1", RELAY, CABLE), ("tcp-1", TC, RELAY)]),
    ratio("tcp-1", TC, IPTABLES, Bound::AtLeast(1.4))
        .unless(THE_CABLE_IS_BELOW)
        .shown(&[("tcp-1", CABLE, IPTABLES), ("tcp-1", RELAY, IPTABLES)]),
    ratio("tcp-1-ipv6", TC, CABLE, Bound::AtLeast(0.95))
        .unless(CONTAINERS_TOO)
        .shown(&[("tcp-1-ipv6", RELAY, CABLE), ("tcp-1-ipv6", TC, RELAY)]),
    ratio("udp", TC, KERNEL, Bound::AtLeast(1.4))
        .unless(THE_SOCKETS_TOO)
        .shown(&[("udp", RELAY, KERNEL), ("udp", CABLE, KERNEL)]),
    ratio("udp", TC, IPTABLES, Bound::AtLeast(1.6))
        .unless(THE_SOCKETS_TOO)
        .shown(&[("udp", RELAY, IPTABLES), ("udp", CABLE, IPTABLES)]),
    ratio("tunnel-tcp", VXLAN, KERNEL_VXLAN, Bound::AtLeast(1.25))
        .unless(AS_IN_THE_OPEN)
        .shown(&[
            ("tunnel-tcp", OPEN, KERNEL_VXLAN),
            ("tunnel-tcp", CABLE, KERNEL_VXLAN),
            ("tunnel-tcp", VXLAN, OPEN),
        ]),
    ratio("tunnel-udp", VXLAN, KERNEL_VXLAN, Bound::AtLeast(2.0))
        .unless(A_FREE_TUNNEL_TOO)
        .shown(&[
            ("tunnel-udp", OPEN, KERNEL_VXLAN),
            ("tunnel-udp", CABLE, KERNEL_VXLAN),
            ("tunnel-udp", VXLAN, OPEN),
        ]),
    ratio("transit", XDP, REDIRECT, Bound::AtLeast(0.95)).unless(A_FASTER_CABLE),
    ratio("transit", XDP, KERNEL, Bound::AtLeast(4.5))
        .unless(A_REDIRECT_TOO)
        .shown(&[("transit", REDIRECT, KERNEL), ("transit-cost", KERNEL, XDP)]),
    ratio("transit", XDP, IPTABLES, Bound::AtLeast(7.0))
        .unless(A_REDIRECT_TOO)
        .shown(&[
            ("transit", REDIRECT, IPTABLES),
            ("transit-cost", IPTABLES, XDP),
        ]),
    ratio("decapsulate", VXLAN_XDP, KERNEL_VXLAN, Bound::AtLeast(4.0))
        .unless(THE_SOURCE_TOO)
        .shown(&[("decapsulate-cost", KERNEL_VXLAN, VXLAN_XDP)]),
    ratio("added-p50", TC, IPTABLES, Bound::AtMost(0.6)),
    ratio(
        "scale-4k",
        "1048576 routes",
        "64 routes",
        Bound::AtMost(1.15),
    ),
    ratio(
        "scale-all",
        "1048576 routes",
        "64 routes",
        Bound::AtMost(3.0),
    ),
    ratio(
        "scale-all",
        "1048576 routes, nested",
        "64 routes, nested",
        Bound::AtMost(3.0),
    )
    .unless(NOT_INDEXED)
    .shown(&[("scale-all", "1048576 routes, nested", "1048576 routes")]),
    figure("load-time", DAEMON, Bound::AtMost(4.0)).unless(AN_HOUR_LOADS),
    figure("load-lost", DAEMON, Bound::AtMost(0.0)),
    figure("load-memory", DAEMON, Bound::AtMost(400.0)),
    figure("add-to-effect", DAEMON, Bound::AtMost(1.0)).unless(A_PROGRAM_STARTS),
    figure("start", DAEMON, Bound::AtMost(150.0)).unless(AN_HOUR_STARTS),
    figure("idle-memory", DAEMON, Bound::AtMost(15.0)),
];

/// The goals that are set for a comparison.
pub(crate) fn goals(comparison: &Comparison) -> impl Iterator<Item = &'static Goal> {
    GOALS.iter().filter(|goal| goal.comparison == comparison.id)
}

impl Goal {
    /// The same, with what stands in the way.
    const fn unless(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same, with what shows that it does.
    const fn shown(mut self, proof: &'static [Ratio]) -> Self {
        self.proof = proof;
        self
    }

    /// What was found, and whether that is enough; none where it was not measured.
    pub(crate) fn verdict(&self, report: &Report) -> Option<(Estimate, Verdict)> {
        let comparison = report.comparison(self.comparison)?;
        let found = match self.against {
            Some(against) => comparison.ratio(self.column, against)?,
            None => Estimate::of(comparison.samples(self.column)?)?,
        };
        Some((found, self.bound.verdict(&found)))
    }

    /// The bound, as `≥ 0.95`.
    pub(crate) fn bound(&self) -> String {
        match self.bound {
            Bound::AtLeast(value) => format!("≥ {value}"),
            Bound::AtMost(value) => format!("≤ {value}"),
        }
    }
}

impl Bound {
    fn verdict(self, found: &Estimate) -> Verdict {
        let holds = |value: f64| match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        };
        let ends = (holds(found.low), holds(found.high));
        match (holds(found.median), ends) {
            (true, (true, true)) => Verdict::Met,
            (true, _) => Verdict::JustMet,
            (false, (false, false)) => Verdict::Missed,
            (false, _) => Verdict::JustMissed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_heeds_the_interval() {
        let estimate = |low, median, high| Estimate { median, low, high };
        let verdict = |estimate| Bound::AtLeast(1.4).verdict(&estimate);
        assert_eq!(verdict(estimate(1.4, 1.5, 1.6)), Verdict::Met);
        assert_eq!(verdict(estimate(1.3, 1.5, 1.6)), Verdict::JustMet);
        assert_eq!(verdict(estimate(1.2, 1.3, 1.4)), Verdict::JustMissed);
        assert_eq!(verdict(estimate(1.1, 1.2, 1.3)), Verdict::Missed);
        let most = Bound::AtMost(0.6).verdict(&estimate(0.4, 0.5, 0.6));
        assert_eq!(most, Verdict::Met);
    }
}
