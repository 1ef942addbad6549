//! Sets of maps, pinned so that the next daemon goes on with them.
//!
//! `maps/N` holds a whole set. The highest is the one that the programs use, or are about to: a
//! set is made as `maps/next`, and gets its number in one step when it is filled; and loses it in one
//! step before it is removed. So whatever is numbered is whole and was once all that was desired,
//! and a daemon that was killed leaves nothing else that the next one would go on with, or read
//! counters of.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::pins::make;

/// The name of a set that is not filled yet, or no longer whole.
const NEXT: &str = "next";

/// The directory of the sets.
#[derive(Debug)]
pub(super) struct Sets(PathBuf);

impl Sets {
    pub(super) fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// The numbers there are, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn numbers(&self) -> Result<Vec<u32>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("read {}", self.0.display()))?,
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut numbers: Vec<u32> = names
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Where a set's pins are.
    pub(super) fn path(&self, number: u32) -> PathBuf {
        self.0.join(number.to_string())
    }

    /// Makes the directory of a new set, in place of one that was never filled.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn begin(&self) -> Result<PathBuf> {
        make(&self.0)?;
        let next = self.0.join(NEXT);
        remove(&next)?;
        make(&next)?;
        Ok(next)
    }

    /// Gives the new set its number.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn number(&self) -> Result<u32> {
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let (from, to) = (self.0.join(NEXT), self.path(number));
        rename(&from, &to)?;
        Ok(number)
    }

    /// Removes all sets but one, the oldest first, and what is left of one that has no number.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn keep(&self, number: u32) -> Result<()> {
        let next = self.0.join(NEXT);
        remove(&next)?;
        for other in self.numbers()?.into_iter().filter(|other| *other != number) {
            rename(&self.path(other), &next)?;
            remove(&next)?;
        }
        Ok(())
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("rename {} to {}", from.display(), to.display()))
}

fn remove(set: &Path) -> Result<()> {
    match fs::remove_dir_all(set) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", set.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_a_number_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::at(folder.path().join("maps"));
        assert!(sets.numbers().unwrap().is_empty());
        let next = sets.begin().unwrap();
        fs::write(next.join("ROUTES"), "half").unwrap();
        assert!(sets.numbers().unwrap().is_empty());

        let next = sets.begin().unwrap();
        assert!(!next.join("ROUTES").exists());
        fs::write(next.join("ROUTES"), "whole").unwrap();
        assert_eq!(sets.number().unwrap(), 1);
        assert!(sets.path(1).join("ROUTES").exists());
    }

    #[test]
    fn the_newest_set_has_the_highest_number() {
        let folder = tempfile::tempdir().unwrap();
        let sets = Sets::at(folder.path().to_owned());
        for expected in 1..=11 {
            sets.begin().unwrap();
            assert_eq!(sets.number().unwrap(), expected);
        }
        sets.begin().unwrap();
        sets.keep(11).unwrap();
        assert_eq!(sets.numbers().unwrap(), [11]);
        assert!(!folder.path().join(NEXT).exists());
    }
}
