//! What verifying the programs costs.

use routemesh::datapath::Hook;
use routemesh_tests::program::in_rig;

/// The kernel refuses above a million instructions, and kernels differ in how many they follow:
/// two thirds of a budget are used on 6.18. Most of it is that both programs read a packet twice,
/// out of its tunnel the second time, and write all kinds of tunnels.
#[test]
fn the_programs_are_far_below_the_verifiers_limit() {
    for (hook, budget) in [(Hook::Tc, 96_000), (Hook::Xdp, 60_000)] {
        in_rig(move |rig| {
            let followed = rig.datapath.verified_instructions(hook).unwrap();
            let followed = followed.expect("kernels from 5.16 on tell");
            println!("{hook:?}: {followed} instructions");
            assert!(followed < budget, "{hook:?}: {followed} of {budget}");
        });
    }
}
