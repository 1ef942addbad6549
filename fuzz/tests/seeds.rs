//! Every target over its seeds, whole and damaged: what libFuzzer starts from holds.

use routemesh_fuzz::{TARGETS, seeds};

#[test]
fn every_target_bears_its_seeds_and_their_beginnings() {
    for (name, run) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has seeds");
        for seed in &seeds {
            for length in (0..=seed.len()).rev().step_by(1 + seed.len() / 64) {
                run(&seed[..length]);
            }
        }
    }
}

#[test]
fn every_target_bears_its_seeds_with_a_byte_changed() {
    for (name, run) in TARGETS {
        for mut seed in seeds(name) {
            for at in (0..seed.len()).step_by(1 + seed.len() / 64) {
                for bit in [1, 0x10, 0x80] {
                    seed[at] ^= bit;
                    run(&seed);
                    seed[at] ^= bit;
                }
            }
        }
    }
}
