//! What the socket bears.
//!
//! Tests of time limits run on tokio's paused clock, which jumps to the next timer when every
//! task waits; server and client share that runtime.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::JoinHandle,
    time::Instant,
};

use super::{bind, connection, fake::Fake, routes, serve};
use crate::api::{
    Apply, Client, ClientError, ConfigText, ErrorKind, RouteBatch, RouteEdit, RouteOp,
    SharedControl, Terms,
};

#[test]
fn the_client_gets_what_the_daemon_says() {
    let server = Server::start(Fake::with_routes(2));
    let client = server.client();
    assert_eq!(client.status().unwrap().node, "fake");
    assert_eq!(client.routes().unwrap().len(), 2);
    let found = client.route_for("10.0.1.9".parse().unwrap()).unwrap();
    assert_eq!(found.dst.to_string(), "10.0.1.0/24");
    assert_eq!(client.edit_routes(&batch(3)).unwrap().added, 3);
    assert_eq!(client.flush_routes().unwrap().removed, 5);
    assert_eq!(client.endpoints().unwrap(), []);
    assert_eq!(client.links().unwrap(), []);
    assert_eq!(client.outcomes().unwrap(), []);
    assert_eq!(client.config().unwrap(), "node = \"fake\"\n");
    let bad = ConfigText {
        name: "x.toml".into(),
        text: "bad".into(),
    };
    assert_eq!(
        client.check_config(&bad).unwrap().problems.as_deref(),
        Some("x.toml")
    );
}

