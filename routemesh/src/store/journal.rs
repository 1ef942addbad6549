//! The clients' routes, kept for the daemon that comes after this one.
//!
//! Forwarding outlives the daemon, so what clients asked for must too: each batch is added to a
//! file beside the socket before it takes effect. A batch is one line, so that half of one, as a
//! daemon leaves that is killed while it writes, is none. The file lies on a memory file system, as
//! the kernel's own routes do: it outlives the process, not the machine.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    api::{RouteEdit, RouteOp},
    model::Prefix,
};

/// The file, a list of edits a line, as JSON.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Edits in the file.
    edits: usize,
}

/// Edits that are not worth writing the file anew.
const SLACK: usize = 100_000;

impl Journal {
    /// Opens the file that belongs to the control socket at `socket`, and tells the routes that
    /// the edits in it come to. What was overridden since is then gone from the file.
    ///
    /// # Errors
    /// When it cannot be read or written. A line that is no list of edits, as the last one of a
    /// daemon that was killed, is passed over.
    pub fn open(socket: &Path) -> Result<(Self, Vec<RouteEdit>)> {
        let path = path_for(socket);
        let (file, routes) = compacted(&path)?;
        let journal = Self {
            path,
            file,
            edits: routes.len(),
        };
        Ok((journal, routes))
    }

    /// Adds a batch of edits: the next daemon knows all of them, or none.
    ///
    /// # Errors
    /// When the file system is full, for instance; the edits must then not take effect.
    pub fn append(&mut self, edits: &[RouteEdit]) -> Result<()> {
        write(&self.file, [edits]).with_context(|| format!("write {}", self.path.display()))?;
        self.edits += edits.len();
        Ok(())
    }

    /// Writes the file anew where most of it was overridden since: all its edits come to so many
    /// `routes`. Reading a large one takes a second.
    ///
    /// # Errors
    /// When it cannot be read or written; nothing is lost then.
    pub fn compact(&mut self, routes: usize) -> Result<()> {
        if self.edits > 2 * routes + SLACK {
            let (file, routes) = compacted(&self.path)?;
            self.file = file;
            self.edits = routes.len();
        }
        Ok(())
    }

    /// Forgets all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&mut self) -> Result<()> {
        self.edits = 0;
        self.file
            .set_len(0)
            .with_context(|| format!("write {}", self.path.display()))
    }
}

/// Removes the file, when no daemon is to come after.
///
/// # Errors
/// When it cannot be removed. That there is none is no error.
pub fn forget(socket: &Path) -> Result<()> {
    let path = path_for(socket);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn path_for(socket: &Path) -> PathBuf {
    socket.with_extension("routes")
}

/// Writes the file anew, without what was overridden; tells what is left.
fn compacted(path: &Path) -> Result<(File, Vec<RouteEdit>)> {
    let routes = read(path).with_context(|| format!("read {}", path.display()))?;
    let file = written(path, &routes).with_context(|| format!("write {}", path.display()))?;
    Ok((file, routes))
}

fn read(path: &Path) -> Result<Vec<RouteEdit>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut routes: BTreeMap<Prefix, RouteEdit> = BTreeMap::new();
    for line in BufReader::new(file).split(b'\n') {
        let batch = serde_json::from_slice::<Vec<RouteEdit>>(&line?);
        for edit in batch.into_iter().flatten() {
            match edit.op {
                RouteOp::Del => {
                    routes.remove(&edit.dst);
                }
                RouteOp::Add | RouteOp::Replace => {
                    routes.insert(edit.dst, edit);
                }
            }
        }
    }
    Ok(routes.into_values().collect())
}

/// Writes the file anew, in one step for whoever reads it.
fn written(path: &Path, routes: &[RouteEdit]) -> Result<File> {
    let fresh = path.with_extension("routes-new");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    write(&file, routes.chunks(1))?;
    fs::rename(&fresh, path)?;
    Ok(OpenOptions::new().append(true).open(path)?)
}

