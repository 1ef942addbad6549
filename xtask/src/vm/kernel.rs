//! Debian's packaged kernels, fetched but not installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use bpf_build::{Host, cache};

use crate::process::{output, succeed};

/// A kernel with its modules, unpacked in the user's cache.
pub(super) struct Kernel {
    root: PathBuf,
    /// As `uname -r` says.
    pub(super) release: String,
}

impl Kernel {
    /// The newest packaged kernel of `version`, as `6.1`; fetched the first time only.
    pub(super) fn of(version: &str) -> Result<Self> {
        let root = cache(&Host).join("kernels").join(version);
        if !root.exists() {
            fetch(version, &root).with_context(|| format!("fetch kernel {version}"))?;
        }
        let release = only_entry(&root.join("lib/modules"))?;
        Ok(Self { root, release })
    }

    /// What boots.
    pub(super) fn image(&self) -> PathBuf {
        self.root.join(format!("boot/vmlinuz-{}", self.release))
    }

    /// The files of these modules and of all they need, in the order to load them. What is
    /// built in needs no file; what this kernel does not know is left to whoever misses it.
    pub(super) fn modules(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            let mut modprobe = Command::new("modprobe");
            modprobe
                .arg("-d")
                .arg(&self.root)
                .args(["-S", &self.release, "-D", name])
                .stderr(Stdio::null());
            let output = modprobe.output().context("run modprobe")?;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let file = line.strip_prefix("insmod ").map(str::trim);
                files.extend(file.map(PathBuf::from).filter(|file| !files.contains(file)));
            }
        }
        Ok(files)
    }
}

fn fetch(version: &str, root: &Path) -> Result<()> {
    let package = package(version)?;
    println!("vm: fetching {package} into {}", root.display());
    let download = root.with_extension("download");
    if download.exists() {
        fs::remove_dir_all(&download)?;
    }
    let unpacked = download.join("root");
    fs::create_dir_all(&unpacked)?;
    succeed(
        Command::new("apt-get")
            // As root it warns of a directory that its own user may not write to.
            .args(["-qq", "-oAPT::Sandbox::User=root", "download", &package])
            .current_dir(&download),
    )?;
    let archive = fs::read_dir(&download)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get left no package behind")?;
    succeed(Command::new("dpkg").arg("-x").arg(archive).arg(&unpacked))?;
    let release = only_entry(&unpacked.join("lib/modules"))?;
    succeed(Command::new("depmod").arg("-b").arg(&unpacked).arg(release))?;
    // Only what is whole gets the name.
    fs::rename(&unpacked, root)?;
    Ok(fs::remove_dir_all(&download)?)
}

/// The package with the kernel itself: the release's default one or one named by its version.
fn package(version: &str) -> Result<String> {
    for meta in [
        format!("linux-image-{version}-amd64"),
        "linux-image-amd64".to_owned(),
    ] {
        let Ok(depends) = output(Command::new("apt-cache").args(["depends", &meta])) else {
            continue;
        };
        if let Some(package) = dependency(&depends, version) {
            return Ok(package.to_owned());
        }
    }
    bail!(
        "no package of it: `apt-cache search linux-image` lists what there is, after `apt-get update`"
    )
}

/// The kernel of that version among what `apt-cache depends` says a package depends on.
fn dependency<'a>(depends: &'a str, version: &str) -> Option<&'a str> {
    let packages = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    let is_of_version = |package: &str| {
        let rest = package
            .strip_prefix("linux-image-")
            .and_then(|rest| rest.strip_prefix(version));
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    packages.into_iter().find(|package| is_of_version(package))
}

fn only_entry(directory: &Path) -> Result<String> {
    let mut names = fs::read_dir(directory)
        .with_context(|| format!("read {}", directory.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let name = names.next();
    name.with_context(|| format!("{} is empty", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::dependency;

    #[test]
    fn a_kernel_is_known_by_its_whole_version() {
        let depends = "linux-image-amd64\n  Depends: linux-image-6.12.1-amd64\n";
        assert_eq!(
            dependency(depends, "6.12"),
            Some("linux-image-6.12.1-amd64")
        );
        assert_eq!(dependency(depends, "6.1"), None);
        assert_eq!(dependency("linux-image-6.1.0\n", "6.1"), None);
    }
}
