//! Daemons of other builds in the place of the one under test.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::{Node, Routemesh, attached, pinned_maps, run};

/// What a build has otherwise than the one before it.
#[derive(PartialEq)]
enum Other {
    Programs,
    Maps,
    Both,
}

/// Builds that take over from one another, and from that under test (none), in this order: up to one
/// with other programs and the same maps, to one whose next hops have another layout, and down again.
const BUILDS: [(Option<&str>, Other); 5] = [
    (Some("routemesh-other-programs"), Other::Programs),
    (Some("routemesh-other-maps"), Other::Maps),
    (None, Other::Both),
    (Some("routemesh-other-programs"), Other::Programs),
    (None, Other::Programs),
];

impl Routemesh {
    /// Ends the daemon and starts one of another build in its place, five times; the last is of the
    /// build of the beginning. `cargo xtask test` compiles each from sources of its own.
    ///
    /// # Errors
    /// When one does not come up, or has not what it is to have otherwise than the one before.
    pub fn other_builds_take_over(&mut self) -> Result<()> {
        for (build, new) in BUILDS {
            let (programs, maps) = (programs(self.node())?, pinned_maps(self.bpffs())?);
            self.set_build(build);
            self.stop()?;
            self.resume()?;
            let version = self.cli_json(&["status"])?["version"].to_string();
            let other = version.contains("other");
            ensure!(
                build.map_or(!other, |build| version.contains(build)),
                "{version}"
            );
            let tags = self::programs(self.node())?;
            ensure!(tags.keys().eq(programs.keys()), "{tags:?} and {programs:?}");
            let all_new = tags.iter().all(|(hook, tag)| programs[hook] != *tag);
            ensure!(
                all_new == (new != Other::Maps),
                "{build:?}: {programs:?}, {tags:?}"
            );
            let same = pinned_maps(self.bpffs())? == maps;
            ensure!(same == (new == Other::Programs), "{build:?}: {maps:?}");
        }
        Ok(())
    }
}

/// The programs at the hooks of a host, each as the hash of its instructions.
fn programs(node: &Node) -> Result<BTreeMap<String, String>> {
    let attached = attached(node)?;
    let programs = attached.iter().map(|(id, what)| {
        let shown = run("bpftool", ["-j", "prog", "show", "id", &id.to_string()])?;
        let program: serde_json::Value = serde_json::from_str(&shown)?;
        let tag = program["tag"].as_str().context(shown)?.to_owned();
        Ok((what.replace(&format!(" {id}"), ""), tag))
    });
    programs.collect()
}
