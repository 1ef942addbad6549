//! The socket's file: made, replaced when its daemon is dead, and removed.

use std::{
    fs, io,
    ops::Deref,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::unistd::chown;
use tokio::net::UnixListener;

use super::peer;

const DIRECTORY_MODE: u32 = 0o750;
const SOCKET_MODE: u32 = 0o660;

/// A listening control socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    /// Its directory, where there was none.
    made: Option<PathBuf>,
    /// Device and inode of our file: another daemon's in its place is not ours to remove.
    identity: (u64, u64),
}

/// Listens at `path`, for root and the group `routemesh` where there is one. Wants a tokio
/// runtime around it.
///
/// # Errors
/// When another daemon answers there, when something that is no socket is in the way, or when
/// the directory is not ours to write to.
pub fn bind(path: &Path) -> Result<Listener> {
    let step = || format!("control socket {}", path.display());
    let made = make_directory(path).with_context(step)?;
    clear(path).with_context(step)?;
    let listener = UnixListener::bind(path).with_context(step)?;
    give_to_group(path, SOCKET_MODE).with_context(step)?;
    Ok(Listener {
        listener,
        path: path.to_owned(),
        made,
        identity: identity(path).with_context(step)?,
    })
}

impl Listener {
    /// The directory that had to be made for the socket, which whoever leaves nothing behind
    /// removes at the end.
    #[must_use]
    pub fn made_directory(&self) -> Option<&Path> {
        self.made.as_deref()
    }
}

impl Deref for Listener {
    type Target = UnixListener;

    fn deref(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // Nobody is left to be told; a stale socket is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Makes the socket's directory. One that exists is left as the administrator made it.
fn make_directory(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some(directory) = path.parent().filter(|directory| !directory.exists()) else {
        return Ok(None);
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)?;
    give_to_group(directory, DIRECTORY_MODE)?;
    Ok(Some(directory.to_owned()))
}

fn give_to_group(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(group) = peer::group() {
        chown(path, None, Some(group))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Removes the socket of a daemon that is dead.
fn clear(path: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !found.file_type().is_socket() {
        bail!("something that is no socket is there; remove it or choose another with --socket");
    }
    match UnixStream::connect(path) {
        Ok(_) => bail!("another routemesh daemon answers there; stop it first"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).context("remove the socket of a dead daemon")
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/routemesh.sock");
        fs::create_dir(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let live = bind(&path).expect("a stale socket is replaced");
        let error = format!("{:#}", bind(&path).unwrap_err());
        assert!(
            error.contains("another routemesh daemon answers"),
            "{error}"
        );
        assert!(path.exists(), "the live daemon's socket is untouched");
        drop(live);
        assert!(!path.exists(), "a daemon takes its socket with it");
    }

    #[tokio::test]
    async fn a_file_in_the_way_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("routemesh.sock");
        fs::write(&path, "precious").unwrap();
        bind(&path).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_socket_is_for_owner_and_group_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/routemesh.sock");
        let _listener = bind(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o660);
        assert_eq!(mode(path.parent().unwrap()), 0o750);
    }
}
