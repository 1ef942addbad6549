//! The control socket without a client: HTTP by hand, so that tests share no code with the CLI.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};

/// An answer of the control socket.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("status {}, not JSON: {}", self.status, self.body))
    }
}

/// Sends one request (`GET`, `POST` ...) to the socket and reads the answer to its end.
///
/// # Errors
/// When nobody listens, or the answer is no HTTP.
pub fn request(socket: &Path, method: &str, path: &str, body: &str) -> Result<Answer> {
    let mut stream =
        UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = body.len();
    // HTTP/1.0: the answer ends with the connection, so there is no chunking to undo.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: routemesh\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .with_context(|| format!("read the answer to {method} {path}"))?;
    parse(&text).with_context(|| format!("no HTTP answer to {method} {path}: {text:?}"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
