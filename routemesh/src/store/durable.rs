//! Files that are the old one or the new one whenever the power fails, and never half of one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

/// Of files that are not made after another one's image.
const MODE: u32 = 0o600;

/// `path` with another ending behind its own.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What `path` leads to, if it is a link, and whether or not there is such a file.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let in_directory = || {
        let directory = fs::canonicalize(path.parent()?).ok()?;
        Some(directory.join(path.file_name()?))
    };
    let file = fs::canonicalize(path).ok();
    file.or_else(in_directory)
        .unwrap_or_else(|| path.to_owned())
}

/// Writes `text` to `path` in one step, with owner and mode of the file `like` where there is
/// one. It is on the disk when this returns.
pub(super) fn write(path: &Path, text: &[u8], like: &Path) -> io::Result<()> {
    let fresh = beside(path, ".new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(MODE)
        .open(&fresh)?;
    file.write_all(text)?;
    imitate(&fresh, like)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_directory(path)
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(path),
    }
}

/// The text of a file that may not be there.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}

/// Has renames in the directory of `path` on the disk, too.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| *parent != Path::new("")) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn imitate(path: &Path, like: &Path) -> io::Result<()> {
    let Ok(found) = fs::metadata(like) else {
        return Ok(());
    };
    let own = fs::metadata(path)?;
    if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
        match chown(path, Some(found.uid()), Some(found.gid())) {
            // Root without CAP_CHOWN, as systemd's unit has it, may not.
            Err(error) if error.kind() != ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_files_place_has_its_mode_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, b"one", &path).unwrap();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"two", &path).unwrap();
        assert_eq!(
            (read(&path).unwrap().unwrap().as_str(), mode()),
            ("two", 0o640)
        );
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
