//! What no virtual machine runs, and why.

/// Test binaries that no virtual machine runs, and why. Emulated processors take ten to twenty
/// times as long, and what does not depend on the kernel's version is tested without.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("bench", "it is of the benchmark, not of the kernel"),
    ("control", "the control socket is the same on every kernel"),
    ("demo", "it is of the demo, not of the kernel"),
    ("docker", "a dockerd takes minutes to start"),
    (
        "hostile",
        "what the control socket bears is the same on every kernel",
    ),
    ("lab", "it tests the lab itself"),
    ("metrics", "they are the same on every kernel"),
    ("package", "a Debian takes minutes to start"),
    (
        "supervised",
        "systemd's protocol is the same on every kernel",
    ),
    ("netlink", "batches of thousands take minutes"),
    (
        "soak",
        "its rounds are for processors that are not emulated",
    ),
];

/// Parts of the names of tests that no virtual machine runs, and why.
pub(super) const SKIPPED: &[(&str, &str)] = &[
    (
        "openvswitch::",
        "its datapath is a process, the same on every kernel",
    ),
    (
        "xdp_generic::",
        "the same program on the same road as xdp::, for minutes",
    ),
    (
        "a_table_that_never_stands_still",
        "its load is for processors that are not emulated",
    ),
];
