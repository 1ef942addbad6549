//! The configuration file, and the configuration before it, kept beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::durable;

/// The daemon's configuration file. `FILE.previous` beside it has what was in force before.
///
/// The two are changed so that neither text is ever lost, wherever that is interrupted: what is
/// replaced first gets a second name, `FILE.replaced`, which [`Self::recover`] looks for.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    previous: PathBuf,
    replaced: PathBuf,
}

impl ConfigFile {
    /// The file at `path`, or the one that a link there leads to. It may be missing.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let path = durable::resolved(path);
        Self {
            previous: durable::beside(&path, ".previous"),
            replaced: durable::beside(&path, ".replaced"),
            path,
        }
    }

    /// Its text; none where there is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self) -> Result<Option<String>> {
        durable::read(&self.path).with_context(|| format!("read {}", self.path.display()))
    }

    /// What was in force before, if that is known.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn previous(&self) -> Result<Option<String>> {
        durable::read(&self.previous).with_context(|| format!("read {}", self.previous.display()))
    }

    /// Where [`Self::previous`] is.
    #[must_use]
    pub fn previous_path(&self) -> &Path {
        &self.previous
    }

    /// Makes `text` the file's. What was in it is then the previous one, or `in_force` where
    /// that was nothing, or was `text` already.
    ///
    /// # Errors
    /// When a file cannot be written; the configuration is then as it was.
    pub fn install(&self, text: &str, in_force: &str) -> Result<()> {
        match self.text()? {
            Some(before) if before == text => self.keep(in_force, text),
            Some(_) => self
                .exchange(text)
                .with_context(|| format!("install {}", self.path.display())),
            None => {
                self.keep(in_force, text)?;
                durable::write(&self.path, text.as_bytes(), &self.path)
                    .with_context(|| format!("write {}", self.path.display()))
            }
        }
    }

    /// Notes `text` as the previous one, unless it is `now`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, text: &str, now: &str) -> Result<()> {
        if text == now {
            return Ok(());
        }
        durable::write(&self.previous, text.as_bytes(), &self.path)
            .with_context(|| format!("write {}", self.previous.display()))
    }

    /// Ends an installation that was interrupted.
    ///
    /// # Errors
    /// When a file cannot be renamed.
    pub fn recover(&self) -> Result<()> {
        let step = || format!("recover {}", self.replaced.display());
        let Some(replaced) = durable::read(&self.replaced).with_context(step)? else {
            return Ok(());
        };
        if self.text()?.is_some_and(|text| text == replaced) {
            return durable::remove(&self.replaced).with_context(step);
        }
        fs::rename(&self.replaced, &self.previous)
            .and_then(|()| durable::sync_directory(&self.path))
            .with_context(step)
    }

    fn exchange(&self, text: &str) -> io::Result<()> {
        durable::remove(&self.replaced)?;
        fs::hard_link(&self.path, &self.replaced)?;
        durable::sync_directory(&self.path)?;
        durable::write(&self.path, text.as_bytes(), &self.path)?;
        fs::rename(&self.replaced, &self.previous)?;
        durable::sync_directory(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn files(text: &str) -> (TempDir, ConfigFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let file = ConfigFile::at(&path);
        (folder, file)
    }

    fn both(file: &ConfigFile) -> [Option<String>; 2] {
        [file.text().unwrap(), file.previous().unwrap()]
    }

    fn some(texts: [&str; 2]) -> [Option<String>; 2] {
        texts.map(|text| Some(text.to_owned()))
    }

    #[test]
    fn what_is_replaced_is_the_previous_one_and_going_back_twice_is_going_nowhere() {
        let (folder, file) = files("a");
        file.install("b", "a").unwrap();
        assert_eq!(both(&file), some(["b", "a"]));
        for expected in [["a", "b"], ["b", "a"]] {
            let previous = file.previous().unwrap().unwrap();
            file.install(&previous, "unused").unwrap();
            assert_eq!(both(&file), some(expected));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_was_edited_in_its_place_keeps_what_was_in_force() {
        let (_folder, file) = files("b");
        file.install("b", "a").unwrap();
        assert_eq!(both(&file), some(["b", "a"]));
        file.install("b", "b").unwrap();
        assert_eq!(both(&file), some(["b", "a"]), "nothing changed");
    }

    #[test]
    fn a_file_that_is_missing_is_made() {
        let (folder, file) = files("x");
        fs::remove_file(folder.path().join("config.toml")).unwrap();
        file.install("b", "built in").unwrap();
        assert_eq!(both(&file), some(["b", "built in"]));
    }

    #[test]
    fn a_link_to_the_file_stays_one() {
        let (folder, _) = files("a");
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("config.toml", &link).unwrap();
        ConfigFile::at(&link).install("b", "a").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&link).unwrap(), "b");
    }

    #[test]
    fn an_interrupted_installation_loses_neither_text() {
        let (folder, file) = files("a");
        let replaced = folder.path().join("config.toml.replaced");
        file.keep("old", "a").unwrap();
        // Interrupted before the new text was there, and after.
        fs::write(&replaced, "a").unwrap();
        file.recover().unwrap();
        assert_eq!(both(&file), some(["a", "old"]));
        fs::write(&replaced, "a").unwrap();
        fs::write(folder.path().join("config.toml"), "b").unwrap();
        file.recover().unwrap();
        assert_eq!(both(&file), some(["b", "a"]));
        assert!(!replaced.exists());
        file.recover().unwrap();
    }
}