fn write<'a>(file: &File, batches: impl IntoIterator<Item = &'a [RouteEdit]>) -> Result<()> {
    let mut writer = BufWriter::new(file);
    for batch in batches {
        // In a line of its own, even if one before it could not be written to its end.
        writer.write_all(b"\n")?;
        serde_json::to_writer(&mut writer, batch)?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(op: RouteOp, dst: &str, via: &str) -> RouteEdit {
        RouteEdit {
            op,
            via: Some(via.parse().unwrap()),
            ..serde_json::from_value(serde_json::json!({ "op": "add", "dst": dst })).unwrap()
        }
    }

    fn reopened(path: &Path) -> Vec<String> {
        let (_, routes) = Journal::open(path).unwrap();
        routes
            .iter()
            .map(|route| format!("{} {}", route.dst, route.via.unwrap()))
            .collect()
    }

    #[test]
    fn what_was_added_and_not_removed_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert!(before.is_empty());
        journal
            .append(&[
                edit(RouteOp::Add, "10.1.0.0/24", "192.0.2.1"),
                edit(RouteOp::Add, "10.2.0.0/24", "192.0.2.1"),
            ])
            .unwrap();
        journal
            .append(&[
                edit(RouteOp::Replace, "10.1.0.0/24", "192.0.2.9"),
                edit(RouteOp::Del, "10.2.0.0/24", "192.0.2.1"),
            ])
            .unwrap();
        assert_eq!(reopened(&path), ["10.1.0.0/24 192.0.2.9"]);
        assert_eq!(
            fs::read_to_string(path_for(&path))
                .unwrap()
                .matches("dst")
                .count(),
            1
        );
    }

    #[test]
    fn half_a_batch_is_passed_over_wherever_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let one = edit(RouteOp::Add, "10.1.0.0/24", "192.0.2.1");
        journal.append(std::slice::from_ref(&one)).unwrap();
        let whole = fs::read(path_for(&path)).unwrap();
        let other = edit(RouteOp::Add, "10.2.0.0/24", "192.0.2.2");
        journal
            .append(&[other, edit(RouteOp::Del, "10.1.0.0/24", "192.0.2.1")])
            .unwrap();
        let both = fs::read(path_for(&path)).unwrap();
        for end in whole.len()..both.len() {
            fs::write(path_for(&path), &both[..end]).unwrap();
            assert_eq!(reopened(&path), ["10.1.0.0/24 192.0.2.1"], "of {end} bytes");
        }
        fs::write(path_for(&path), &both).unwrap();
        assert_eq!(reopened(&path), ["10.2.0.0/24 192.0.2.2"]);
    }

    #[test]
    fn a_batch_after_one_that_could_not_be_written_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal
            .file
            .write_all(b"\n[{\"op\":\"add\",\"dst\":\"10.")
            .unwrap();
        let route = edit(RouteOp::Add, "10.1.0.0/24", "192.0.2.1");
        journal.append(std::slice::from_ref(&route)).unwrap();
        assert_eq!(reopened(&path), ["10.1.0.0/24 192.0.2.1"]);
    }

    #[test]
    fn edits_of_one_route_over_and_over_do_not_fill_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let batch = vec![edit(RouteOp::Replace, "10.1.0.0/24", "192.0.2.1"); SLACK / 2];
        for _ in 0..5 {
            journal.append(&batch).unwrap();
            journal.compact(1).unwrap();
        }
        assert!(journal.edits <= SLACK + 2, "{} edits", journal.edits);
        assert_eq!(reopened(&path), ["10.1.0.0/24 192.0.2.1"]);
    }

    #[test]
    fn a_file_of_which_nothing_is_overridden_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let batch = vec![edit(RouteOp::Add, "10.1.0.0/24", "192.0.2.1"); 2 * SLACK];
        journal.append(&batch).unwrap();
        // As if each were a route of its own.
        journal.compact(batch.len()).unwrap();
        assert_eq!(journal.edits, batch.len());
    }

    #[test]
    fn what_was_cleared_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let route = edit(RouteOp::Add, "10.1.0.0/24", "192.0.2.1");
        journal.append(std::slice::from_ref(&route)).unwrap();
        journal.clear().unwrap();
        assert!(reopened(&path).is_empty());
    }
}
