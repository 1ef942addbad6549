//! `routemesh route add`, `replace`, `del`: one route, or a batch.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Error, Result};

use super::{
    Edit,
    batch::{self, Batch},
    words,
};
use crate::{
    api::{ClientError, RouteBatch, RouteOp},
    cli::{Session, Usage},
};

pub(super) fn run(session: &Session, op: RouteOp, edit: &Edit) -> Result<()> {
    match &edit.batch {
        Some(file) => many(session, op, file),
        None => one(session, op, &edit.words),
    }
}

fn one(session: &Session, op: RouteOp, words: &[String]) -> Result<()> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let edit = words::parse(op, &words, session.ipv6).map_err(Usage)?;
    let applied = session
        .client
        .edit_routes(&RouteBatch { edits: vec![edit] })?;
    session.output.done(&applied, "")
}

fn many(session: &Session, op: RouteOp, file: &Path) -> Result<()> {
    let name = if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let text = read(file).map_err(|error| Usage(format!("read {name}: {error}")))?;
    let Batch { edits, lines } = batch::parse(op, &text, session.ipv6)
        .map_err(|bad| Usage(complaint(&name, &text, bad.line, &bad.problem)))?;
    let applied = session
        .client
        .edit_routes(&RouteBatch { edits })
        .map_err(|error| placed(error, &name, &text, &lines))?;
    session.output.done(&applied, &format!("{applied}\n"))
}

fn read(file: &Path) -> io::Result<String> {
    if file != Path::new("-") {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// Says which line the daemon refused, where it blames one.
fn placed(error: ClientError, name: &str, text: &str, lines: &[usize]) -> Error {
    let ClientError::Refused(mut refusal) = error else {
        return error.into();
    };
    if let Some(line) = refusal.edit.and_then(|edit| lines.get(edit)) {
        refusal.message = complaint(name, text, *line, &refusal.message);
    }
    ClientError::Refused(refusal).into()
}

fn complaint(name: &str, text: &str, line: usize, problem: &str) -> String {
    let words = text.lines().nth(line - 1).unwrap_or_default().trim();
    format!("{name}:{line}: {problem}\n    {words}\nnothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{self, ErrorKind},
        cli::exit_code,
    };

    #[test]
    fn what_the_daemon_refuses_is_shown_by_line() {
        let refusal =
            api::Error::new(ErrorKind::Exists, "10.2.0.0/24 exists; use replace").at_edit(1);
        let error = placed(
            refusal.into(),
            "routes.txt",
            "# two\n10.1.0.0/24 via 192.0.2.1\n10.2.0.0/24 via 192.0.2.1\n",
            &[2, 3],
        );
        assert_eq!(
            error.to_string(),
            "routes.txt:3: 10.2.0.0/24 exists; use replace\n    10.2.0.0/24 via 192.0.2.1\nnothing was changed"
        );
        assert_eq!(exit_code(&error), 1);
    }
}
