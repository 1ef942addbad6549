//! `cargo xtask tidy`: what the compiler does not check.
//!
//! Clippy sees everything that builds for the host, the pure core of the eBPF crate included. The
//! programs themselves are checked for BPF by the compiler alone, with every warning an error: the
//! distribution's toolchain, one of the two that can build them, comes without clippy.

mod code;
mod docs;
mod layers;
mod licences;
mod limits;
mod tree;

use std::fmt;

use anyhow::{Result, ensure};
use bpf_build::Object;
use clap::Args;

use crate::{
    process::{cargo, root, succeed, target},
    setup,
};
use tree::Tree;

/// What to do about offences.
#[derive(Args)]
pub(crate) struct Options {
    /// Mend what can be mended: format the code, write the generated docs anew
    #[arg(long)]
    bless: bool,
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    file: String,
    /// Counted from 1; 0 where it is the whole file's.
    line: usize,
    what: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        match line {
            0 => write!(f, "{file}: {what}"),
            _ => write!(f, "{file}:{line}: {what}"),
        }
    }
}

/// A check that needs nothing but the text of the sources.
type Check = fn(&Tree) -> Vec<Offence>;

/// The checks of text, by name.
const OF_TEXT: &[(&str, Check)] = &[
    ("layers", layers::check),
    ("unsafe", limits::unsafe_code),
    ("length", limits::length),
    ("paths", limits::paths),
    ("licences", licences::check),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let tree = Tree::read(&root())?;
    let mut failed = 0;
    for (name, check) in OF_TEXT {
        failed += report(name, Ok(check(&tree)));
    }
    failed += report("format", format(options.bless));
    let object = setup::run()?;
    failed += report("clippy", clippy());
    failed += report("bpf", bpf(&object));
    failed += report("docs", docs::check(options.bless));
    ensure!(
        failed == 0,
        "{failed} of {} checks failed",
        OF_TEXT.len() + 4
    );
    Ok(())
}

/// Prints how a check ended, and returns 1 if it failed.
fn report(name: &str, result: Result<Vec<Offence>>) -> usize {
    let complaints = match result {
        Ok(offences) => offences.iter().map(ToString::to_string).collect(),
        Err(error) => vec![format!("{error:#}")],
    };
    println!(
        "tidy: {name} {}",
        if complaints.is_empty() {
            "ok"
        } else {
            "failed"
        }
    );
    for complaint in &complaints {
        println!("  {complaint}");
    }
    usize::from(!complaints.is_empty())
}

fn format(bless: bool) -> Result<Vec<Offence>> {
    let check: &[&str] = if bless { &[] } else { &["--check"] };
    succeed(cargo("fmt").arg("--all").args(check))?;
    Ok(Vec::new())
}

fn clippy() -> Result<Vec<Offence>> {
    let scope = ["--quiet", "--workspace", "--all-targets", "--locked"];
    succeed(cargo("clippy").args(scope).args(["--", "-Dwarnings"]))?;
    Ok(Vec::new())
}

fn bpf(object: &Object) -> Result<Vec<Offence>> {
    match object {
        Object::Prebuilt(_) => println!("tidy: bpf is left out: the object is prebuilt"),
        Object::Built(tools) => bpf_build::check(tools, &root(), &target()?)?,
    }
    Ok(Vec::new())
}
