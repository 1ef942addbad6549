//! One request and its answer over the control socket, with no runtime around it: setting one up
//! would take longer than the whole exchange.

use std::{
    fmt::{self, Display},
    io::{self, BufWriter, ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::client::ClientError;

/// Longest wait for the daemon to take or to send anything: the largest batch takes a second or
/// two.
const PATIENCE: Duration = Duration::from_secs(60);
/// Its head is four lines or so.
const ANSWER_SIZE: usize = 1024;

/// What is asked.
pub(super) enum Method {
    Get,
    Post,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends one request to the daemon at `socket`, and reads the answer to its end.
pub(super) fn ask(
    socket: &Path,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Answer, ClientError> {
    let mut stream = connect(socket).map_err(|reason| not_reached(socket, reason))?;
    // HTTP/1.0: the answer ends with the connection, so there is no chunking to undo.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: routemesh\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    // A daemon that refuses before it has read everything hangs up; what it answered is there.
    let sent = send(&stream, head.as_bytes(), body);
    let mut answer = Vec::with_capacity(ANSWER_SIZE);
    let received = stream.read_to_end(&mut answer);
    parsed(answer).ok_or_else(|| ClientError::Garbled {
        request: path.to_owned(),
        reason: match sent.err().or(received.err()) {
            Some(error) if is_timeout(&error) => "no answer within a minute".to_owned(),
            Some(error) => error.to_string(),
            None => "the connection ended before the answer did".to_owned(),
        },
    })
}

/// What is small goes in one piece, or it would wake the daemon twice.
fn send(stream: &UnixStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut writer = BufWriter::new(stream);
    writer.write_all(head)?;
    writer.write_all(body)?;
    writer.flush()
}

/// Where the kernel's backlog is full, connecting waits as well; so the limit is set before.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.connect(&SockAddr::unix(socket)?)?;
    Ok(stream.into())
}

fn not_reached(socket: &Path, reason: io::Error) -> ClientError {
    let socket = socket.to_owned();
    if reason.kind() == ErrorKind::PermissionDenied {
        ClientError::NotPermitted { socket }
    } else {
        ClientError::Unreachable { socket, reason }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// None where it is no HTTP, or shorter than it says.
fn parsed(mut answer: Vec<u8>) -> Option<Answer> {
    const END: &[u8] = b"\r\n\r\n";
    let end = answer.windows(END.len()).position(|found| found == END)?;
    let body = answer.split_off(end + END.len());
    let head = str::from_utf8(&answer).ok()?;
    let mut lines = head.lines();
    let (version, rest) = lines.next()?.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok()?;
    let told = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = || value.trim().parse::<usize>().ok();
        name.eq_ignore_ascii_case("content-length")
            .then(length)
            .flatten()
    });
    let is_whole = told.is_none_or(|length| length == body.len());
    (version.starts_with("HTTP/1.") && is_whole).then_some(Answer { status, body })
}

impl Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Option<(u16, String)> {
        let Answer { status, body } = parsed(text.into())?;
        Some((status, String::from_utf8(body).unwrap()))
    }

    #[test]
    fn an_answer_has_its_status_and_its_body() {
        let whole = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(answer(whole), Some((200, "{}".into())));
        let streamed = "HTTP/1.0 404 Not Found\r\nx: y\r\n\r\na\r\n\r\nb";
        assert_eq!(answer(streamed), Some((404, "a\r\n\r\nb".into())));
    }

    #[test]
    fn what_is_no_answer_or_half_of_one_is_not_believed() {
        for text in [
            "",
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{",
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n",
            "HTTP/1.0 2\r\n\r\n",
            "SSH-2.0 200 OK\r\n\r\n",
            "220 smtp\r\n\r\n",
        ] {
            assert_eq!(answer(text), None, "{text:?}");
        }
    }
}
