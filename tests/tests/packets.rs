//! The named packets of `tests/packets` through the real programs. `injected.rs` puts them onto the
//! wire of a lab.
//!
//! Their table is the default one of the program tests, with two peers' tunnels: network 100 over
//! VXLAN and Geneve, GRE without a key, IP in IP.

use routemesh::datapath::{Decision, Run};
use routemesh_common::{Outcome, TunnelSettings, Verdict};
use routemesh_tests::{
    packet::{Named, corpus, hexdump},
    program::{FAMILIES, NETWORK, Place, Rig, in_rig},
};

#[test]
fn every_named_packet_ends_as_its_file_says() {
    in_rig(|rig| {
        tunnels(rig);
        let mut wrong = Vec::new();
        for named in corpus() {
            let (first, last) = if named.from_container {
                (Place::Port, Place::Docker)
            } else {
                (Place::UplinkXdp, Place::Uplink)
            };
            for (place, wanted) in [(first, &named.first), (last, &named.tc)] {
                if place == Place::Uplink && named.is_cut() {
                    // Test runs of tc refuse them; the wire of `injected.rs` has them.
                    continue;
                }
                if let Err(what) = judge(rig, &named, place, wanted) {
                    wrong.push(format!("{} at {place:?}: {what}", named.name));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    });
}

/// Two peers, and what they may send.
fn tunnels(rig: &mut Rig) {
    let settings = TunnelSettings {
        vni: NETWORK,
        vxlan_port: 4789_u16.to_be_bytes(),
        geneve_port: 6081_u16.to_be_bytes(),
        ..TunnelSettings::default()
    };
    let set = rig.datapath.set_tunnel_settings(settings);
    set.expect("set the tunnels' settings");
    for roles in FAMILIES {
        let set = rig.datapath.set_peer(roles.neighbour());
        set.expect("set a peer");
    }
}

/// Runs a packet at a place: it ends once, in that outcome, and what is passed in the open or
/// dropped there is as it was.
fn judge(rig: &Rig, named: &Named, place: Place, wanted: &str) -> Result<(), String> {
    let before = rig.counts();
    let run = rig
        .run(place, &named.frame, 0)
        .map_err(|error| format!("{error:#}"))?;
    let counted = rig.counts().since(&before);
    let ended: Vec<_> = counted.outcomes.into_values().collect();
    let bytes = named.frame.len() as u64 - 14;
    let [(label, 1, counted)] = ended[..] else {
        return Err(format!("counted {ended:?}"));
    };
    if label != wanted || counted != bytes {
        return Err(format!("{label} with {counted} bytes, wanted {wanted}"));
    }
    let outcome = Outcome::ALL.iter().find(|outcome| outcome.label() == label);
    let verdict = outcome.expect("a label of the table").verdict();
    let decision = match verdict {
        Verdict::Pass => Decision::Pass,
        Verdict::Drop => Decision::Drop,
        Verdict::Forward | Verdict::Reply => Decision::Redirect,
    };
    if run.decision != decision {
        return Err(format!("{label}, but {:?}", run.decision));
    }
    left_alone(named, &run)
}

fn left_alone(named: &Named, run: &Run) -> Result<(), String> {
    let sent = matches!(run.decision, Decision::Redirect | Decision::Transmit);
    // Of a tunnel packet the inner one may be what is dropped, or left to the next hook.
    if sent || named.in_tunnel() || run.frame == named.frame {
        return Ok(());
    }
    Err(format!("changed into\n{}", hexdump(&run.frame)))
}
