//! A row of a packet table: a packet, where it comes in, and what must become of it.

use anyhow::{Context as _, Result, ensure};
use routemesh::datapath::{Decision, Run};
use routemesh_common::{Outcome, Verdict};

use super::{Counts, Place, Rig, trace};
use crate::packet::{Packet, describe, difference, expected_forward, hexdump};

/// Bytes of an Ethernet header, which no counter counts.
const ETHERNET: usize = 14;

/// A packet and its fate, as tc of the place decides it. What XDP and a bridge's port make of it
/// follows from that: they leave to the next hook what is not theirs to settle.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    frame: Vec<u8>,
    places: Vec<Place>,
    segment: u32,
    fate: Fate,
    at_xdp: Option<(Decision, Vec<u8>)>,
}

/// What must become of a packet at one place.
#[derive(Clone, Debug)]
struct Fate {
    outcome: Outcome,
    decision: Decision,
    frame: Vec<u8>,
    /// The slot of the route that counts it.
    route: Option<u32>,
}

impl Row {
    /// A packet that a container sends, seen by the bridge and by its port.
    pub fn from_container(what: impl Into<String>, packet: &Packet) -> Self {
        Self::at(&[Place::Docker, Place::Port], what, packet)
    }

    /// A packet off the wire, seen by XDP and by tc.
    pub fn from_wire(what: impl Into<String>, packet: &Packet) -> Self {
        Self::at(&[Place::UplinkXdp, Place::Uplink], what, packet)
    }

    /// A packet that comes in at each of these places. Until more is said, no route leads
    /// anywhere.
    pub fn at(places: &[Place], what: impl Into<String>, packet: &Packet) -> Self {
        let frame = packet.build();
        Self {
            what: what.into(),
            places: places.to_vec(),
            segment: 0,
            fate: Fate::left(Outcome::NoRoute, &frame),
            at_xdp: None,
            frame,
        }
    }

    /// The packet is to be cut into segments of so many payload bytes.
    #[must_use]
    pub fn segment(mut self, bytes: u32) -> Self {
        self.segment = bytes;
        self
    }

    /// Passed or dropped, as it came.
    #[must_use]
    pub fn ends(mut self, outcome: Outcome) -> Self {
        self.fate = Fate::left(outcome, &self.frame);
        self
    }

    /// Passed or dropped, as it came, but counted by a route.
    #[must_use]
    pub fn ends_on(self, counter: u32, outcome: Outcome) -> Self {
        let mut row = self.ends(outcome);
        row.fate.route = Some(counter);
        row
    }

    /// Sent into a container with new MACs.
    #[must_use]
    pub fn delivered(mut self, counter: u32, from: [u8; 6], to: [u8; 6]) -> Self {
        let frame = expected_forward(&self.frame, from, to);
        self.fate = Fate::redirected(Outcome::Delivered, frame, counter);
        self
    }

    /// Sent into a container network, where the kernel writes the MACs.
    #[must_use]
    pub fn delivered_by_neighbour(mut self, counter: u32) -> Self {
        let frame = self.with_old_macs();
        self.fate = Fate::redirected(Outcome::DeliveredByNeighbour, frame, counter);
        self
    }

    /// Sent to a next hop, whose MAC at tc the kernel writes. XDP leaves it to tc.
    #[must_use]
    pub fn routed(mut self, counter: u32) -> Self {
        let frame = self.with_old_macs();
        self.fate = Fate::redirected(Outcome::Routed, frame, counter);
        self
    }

    /// Sent to a next hop with these MACs, while a daemon follows it.
    #[must_use]
    pub fn addressed(mut self, counter: u32, from: [u8; 6], to: [u8; 6]) -> Self {
        let frame = expected_forward(&self.frame, from, to);
        self.fate = Fate::redirected(Outcome::Routed, frame, counter);
        self
    }

    /// XDP sends it by itself, with these MACs.
    #[must_use]
    pub fn by_xdp(mut self, decision: Decision, from: [u8; 6], to: [u8; 6]) -> Self {
        self.at_xdp = Some((decision, expected_forward(&self.frame, from, to)));
        self
    }

    /// Answered with `reply`.
    #[must_use]
    pub fn answered(mut self, counter: u32, outcome: Outcome, reply: Vec<u8>) -> Self {
        self.fate = Fate::redirected(outcome, reply, counter);
        self
    }

    /// Cut in two: a copy comes in anew as the first part, and after it `rest`.
    #[must_use]
    pub fn cut(mut self, rest: Vec<u8>) -> Self {
        self.fate = Fate {
            outcome: Outcome::Fragmented,
            decision: Decision::Redirect,
            frame: rest,
            route: None,
        };
        self
    }

