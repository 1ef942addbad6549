//! `cargo xtask dist`: what users install, a Debian package and a tarball around a static binary.

mod deb;
mod licences;
mod stage;
mod tarball;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use clap::Args;

use self::stage::Stage;
use crate::{
    packages,
    process::{output, root, target},
    release, setup,
};

/// What to make, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Where to; by default `dist` in cargo's target directory
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Number of this package among those of one version
    #[arg(long, value_name = "N", default_value_t = 1)]
    revision: u32,
    /// Pack this program instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What is said of the release in more than one place.
struct Release {
    version: &'static str,
    revision: u32,
    /// The only time that files and archives bear, in seconds since 1970.
    epoch: u64,
    /// Rust's name for the processor.
    processor: &'static str,
}

/// The same source, compiler and time give the same bytes.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::need(packages::DIST)?;
    setup::run()?;
    let release = Release {
        version: env!("CARGO_PKG_VERSION"),
        revision: options.revision,
        epoch: epoch()?,
        processor: env::consts::ARCH,
    };
    let program = match &options.binary {
        Some(program) => program.clone(),
        None => release::build(&["routemesh"])?.join("routemesh"),
    };
    let folder = match &options.output {
        Some(folder) => folder.clone(),
        None => target()?.join("dist"),
    };
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let work = folder.join("work");
    let third_party = licences::third_party()?;
    let made = [
        tarball::make(&release, &program, &third_party, &work, &folder)?,
        deb::make(&release, &program, &third_party, &work, &folder)?,
    ];
    fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))?;
    report(&folder, &made)
}

/// `SOURCE_DATE_EPOCH`, or else the time of the last commit.
fn epoch() -> Result<u64> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => output(
            Command::new("git")
                .args(["log", "-1", "--format=%ct"])
                .current_dir(root()),
        )
        .context("ask git for the time of the last commit; SOURCE_DATE_EPOCH names another")?,
    };
    text.trim().parse().with_context(|| {
        format!(
            "SOURCE_DATE_EPOCH: `{}` is no number of seconds",
            text.trim()
        )
    })
}

/// Shows what there is, and writes the checksums beside it.
fn report(folder: &Path, made: &[String]) -> Result<()> {
    let sums = output(Command::new("sha256sum").args(made).current_dir(folder))?;
    let path = folder.join("SHA256SUMS");
    fs::write(&path, &sums).with_context(|| format!("write {}", path.display()))?;
    print!("{sums}");
    println!("dist: in {}", folder.display());
    Ok(())
}

/// An empty folder to put files into.
fn fresh_stage(work: &Path, name: &str) -> Result<Stage> {
    let folder = work.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    Stage::new(folder)
}
