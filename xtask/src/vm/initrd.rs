//! The guest's first file system, an archive of the kind `newc` (`initramfs/buffer-format.rst`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

/// An archive in the making.
pub(super) struct Initrd {
    archive: Vec<u8>,
    entries: u32,
}

impl Initrd {
    /// An archive with busybox as its shell and `init` as the guest's first process.
    pub(super) fn new(init: &str) -> Result<Self> {
        let mut initrd = Self {
            archive: Vec::new(),
            entries: 0,
        };
        for directory in ["bin", "dev", "mod", "new", "proc", "ro", "rw", "sys"] {
            initrd.add(directory, DIRECTORY, b"");
        }
        let busybox = fs::read("/bin/busybox").context("read /bin/busybox")?;
        initrd.program("bin/busybox", &busybox);
        initrd.add("bin/sh", LINK, b"busybox");
        initrd.program("init", init.as_bytes());
        Ok(initrd)
    }

    /// Adds a program or script.
    pub(super) fn program(&mut self, name: &str, content: &[u8]) {
        self.add(name, PROGRAM, content);
    }

    /// Adds modules, whose names sort in the order to load them.
    pub(super) fn modules(&mut self, files: &[PathBuf]) -> Result<()> {
        for (number, file) in files.iter().enumerate() {
            let stem = file.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("mod/{number:03}-{}", stem.trim_end_matches(".xz"));
            self.add(&name, PROGRAM, &module(file)?);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let (size, name_size) = (content.len(), name.len() + 1);
        // Inode, mode, uid, gid, links, mtime, size, four device numbers, name's size, checksum.
        let fields = [self.entries, mode, 0, 0, 1, 0];
        self.archive.extend_from_slice(b"070701");
        for field in fields {
            self.archive.extend(format!("{field:08x}").bytes());
        }
        let rest = format!("{size:08x}{}{name_size:08x}{:08x}", "0".repeat(32), 0);
        self.archive.extend(rest.bytes());
        self.archive.extend(name.bytes());
        self.archive.push(0);
        self.align();
        self.archive.extend(content);
        self.align();
    }

    fn align(&mut self) {
        let length = self.archive.len().next_multiple_of(4);
        self.archive.resize(length, 0);
    }

    /// Writes the archive to a file.
    pub(super) fn write(mut self, path: &Path) -> Result<()> {
        self.add("TRAILER!!!", 0, b"");
        fs::write(path, &self.archive).with_context(|| format!("write {}", path.display()))
    }
}

/// A module as the kernel takes it.
fn module(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_some_and(|extension| extension == "xz") {
        let output = Command::new("xz").arg("-dc").arg(file).output();
        let output = output.context("run xz")?;
        ensure!(output.status.success(), "unpack {}", file.display());
        return Ok(output.stdout);
    }
    fs::read(file).with_context(|| format!("read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_the_header_is_110_bytes() {
        let mut initrd = Initrd {
            archive: Vec::new(),
            entries: 0,
        };
        initrd.add("a", PROGRAM, b"12345");
        // 110 for the header, 2 for the name, 5 for the content and 3 to fill up.
        assert_eq!(initrd.archive.len(), 120);
        assert_eq!(&initrd.archive[54..62], b"00000005");
        assert_eq!(&initrd.archive[94..102], b"00000002");
        assert_eq!(&initrd.archive[112..], b"12345\0\0\0");
    }
}