    /// What follows the IP packet in the frame is cut off.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        self.fate.frame.truncate(ETHERNET + ip_length(&self.frame));
        self
    }

    fn with_old_macs(&self) -> Vec<u8> {
        let mac = |at: usize| std::array::from_fn(|index| self.frame[at + index]);
        expected_forward(&self.frame, mac(6), mac(0))
    }

    /// Runs the row at a place and notes in `wanted` what that must have counted.
    fn run_at(&self, rig: &Rig, place: Place, wanted: &mut Counts) -> Result<()> {
        let fate = self.fate_at(place);
        wanted.outcome(place, fate.outcome, self.frame.len() - ETHERNET);
        if let Some(slot) = fate.route {
            wanted.route(slot, ip_length(&self.frame));
        }
        let run = rig.run(place, &self.frame, self.segment)?;
        let mut wrong = Vec::new();
        if run.decision != fate.decision {
            let got = run.decision;
            wrong.push(format!("decided {got:?}, wanted {:?}", fate.decision));
        }
        wrong.extend(difference(&fate.frame, &run.frame));
        ensure!(
            wrong.is_empty(),
            "{}\n{}",
            self.report(place, &fate, &run),
            wrong.join("\n")
        );
        Ok(())
    }

    fn report(&self, place: Place, fate: &Fate, run: &Run) -> String {
        let name = format!("{} at {place:?}", self.what);
        let frames = [&self.frame, &fate.frame, &run.frame].map(Vec::as_slice);
        let trace = trace::write(&name, &frames).map_or_else(
            |error| format!("{error:#}"),
            |path| format!("in, wanted, got: {}", path.display()),
        );
        format!("{trace}\nin {}", hexdump(&self.frame))
    }

    /// What follows for the place from what tc of it decides.
    fn fate_at(&self, place: Place) -> Fate {
        let handed_up = || Fate::left(Outcome::HandedUp, &self.frame);
        match place {
            Place::UplinkXdp => match &self.at_xdp {
                Some((decision, frame)) => Fate {
                    decision: *decision,
                    frame: frame.clone(),
                    ..self.fate.clone()
                },
                None if self.fate.xdp_drops() => self.fate.clone(),
                None => handed_up(),
            },
            Place::Port
                if self.fate.decision == Decision::Pass
                    && self.fate.outcome != Outcome::OtherStation =>
            {
                handed_up()
            }
            Place::Port
            | Place::Uplink
            | Place::Docker
            | Place::Bare
            | Place::Unknown
            | Place::UnknownXdp => self.fate.clone(),
        }
    }
}

impl Fate {
    /// Passed or dropped without a change.
    fn left(outcome: Outcome, frame: &[u8]) -> Self {
        let decision = match outcome.verdict() {
            Verdict::Drop => Decision::Drop,
            Verdict::Pass => Decision::Pass,
            Verdict::Forward | Verdict::Reply => panic!("{outcome:?} leaves no packet as it is"),
        };
        Self {
            outcome,
            decision,
            frame: frame.to_vec(),
            route: None,
        }
    }

    fn redirected(outcome: Outcome, frame: Vec<u8>, counter: u32) -> Self {
        Self {
            outcome,
            decision: Decision::Redirect,
            frame,
            route: Some(counter),
        }
    }

    /// Whether XDP drops it too. It sends no errors, so where one is due it leaves it to tc.
    fn xdp_drops(&self) -> bool {
        let error_due = matches!(
            self.outcome,
            Outcome::ErrorSuppressed | Outcome::ErrorRateLimited
        );
        self.decision == Decision::Drop && !error_due
    }
}

/// Runs every row at all its places, and looks at the counters after each.
///
/// # Panics
/// When one fails: after all have run, with what each that failed did.
pub fn run_all(rig: &Rig, rows: &[Row]) {
    let mut before = rig.counts();
    let mut failures = Vec::new();
    for (row, place) in runs(rows) {
        let mut wanted = Counts::default();
        let ran = row.run_at(rig, place, &mut wanted);
        let after = rig.counts();
        let counted = after.since(&before);
        before = after;
        if let Err(error) = ran {
            failures.push(format!("{} at {place:?}: {error:#}", row.what));
        }
        if counted != wanted {
            let (what, line) = (&row.what, describe(&row.frame));
            failures.push(format!(
                "{what} at {place:?}: {line}\ncounted {counted:?}\n wanted {wanted:?}"
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} runs failed\n\n{}",
        failures.len(),
        runs(rows).count(),
        failures.join("\n\n")
    );
}

/// Runs every row at all its places, and looks at the counters once: for many rows.
///
/// # Errors
/// What went wrong first.
pub fn run_together(rig: &Rig, rows: &[Row]) -> Result<()> {
    let before = rig.counts();
    let mut wanted = Counts::default();
    for (row, place) in runs(rows) {
        row.run_at(rig, place, &mut wanted)
            .with_context(|| format!("{} at {place:?}", row.what))?;
    }
    let counted = rig.counts().since(&before);
    ensure!(counted == wanted, "counted {counted:?}\n wanted {wanted:?}");
    Ok(())
}

fn runs(rows: &[Row]) -> impl Iterator<Item = (&Row, Place)> {
    let places = |row: &'_ Row| row.places.clone();
    rows.iter()
        .flat_map(move |row| places(row).into_iter().map(move |place| (row, place)))
}

/// Bytes of the IP packet in a frame, as its header says.
fn ip_length(frame: &[u8]) -> usize {
    let number = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    if frame[ETHERNET] >> 4 == 4 {
        number(ETHERNET + 2)
    } else {
        40 + number(ETHERNET + 4)
    }
}
