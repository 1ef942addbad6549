//! A folder with the files of an archive, as they are to be in it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::process::root;

pub(super) const PROGRAM: u32 = 0o755;
pub(super) const TEXT: u32 = 0o644;

/// The folder. Modes do not depend on this process's umask.
pub(super) struct Stage(PathBuf);

impl Stage {
    pub(super) fn new(folder: PathBuf) -> Result<Self> {
        let stage = Self(folder);
        fs::create_dir_all(&stage.0).with_context(|| format!("make {}", stage.0.display()))?;
        set_mode(&stage.0, PROGRAM)?;
        Ok(stage)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, in directories of its own.
    pub(super) fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.0.join(name);
        for directory in path.ancestors().skip(1) {
            if directory == self.0 {
                break;
            }
            fs::create_dir_all(directory)
                .with_context(|| format!("make {}", directory.display()))?;
            set_mode(directory, PROGRAM)?;
        }
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        set_mode(&path, mode)
    }

    /// Copies a file of the repository, or another by its absolute path.
    pub(super) fn copy(&self, from: impl AsRef<Path>, name: &str, mode: u32) -> Result<()> {
        self.write(name, &read(from.as_ref())?, mode)
    }

    /// Copies the files of one of the repository's directories.
    pub(super) fn copy_all(&self, from: &str, to: &str) -> Result<()> {
        for (name, path) in files(from)? {
            self.copy(path, &format!("{to}/{name}"), TEXT)?;
        }
        Ok(())
    }

    /// Copies a file, compressed, and `.gz` after its name.
    pub(super) fn compress(&self, content: &[u8], name: &str) -> Result<()> {
        self.write(&format!("{name}.gz"), &compressed(content)?, TEXT)
    }

    /// The sum of the files' sizes, in bytes.
    pub(super) fn size(&self) -> Result<u64> {
        size(&self.0).with_context(|| format!("measure {}", self.0.display()))
    }
}

/// Reads a file of the repository, or another by its absolute path.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let path = root().join(path);
    fs::read(&path).with_context(|| format!("read {}", path.display()))
}

/// The files in a directory of the repository, by name.
pub(super) fn files(directory: &str) -> Result<Vec<(String, PathBuf)>> {
    let directory = root().join(directory);
    let step = || format!("read {}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).with_context(step)? {
        let path = entry.with_context(step)?.path();
        let name = path.file_name().unwrap_or(OsStr::new(""));
        let name = name.to_string_lossy().into_owned();
        files.extend(path.is_file().then_some((name, path)));
    }
    files.sort();
    Ok(files)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

fn size(path: &Path) -> std::io::Result<u64> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

/// gzip without name and time in its header.
fn compressed(content: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "--no-name"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("run gzip")?;
    let mut input = gzip.stdin.take().context("its input is a pipe")?;
    let output = std::thread::scope(|scope| {
        // Moved there, so that it is closed at the end.
        scope.spawn(move || std::io::Write::write_all(&mut input, content));
        gzip.wait_with_output().context("read what gzip writes")
    })?;
    ensure!(output.status.success(), "gzip ended with {}", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_files_have_the_modes_of_a_package() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::new(folder.path().join("x")).unwrap();
        stage.write("usr/bin/program", b"12345", PROGRAM).unwrap();
        stage.compress(b"text", "usr/share/page").unwrap();
        let mode = |name: &str| {
            let found = fs::metadata(stage.path().join(name)).unwrap();
            found.permissions().mode() & 0o7777
        };
        assert_eq!([mode("usr"), mode("usr/bin/program")], [PROGRAM, PROGRAM]);
        assert_eq!(mode("usr/share/page.gz"), TEXT);
        assert!(stage.size().unwrap() > 5);
    }

    #[test]
    fn what_is_compressed_bears_no_time() {
        let packed = compressed(b"text").unwrap();
        assert_eq!(packed[..2], [0x1f, 0x8b]);
        assert_eq!(packed[4..8], [0; 4]);
    }
}
