//! The generated pages under `docs/` are those that the daemon's own tables yield today.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::Offence;
use crate::process::{cargo, root, succeed, target};

const DOCS: &str = "docs";

/// Compares the pages with what `routemesh docs` writes, or has it write them.
pub(super) fn check(bless: bool) -> Result<Vec<Offence>> {
    succeed(cargo("build").args(["--quiet", "--package", "routemesh", "--locked"]))?;
    let kept = root().join(DOCS);
    if bless {
        write(&kept)?;
        return Ok(Vec::new());
    }
    let fresh = target()?.join(DOCS);
    remove(&fresh)?;
    write(&fresh)?;
    let mut offences = Vec::new();
    compare(&fresh, &kept, &mut offences)
        .with_context(|| format!("compare {} with {}", fresh.display(), kept.display()))?;
    Ok(offences)
}

fn write(directory: &Path) -> Result<()> {
    let daemon = target()?.join("debug/routemesh");
    succeed(Command::new(daemon).arg(DOCS).arg(directory))
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Every file of `fresh` is to be in `kept`, with the same bytes. Directories that `fresh` has are
/// generated whole: what else `kept` has in them describes something that is gone.
fn compare(fresh: &Path, kept: &Path, offences: &mut Vec<Offence>) -> io::Result<()> {
    for path in entries(fresh)? {
        let twin = kept.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            compare(&path, &twin, offences)?;
            let gone = entries(&twin).unwrap_or_default().into_iter();
            let gone = gone.filter(|old| !path.join(old.file_name().unwrap_or_default()).exists());
            offences.extend(gone.map(|old| offence(&old, "is no longer generated")));
        } else if fs::read(&path)? != fs::read(&twin).unwrap_or_default() {
            offences.push(offence(&twin, "is not what the code says"));
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries: Vec<_> = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

fn offence(path: &Path, what: &str) -> Offence {
    let root = root();
    let path = path.strip_prefix(&root).unwrap_or(path);
    Offence {
        file: path.display().to_string(),
        line: 0,
        what: format!("{what}: `cargo xtask tidy --bless` writes it anew"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_missing_and_left_over_pages_are_found() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        let (fresh, kept) = (base.path().join("fresh"), base.path().join("kept"));
        let files = [
            (&fresh, "same.md", "a"),
            (&kept, "same.md", "a"),
            (&fresh, "stale.md", "new"),
            (&kept, "stale.md", "old"),
            (&fresh, "man/new.8", "x"),
            (&kept, "man/gone.8", "x"),
            (&kept, "by-hand.md", "x"),
        ];
        for (directory, name, text) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(path, text)?;
        }
        let mut offences = Vec::new();
        compare(&fresh, &kept, &mut offences)?;
        let found: Vec<_> = offences
            .iter()
            .map(|offence| offence.file.rsplit('/').next().unwrap_or(""))
            .collect();
        assert_eq!(found, ["new.8", "gone.8", "stale.md"]);
        Ok(())
    }
}
