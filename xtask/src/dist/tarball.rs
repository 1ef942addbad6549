//! The tarball: for systems without Debian's packages.

use std::{path::Path, process::Command};

use anyhow::Result;

use super::{
    Release, fresh_stage,
    stage::{PROGRAM, TEXT},
};
use crate::process::succeed;

const TEXTS: [&str; 7] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
    "LICENSE-MIT",
    "README.md",
    "packaging/routemesh.service",
    "packaging/routemesh.sysusers",
];

/// Makes it in `folder`, and tells its name.
pub(super) fn make(
    release: &Release,
    program: &Path,
    third_party: &str,
    work: &Path,
    folder: &Path,
) -> Result<String> {
    let top = format!("routemesh-{}-{}-linux", release.version, release.processor);
    let stage = fresh_stage(work, &top)?;
    stage.copy(program, "routemesh", PROGRAM)?;
    for text in TEXTS {
        let name = text.rsplit('/').next().unwrap_or(text);
        stage.copy(text, name, TEXT)?;
    }
    stage.copy(super::deb::EXAMPLE, "config.toml", TEXT)?;
    stage.write("LICENSES-THIRD-PARTY", third_party.as_bytes(), TEXT)?;
    for directory in ["docs", "docs/completions", "docs/man"] {
        let to = directory.rsplit('/').next().unwrap_or(directory);
        stage.copy_all(directory, to)?;
    }
    let name = format!("{top}.tar.gz");
    succeed(
        Command::new("tar")
            .args(["--create", "--use-compress-program=gzip -9 --no-name"])
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .arg("--format=gnu")
            .arg(format!("--mtime=@{}", release.epoch))
            .arg("--file")
            .arg(folder.join(&name))
            .arg("--directory")
            .arg(work)
            .arg(&top),
    )?;
    Ok(name)
}
