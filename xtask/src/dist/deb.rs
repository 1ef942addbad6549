//! The Debian package, as Debian's policy has it (<https://www.debian.org/doc/debian-policy>).

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{
    Release, fresh_stage,
    stage::{PROGRAM, Stage, TEXT, files, read},
};
use crate::process::{output, succeed};

/// The configuration that users begin with.
pub(super) const EXAMPLE: &str = "routemesh/src/config/default.toml";

/// What is copied as it is.
const FILES: [(&str, &str); 8] = [
    (
        "packaging/routemesh.service",
        "usr/lib/systemd/system/routemesh.service",
    ),
    (
        "packaging/routemesh.sysusers",
        "usr/lib/sysusers.d/routemesh.conf",
    ),
    (EXAMPLE, "etc/routemesh/config.toml"),
    (
        "docs/completions/routemesh.bash",
        "usr/share/bash-completion/completions/routemesh",
    ),
    (
        "docs/completions/routemesh.fish",
        "usr/share/fish/vendor_completions.d/routemesh.fish",
    ),
    (
        "docs/completions/_routemesh",
        "usr/share/zsh/vendor-completions/_routemesh",
    ),
    (
        "packaging/debian/copyright",
        "usr/share/doc/routemesh/copyright",
    ),
    (
        "packaging/debian/lintian-overrides",
        "usr/share/lintian/overrides/routemesh",
    ),
];

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes it in `folder`, and tells its name.
pub(super) fn make(
    release: &Release,
    program: &Path,
    third_party: &str,
    work: &Path,
    folder: &Path,
) -> Result<String> {
    let architecture = architecture(release.processor)?;
    let version = format!("{}-{}", release.version, release.revision);
    let stage = fresh_stage(work, "deb")?;
    stage.copy(program, "usr/bin/routemesh", PROGRAM)?;
    for (from, to) in FILES {
        stage.copy(from, to, TEXT)?;
    }
    for (name, page) in files("docs/man")? {
        stage.compress(&read(&page)?, &format!("usr/share/man/man8/{name}"))?;
    }
    documents(&stage, third_party, &changelog(release, &version)?)?;
    control(&stage, &version, architecture)?;

    let name = format!("routemesh_{version}_{architecture}.deb");
    succeed(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "--threads-max=1", "-Zxz", "--build"])
            .arg(stage.path())
            .arg(folder.join(&name))
            // Clamps the time of every file.
            .env("SOURCE_DATE_EPOCH", release.epoch.to_string())
            .stdout(std::io::stderr()),
    )?;
    Ok(name)
}

fn documents(stage: &Stage, third_party: &str, changelog: &str) -> Result<()> {
    const FOLDER: &str = "usr/share/doc/routemesh";
    let news = read(Path::new("CHANGELOG.md"))?;
    stage.compress(&news, &format!("{FOLDER}/changelog"))?;
    stage.compress(changelog.as_bytes(), &format!("{FOLDER}/changelog.Debian"))?;
    stage.compress(
        third_party.as_bytes(),
        &format!("{FOLDER}/LICENSES-THIRD-PARTY"),
    )?;
    stage.copy_all("docs", FOLDER)
}

/// The package's own files: what dpkg is to know, and what it is to run.
fn control(stage: &Stage, version: &str, architecture: &str) -> Result<()> {
    let kibibytes = stage.size()?.div_ceil(1024);
    let text = String::from_utf8(read(Path::new("packaging/debian/control"))?)
        .context("packaging/debian/control is not UTF-8")?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@SIZE@", &kibibytes.to_string());
    stage.write("DEBIAN/control", text.as_bytes(), TEXT)?;
    stage.write("DEBIAN/conffiles", b"/etc/routemesh/config.toml\n", TEXT)?;
    for script in SCRIPTS {
        stage.copy(
            format!("packaging/debian/{script}"),
            &format!("DEBIAN/{script}"),
            PROGRAM,
        )?;
    }
    Ok(())
}

/// Debian's own changelog, which leads to ours.
fn changelog(release: &Release, version: &str) -> Result<String> {
    let control =
        String::from_utf8_lossy(&read(Path::new("packaging/debian/control"))?).into_owned();
    let maintainer = control
        .lines()
        .find_map(|line| line.strip_prefix("Maintainer: "))
        .context("packaging/debian/control names no maintainer")?;
    let date = output(
        Command::new("date")
            .args(["--utc", "--rfc-email"])
            .arg(format!("--date=@{}", release.epoch)),
    )?;
    Ok(format!(
        "routemesh ({version}) unstable; urgency=medium\n\n  \
         * What is new for users is in changelog.gz.\n\n \
         -- {maintainer}  {}\n",
        date.trim()
    ))
}

/// Debian's name of a processor.
fn architecture(processor: &str) -> Result<&'static str> {
    match processor {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("Debian's name for {other} is not known here"),
    }
}
