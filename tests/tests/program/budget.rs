//! What verifying the programs costs.

use routemesh::datapath::Hook;
use routemesh_tests::program::in_rig;

/// The kernel refuses above a million instructions, and kernels differ in how many they follow:
/// half of a budget is used on 6.18.
#[test]
fn the_programs_are_far_below_the_verifiers_limit() {
    for (hook, budget) in [(Hook::Tc, 60_000), (Hook::Xdp, 40_000)] {
        in_rig(move |rig| {
            let followed = rig.datapath.verified_instructions(hook).unwrap();
            let followed = followed.expect("kernels from 5.16 on tell");
            println!("{hook:?}: {followed} instructions");
            assert!(followed < budget, "{hook:?}: {followed} of {budget}");
        });
    }
}
