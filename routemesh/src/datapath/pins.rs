//! The directory in the BPF file system below which maps and links are pinned.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};

use super::{Hook, sets::Sets};

/// Where the BPF file system is, by convention.
const BPFFS: &str = "/sys/fs/bpf";

/// How what is below is arranged. Every build finds the links of every other there, whatever
/// their maps are like: a hook never has two programs of ours.
const ARRANGEMENT: &str = "v1";

/// A directory of ours: `links/HOOK-IFINDEX`, `links/PROGRAM` of those for sockets, and the [`Sets`] of maps.
#[derive(Debug)]
pub(super) struct Pins {
    links: PathBuf,
    sets: Sets,
    /// Held by the daemon whose directory it is: another's would take its links over.
    _lock: Option<File>,
}

impl Pins {
    /// Makes the directory, with the BPF file system below it where that is not mounted yet.
    ///
    /// # Errors
    /// When it cannot be made, is on another kind of file system, or belongs to someone else.
    /// And when another daemon has it.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        mount_bpffs(directory)?;
        make(directory)?;
        keep_to_ourselves(directory)?;
        let pins = Self {
            _lock: Some(lock(directory)?),
            ..Self::at(directory)
        };
        make(&directory.join(ARRANGEMENT))?;
        make(&pins.links)?;
        Ok(pins)
    }

    /// The directory as it is, made or not.
    pub(super) fn at(directory: &Path) -> Self {
        let below = directory.join(ARRANGEMENT);
        Self {
            links: below.join("links"),
            sets: Sets::at(below.join("maps")),
            _lock: None,
        }
    }

    /// The directory to take away what is in it, made or not.
    ///
    /// # Errors
    /// When it is there and on another kind of file system: nothing in it is ours.
    pub(super) fn to_remove(directory: &Path) -> Result<Self> {
        if directory.exists() && !is_bpffs(directory) {
            bail!("{}", elsewhere(directory));
        }
        Ok(Self::at(directory))
    }

    /// Removes all that is ours, and the directory where nothing of others is left in it.
    ///
    /// # Errors
    /// When something of ours cannot be removed.
    pub(super) fn remove(self, directory: &Path) -> Result<()> {
        let ours = directory.join(ARRANGEMENT);
        match fs::remove_dir_all(&ours) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", ours.display()));
            }
            _ => {}
        }
        // It stays where others have put something there, or where a file system is mounted on it.
        let _ = fs::remove_dir(directory);
        Ok(())
    }

    /// The sets of maps.
    pub(super) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Where the link of `hook` on the interface is pinned.
    pub(super) fn link(&self, hook: Hook, ifindex: u32) -> PathBuf {
        self.links.join(format!("{}-{ifindex}", hook.name()))
    }

    /// Where the link of a program for sockets is pinned.
    pub(super) fn socket(&self, program: &str) -> PathBuf {
        self.links.join(program)
    }

    /// The links that are pinned, of interfaces.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn all(&self) -> Result<Vec<(Hook, u32)>> {
        let entries = match fs::read_dir(&self.links) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.links.display().to_string()),
        };
        let mut links = Vec::new();
        for entry in entries {
            let name = entry.with_context(|| self.links.display().to_string())?;
            links.extend(parse(&name.file_name().to_string_lossy()));
        }
        Ok(links)
    }
}

fn parse(name: &str) -> Option<(Hook, u32)> {
    let (hook, ifindex) = name.split_once('-')?;
    let hook = Hook::ALL.into_iter().find(|known| known.name() == hook)?;
    Some((hook, ifindex.parse().ok()?))
}

/// Refuses a directory of someone else, and closes ours to all others: who can write there can
/// put programs of their own in our place, and anyone can make a directory in the BPF file system.
fn keep_to_ourselves(directory: &Path) -> Result<()> {
    let found = fs::symlink_metadata(directory)
        .with_context(|| format!("look at {}", directory.display()))?;
    let hint = "remove it, or name another directory with --bpffs";
    if !found.is_dir() {
        bail!("{} is no directory: {hint}", directory.display());
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        let owner = found.uid();
        bail!("{} belongs to user {owner}: {hint}", directory.display());
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("close {} to others", directory.display()))?;
    }
    Ok(())
}

fn mount_bpffs(directory: &Path) -> Result<()> {
    let below = directory.parent().unwrap_or(directory);
    if is_bpffs(below) {
        return Ok(());
    }
    if below == Path::new(BPFFS) {
        return mount(
            Some("bpf"),
            BPFFS,
            Some("bpf"),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("mount the BPF file system on {BPFFS}"));
    }
    bail!("{}", elsewhere(directory))
}

fn is_bpffs(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
}

fn elsewhere(directory: &Path) -> String {
    format!(
        "{} is not in a BPF file system: name a directory in one with --bpffs, by default {BPFFS}/routemesh",
        directory.display()
    )
}

/// The kernel lets go of it when the process ends, however it does.
fn lock(directory: &Path) -> Result<File> {
    let file = File::open(directory).with_context(|| format!("open {}", directory.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another routemesh daemon pins in {}; stop it first, or name another directory with --bpffs",
            directory.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", directory.display()))
        }
    }
}

/// Makes a directory that only root may look into, where there is none.
pub(super) fn make(directory: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("make {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_pin_reads_back() {
        let pins = Pins::at(Path::new("/sys/fs/bpf/x"));
        for hook in Hook::ALL {
            let path = pins.link(hook, 17);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(parse(name), Some((hook, 17)));
        }
    }

    #[test]
    fn what_is_not_ours_is_no_link() {
        for name in ["tc", "tc-", "tc-x", "other-3", ""] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