#[test]
fn a_change_is_asked_for_on_its_terms() {
    let server = Server::start(Fake::with_routes(0));
    let client = server.client();
    let changed = client.apply(&Apply {
        name: "x.toml".into(),
        text: "y".into(),
        terms: Terms {
            confirm_seconds: Some(30),
            dry_run: false,
        },
    });
    let changed = changed.unwrap();
    assert_eq!(changed.changes[0].to_string(), "+ x.toml y");
    assert_eq!(changed.unconfirmed.unwrap().seconds_left, 30);
    assert_eq!(client.confirm().unwrap().config, "x.toml");
    match client.rollback(Terms::default()) {
        Err(ClientError::Refused(error)) => assert_eq!(error.kind, ErrorKind::NotFound),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn refusals_keep_their_kind_and_their_edit() {
    let server = Server::start(Fake::with_routes(0));
    let client = server.client();
    let refused = |result: Result<(), ClientError>| match result {
        Err(ClientError::Refused(error)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let unknown = refused(client.route_for("10.9.9.9".parse().unwrap()).map(drop));
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    assert_eq!(refused(client.reload().map(drop)).kind, ErrorKind::Invalid);
    let mut twice = batch(1);
    twice.edits.push(twice.edits[0].clone());
    let exists = refused(client.edit_routes(&twice).map(drop));
    assert_eq!((exists.kind, exists.edit), (ErrorKind::Exists, Some(1)));
    assert_eq!(client.routes().unwrap(), [], "nothing was changed");
}

#[test]
fn a_hundred_thousand_edits_are_one_request() {
    let server = Server::start(Fake::with_routes(0));
    let client = server.client();
    assert_eq!(client.edit_routes(&batch(100_000)).unwrap().added, 100_000);
    assert_eq!(client.routes().unwrap().len(), 100_000);
}

#[test]
fn a_daemon_that_is_not_there_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let client = Client::new(&directory.path().join("none.sock"));
    let error = client.status().unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let server = Server::start(Fake::with_routes(1));
    let client = server.client();
    let path = server.directory.path().join("routemesh.sock");
    let idle: Vec<_> = (0..1000)
        .map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap())
        .collect();
    assert_eq!(client.routes().unwrap().len(), 1);
    drop(idle);
    assert_eq!(client.routes().unwrap().len(), 1);
}

#[tokio::test]
async fn every_error_is_json_with_its_status() {
    let server = Running::start(Fake::with_routes(1));
    let cases = [
        ("GET /nothing", "", "404", "no such path: /nothing"),
        ("DELETE /v1/routes", "", "405", "does not take this method"),
        ("GET /v1/routes/get", "", "400", "one address is wanted"),
        ("GET /v1/routes/get?address=x", "", "400", "one address"),
        (
            "POST /v1/routes",
            "{\"edits\": [}",
            "400",
            "line 1 column 12",
        ),
        (
            "POST /v1/routes",
            "{\"edit\": []}",
            "400",
            "unknown field `edit`",
        ),
        ("POST /v1/routes", "", "400", "EOF while parsing"),
        ("POST /v1/routes", "\u{0}", "400", "expected value"),
    ];
    for (request, body, status, message) in cases {
        let answer = server.ask(request, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        assert!(
            answer.contains("content-type: application/json"),
            "{answer}"
        );
        assert!(answer.contains("\"kind\":"), "{request}: {answer}");
        assert!(answer.contains(message), "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let server = Running::start(Fake::with_routes(0));
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn the_probes_answer_and_metrics_come_in_both_formats() {
    let server = Running::start(Fake::with_routes(1));
    assert!(
        server
            .ask("GET /healthz", "")
            .await
            .contains("\r\n\r\nok\n")
    );
    assert!(
        server
            .ask("GET /readyz", "")
            .await
            .starts_with("HTTP/1.1 503 ")
    );
    let page = server.ask("GET /metrics", "").await;
    assert!(page.contains("content-type: text/plain; version=0.0.4"));
    assert!(
        page.contains("\nroutemesh_routes{source=\"cli\"} 1\n"),
        "{page}"
    );
}

#[tokio::test]
async fn who_may_not_talk_to_the_daemon_is_told_so() {
    let (client, server) = UnixStream::pair().unwrap();
    let serving = tokio::spawn(connection::serve(server, routes::refuse()));
    let answer = exchange(client, "POST /v1/routes", "{\"edits\":[]}").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("\"kind\":\"not-permitted\""), "{answer}");
    serving.await.unwrap();
}

#[tokio::test]
async fn garbage_ends_its_own_connection_only() {
    let server = Running::start(Fake::with_routes(1));
    let heads: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        &[b'A'; 1 << 20],
    ];
    for head in heads {
        let mut stream = server.connect().await;
        // The server may hang up before it has read all.
        let _ = stream.write_all(head).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{head:?}");
    }
    assert!(server.ask("GET /v1/status", "").await.contains("fake"));
}

#[tokio::test(start_paused = true)]
async fn half_a_request_is_hung_up_on() {
    let server = Running::start(Fake::with_routes(1));
    for half in ["", "GET /v1/status HTTP/1.1\r\nHost:"] {
        let started = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(half.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(6), "{half:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_body_is_answered_408() {
    let server = Running::start(Fake::with_routes(1));
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test(start_paused = true)]
async fn clients_that_never_read_are_dropped_and_others_served() {
    let server = Running::start(Fake::with_routes(10_000));
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /v1/routes HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        silent.push(stream);
    }
    let started = Instant::now();
    assert!(server.ask("GET /v1/status", "").await.contains("fake"));
    assert!(started.elapsed() < Duration::from_secs(1));
    let table = server.ask("GET /v1/routes", "").await;
    assert!(table.starts_with("HTTP/1.1 200 "), "its turn comes");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn clients_that_read_a_byte_now_and_then_do_not_keep_their_turn() {
    let server = Running::start(Fake::with_routes(10_000));
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /v1/routes HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        tokio::spawn(async move {
            while stream.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let table = server.ask("GET /v1/routes", "").await;
    assert!(table.starts_with("HTTP/1.1 200 "), "its turn comes");
}

/// `count` routes to add.
fn batch(count: u32) -> RouteBatch {
    let edit = |number: u32| RouteEdit {
        op: RouteOp::Add,
        dst: format!("20.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)
            .parse()
            .unwrap(),
        via: Some("192.0.2.1".parse().unwrap()),
        mode: None,
        vtep_mac: None,
        vni: None,
        gre_key: None,
        dev: None,
        blackhole: false,
        mtu: None,
    };
    RouteBatch {
        edits: (0..count).map(edit).collect(),
    }
}

/// A server on a runtime and a thread of its own, for the blocking client.
struct Server {
    directory: TempDir,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    fn start(control: SharedControl) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = {
            let _inside = runtime.enter();
            bind(&socket(directory.path())).unwrap()
        };
        runtime.spawn(serve(listener, control));
        Self {
            directory,
            runtime: Some(runtime),
        }
    }

    fn client(&self) -> Client {
        Client::new(&socket(self.directory.path()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A server on the test's own runtime.
struct Running {
    directory: TempDir,
    server: JoinHandle<()>,
}

impl Running {
    fn start(control: SharedControl) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = bind(&socket(directory.path())).unwrap();
        Self {
            directory,
            server: tokio::spawn(serve(listener, control)),
        }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(socket(self.directory.path()))
            .await
            .unwrap()
    }

    async fn ask(&self, request: &str, body: &str) -> String {
        exchange(self.connect().await, request, body).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One request, as `curl` would send it but with no Content-Type; the whole answer.
async fn exchange(mut stream: UnixStream, request: &str, body: &str) -> String {
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn socket(directory: &Path) -> std::path::PathBuf {
    directory.join("routemesh.sock")
}
