//! What verifying the programs costs.

use routemesh_tests::program::in_rig;

/// Each program, and how many instructions the kernel may follow to verify it.
///
/// It refuses above a million, and kernels differ in how many they follow: the larger two use up
/// to nine tenths of theirs. Most of it is that both read a packet twice, out of its tunnel the
/// second time, and write all kinds of tunnels.
const BUDGETS: [(&str, u32); 6] = [
    ("rm_connect4", 200),
    ("rm_connect6", 200),
    ("rm_sendmsg4", 200),
    ("rm_sendmsg6", 200),
    ("rm_tc", 120_000),
    ("rm_xdp", 60_000),
];

#[test]
fn every_program_is_far_below_the_verifiers_limit() {
    let followed = in_rig(|rig| rig.datapath.verified_instructions().unwrap());
    let names: Vec<_> = followed.keys().collect();
    assert_eq!(names, BUDGETS.map(|(name, _)| name), "each has a budget");
    for ((name, followed), (_, budget)) in followed.iter().zip(BUDGETS) {
        let followed = followed.expect("kernels from 5.16 on tell");
        println!("{name}: {followed} instructions");
        assert!(followed < budget, "{name}: {followed} of {budget}");
    }
}
