//! The files under version control, or about to be.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

/// A text file of the repository.
pub(super) struct File {
    /// Relative to the root, with `/` between the parts.
    pub(super) path: String,
    pub(super) text: String,
}

/// The repository's text files.
pub(super) struct Tree(Vec<File>);

impl Tree {
    /// Reads every file that git knows or would add, but for those that are no text.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("run git ls-files")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git ls-files: {}", errors.trim());
        let names = String::from_utf8(output.stdout).context("file names are UTF-8")?;
        let files = names.split_terminator('\0').filter_map(|path| {
            // A file that is deleted but not yet staged is still listed; an image is no text.
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(File {
                path: path.to_owned(),
                text,
            })
        });
        Ok(Self(files.collect()))
    }

    /// Every text file.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.0.iter()
    }

    /// The Rust sources whose path begins with `under`.
    pub(super) fn rust(&self, under: &str) -> impl Iterator<Item = &File> {
        self.files()
            .filter(move |file| file.path.starts_with(under) && file.path.ends_with(".rs"))
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self(files.iter().map(file).collect())
    }
}
