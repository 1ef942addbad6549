//! A row of the table: a frame, and for each place it comes in at what must become of it.

use routemesh::datapath::Decision;
use routemesh_common::{Outcome, Verdict};
use routemesh_tests::{
    packet::{describe, difference, hexdump},
    program::{Counts, Place, Rig},
};

const ETHERNET: usize = 14;
/// The dynamic ports (RFC 6335 §6).
const DYNAMIC: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// What must become of a frame at one place.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    outcome: Outcome,
    decision: Decision,
    frame: Vec<u8>,
    route: Option<(u32, usize)>,
    any_port: Option<usize>,
}

impl Fate {
    /// Passed or dropped, with these bytes.
    pub(super) fn left(outcome: Outcome, frame: impl Into<Vec<u8>>) -> Self {
        let decision = match outcome.verdict() {
            Verdict::Drop => Decision::Drop,
            Verdict::Pass => Decision::Pass,
            Verdict::Forward | Verdict::Reply => panic!("{outcome:?} is not left"),
        };
        Self {
            outcome,
            decision,
            frame: frame.into(),
            route: None,
            any_port: None,
        }
    }

    /// Sent on, with these bytes, and counted by a route.
    pub(super) fn sent(
        outcome: Outcome,
        frame: impl Into<Vec<u8>>,
        counter: u32,
        bytes: usize,
    ) -> Self {
        Self {
            outcome,
            decision: Decision::Redirect,
            frame: frame.into(),
            route: Some((counter, bytes)),
            any_port: None,
        }
    }

    /// Cut in two, of which these bytes are left and come in anew.
    pub(super) fn cut(frame: impl Into<Vec<u8>>) -> Self {
        Self {
            outcome: Outcome::Fragmented,
            decision: Decision::Redirect,
            frame: frame.into(),
            route: None,
            any_port: None,
        }
    }

    /// Counted by a route.
    pub(super) fn on(mut self, counter: u32, bytes: usize) -> Self {
        self.route = Some((counter, bytes));
        self
    }

    /// The UDP source port that stands there may be any of the dynamic ones.
    pub(super) fn any_port(mut self, at: Option<usize>) -> Self {
        self.any_port = at;
        self
    }

    /// How a run differs from it.
    fn wrong(&self, decision: Decision, frame: &[u8], counted: &Counts, wanted: &Counts) -> String {
        let mut wrong = Vec::new();
        if counted != wanted {
            wrong.push(format!("counted {counted:?}\n   wanted {wanted:?}"));
        }
        if decision != self.decision {
            wrong.push(format!("decided {decision:?}, wanted {:?}", self.decision));
        }
        let mut expected = self.frame.clone();
        if let Some(at) = self.any_port
            && let Some([high, low]) = frame.get(at..at + 2)
        {
            let port = u16::from_be_bytes([*high, *low]);
            if DYNAMIC.contains(&port) {
                expected[at..at + 2].copy_from_slice(&[*high, *low]);
            }
        }
        wrong.extend(difference(&expected, frame));
        wrong.join("\n")
    }
}

/// A frame, and its fates.
#[derive(Clone, Debug)]
pub(super) struct Row {
    what: String,
    frame: Vec<u8>,
    fates: Vec<(Place, Fate)>,
}

impl Row {
    /// Of nothing yet.
    pub(super) fn new(what: impl Into<String>, frame: Vec<u8>) -> Self {
        Self {
            what: what.into(),
            frame,
            fates: Vec::new(),
        }
    }

    /// With the same fate at each of these places.
    pub(super) fn at(mut self, places: &[Place], fate: &Fate) -> Self {
        let fates = places.iter().map(|place| (*place, fate.clone()));
        self.fates.extend(fates);
        self
    }

    /// Off the wire, refused without a change by XDP and by tc.
    pub(super) fn refused(self, outcome: Outcome) -> Self {
        let fate = Fate::left(outcome, self.frame.clone());
        self.at(&[Place::UplinkXdp, Place::Uplink], &fate)
    }

    /// Off the wire, left to the stack as it came.
    pub(super) fn passed(self, outcome: Outcome) -> Self {
        let (up, fate) = (
            Fate::left(Outcome::HandedUp, self.frame.clone()),
            Fate::left(outcome, self.frame.clone()),
        );
        self.at(&[Place::UplinkXdp], &up)
            .at(&[Place::Uplink], &fate)
    }

    /// Off the wire, taken out of its tunnel by XDP or by tc, whichever comes first, and then
    /// settled by tc.
    pub(super) fn popped(self, stripped: &[u8], fate: &Fate) -> Self {
        let up = Fate::left(Outcome::HandedUp, stripped);
        self.at(&[Place::UplinkXdp], &up).at(&[Place::Uplink], fate)
    }

    fn run(&self, rig: &Rig, failures: &mut Vec<String>) {
        for (place, fate) in &self.fates {
            let left = self.run_at(rig, (*place, fate), &self.frame, failures);
            if *place == Place::UplinkXdp && fate.decision == Decision::Pass && left != self.frame {
                // What XDP took out of its tunnel must end at tc as if tc had done so.
                let (_, fate) = self
                    .fates
                    .iter()
                    .find(|(place, _)| *place == Place::Uplink)
                    .expect("XDP passes nothing on without tc");
                self.run_at(rig, (Place::Uplink, fate), &left, failures);
            }
        }
    }

    /// Runs one program and returns the frame as it was left.
    fn run_at(
        &self,
        rig: &Rig,
        (place, fate): (Place, &Fate),
        frame: &[u8],
        failures: &mut Vec<String>,
    ) -> Vec<u8> {
        let mut wanted = Counts::default();
        wanted.outcome(place, fate.outcome, frame.len() - ETHERNET);
        if let Some((slot, bytes)) = fate.route {
            wanted.route(slot, bytes);
        }
        let before = rig.counts();
        let run = match rig.run(place, frame, 0) {
            Ok(run) => run,
            Err(error) => {
                failures.push(format!("{} at {place:?}: {error:#}", self.what));
                return frame.to_vec();
            }
        };
        let wrong = fate.wrong(
            run.decision,
            &run.frame,
            &rig.counts().since(&before),
            &wanted,
        );
        if !wrong.is_empty() {
            let came = (describe(frame), hexdump(frame));
            failures.push(format!(
                "{} at {place:?}: {wrong}\nin {}\n{}",
                self.what, came.0, came.1
            ));
        }
        run.frame
    }
}

/// Runs every row at all its places.
///
/// # Panics
/// When one fails: after all have run, with what each that failed did.
pub(super) fn run_all(rig: &Rig, rows: &[Row]) {
    let mut failures = Vec::new();
    for row in rows {
        row.run(rig, &mut failures);
    }
    let given: usize = rows.iter().map(|row| row.fates.len()).sum();
    println!("{} rows, {given} runs", rows.len());
    assert!(
        failures.is_empty(),
        "{} of {given} runs failed\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
