//! `routemesh doctor`: what on this host is in the way. Needs no daemon.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::{Args, builder::PossibleValuesParser};

use super::{DEFAULT_FILE, Session, detach::Bpffs};
use crate::doctor::{CHECKS, Examined, Options, Severity, examine};

pub(super) const AFTER_HELP: &str = "\
Each finding has a severity, what is the case, why it matters, and the command that mends it. \
Nothing is changed, and no packet disturbed: programs are loaded and attached where nobody is, \
unless --try-xdp is given. \
Exit code 1 if there is an error among the findings, 0 for warnings and notes.";

#[derive(Args, Debug)]
pub struct Arguments {
    /// Make these checks only
    #[arg(value_name = "CHECK", value_parser = PossibleValuesParser::new(names()))]
    checks: Vec<String>,
    /// Configuration file; by default /etc/routemesh/config.toml, or where that is missing, the
    /// one built in
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "ROUTEMESH_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Attach XDP for a moment to uplinks that are to have it and do not, to see what their drivers
    /// do: some take the link down for a second
    #[arg(long)]
    try_xdp: bool,
    #[command(flatten)]
    bpffs: Bpffs,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let default = Path::new(DEFAULT_FILE);
    let config = arguments.config.clone();
    let examined = examine(&Options {
        config: config.or_else(|| default.exists().then(|| default.to_owned())),
        bpffs: arguments.bpffs.directory.clone(),
        checks: arguments.checks.clone(),
        try_xdp: arguments.try_xdp,
    })?;
    session.output.value(&examined, &page(&examined))?;
    let errors = count(&examined, Severity::Error);
    if errors > 0 {
        bail!("errors found: {errors}");
    }
    Ok(())
}

fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

fn count(examined: &[Examined], severity: Severity) -> usize {
    let findings = examined.iter().flat_map(|check| &check.findings);
    findings
        .filter(|finding| finding.severity == severity)
        .count()
}

/// What is well on one line each; what is not, in full.
fn page(examined: &[Examined]) -> String {
    let mut text = String::new();
    for check in examined {
        // Writing to a String cannot fail; so below.
        if let Some(reason) = &check.unknown {
            let _ = writeln!(text, "unknown  {}: {reason}", check.check);
        } else if check.findings.is_empty() {
            let _ = writeln!(text, "ok       {}", check.check);
        }
        for finding in &check.findings {
            let severity = match finding.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            let _ = write!(
                text,
                "{severity:<8} {}: {}\n         why: {}\n         fix: {}\n",
                check.check, finding.what, finding.why, finding.fix
            );
        }
    }
    text
}

/// The page of the documentation.
pub(super) fn checks() -> String {
    let mut page = String::from(
        "# Checks of `routemesh doctor`\n\n\
         Each is made by trying, where that disturbs nobody. Every finding comes with the command that \
         mends it.\n\n| Check | What is looked at |\n|---|---|\n",
    );
    for check in CHECKS {
        let _ = writeln!(page, "| `{}` | {} |", check.name, check.about);
    }
    page.push_str(
        "\nWhat it cannot know: whether a driver of a kernel before 6.3 has XDP, unless it runs a program \
         already or `--try-xdp` is given; names of others' programs, and \
         whether programs can be attached, without `CAP_SYS_ADMIN`. Those checks then say `unknown`, which is \
         no error.\nHow the other end of a veth is set cannot be known either where no name and no process that \
         can be seen leads to its network namespace: then there is a note.\n\n\
         Exit code 1 if there is a finding of severity `error`, else 0. With `--json`, a list of checks, each \
         with its `findings`\n(`severity`, `what`, `why`, `fix`), or with the reason why its state is \
         `unknown`.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Finding;

    #[test]
    fn the_page_says_what_is_well_and_how_to_mend_what_is_not() {
        let examined = [
            Examined {
                check: "jit",
                unknown: None,
                findings: Vec::new(),
            },
            Examined {
                check: "hooks",
                unknown: Some("not allowed".into()),
                findings: Vec::new(),
            },
            Examined {
                check: "bpffs",
                unknown: None,
                findings: vec![Finding {
                    severity: Severity::Error,
                    what: "it is not there".into(),
                    why: "pins".into(),
                    fix: "mount it".into(),
                }],
            },
        ];
        assert_eq!(
            page(&examined),
            "ok       jit\n\
             unknown  hooks: not allowed\n\
             error    bpffs: it is not there\n         why: pins\n         fix: mount it\n"
        );
        assert_eq!(count(&examined, Severity::Error), 1);
    }

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let mut names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
