//! The test binaries, and which of them a virtual machine runs.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::cargo;

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

/// A built test binary.
pub(super) struct Binary {
    /// Its name, which is its source file's.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The directory of its package, which cargo would run it in.
    pub(super) directory: PathBuf,
}

/// The integration tests of `package`, built as `cargo test` would have them.
pub(super) fn of(package: &str) -> Result<Vec<Binary>> {
    let output = cargo("test")
        .args(["--workspace", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo test --no-run")?;
    ensure!(output.status.success(), "the tests do not build");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(messages
        .filter_map(|message| binary(&message, package))
        .collect())
}

fn binary(message: &Value, package: &str) -> Option<Binary> {
    let target = &message["target"];
    let is_ours = message["package_id"].as_str()?.contains(package);
    let is_test = target["kind"].as_array()?.iter().any(|kind| kind == "test");
    if !is_ours || !is_test {
        return None;
    }
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(Binary {
        name: target["name"].as_str()?.to_owned(),
        path: message["executable"].as_str()?.into(),
        directory: manifest.parent()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_test_of_the_package_is_known_by_cargos_message() {
        let message = |package: &str, kind: &str| {
            let text = format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///w/{package}#0.1.0",
                "manifest_path":"/w/tests/Cargo.toml","executable":"/t/deps/forward-1",
                "target":{{"kind":["{kind}"],"name":"forward"}}}}"#
            );
            binary(&serde_json::from_str(&text).unwrap(), "routemesh-tests")
        };
        let found = message("tests#routemesh-tests@", "test").unwrap();
        assert_eq!(found.name, "forward");
        assert_eq!(found.directory, PathBuf::from("/w/tests"));
        assert!(message("tests#routemesh-tests@", "lib").is_none());
        assert!(message("routemesh", "test").is_none());
    }
}
