//! Clients of the control socket that do not behave.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use routemesh_tests::lab::{Lab, Routemesh};

#[test]
fn garbage_is_refused_and_harms_nobody() {
    let (_lab, a) = daemon();
    let long_head = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 1 << 20]].concat();
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let pieces: [&[u8]; 6] = [
        b"\r\n\r\n\r\n\r\n",
        b"GET /\r\n\r\n",
        b"BREW /v1/routes HTTP/9.9\r\n\r\n",
        b"POST /v1/routes HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        &long_head,
        &binary,
    ];
    for garbage in pieces {
        let mut stream = connect(&a);
        // The daemon may close before it has read it all.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{garbage:?}");
        answers(&a);
    }
}

#[test]
fn bodies_that_make_no_sense_are_refused_with_a_reason() {
    let (_lab, a) = daemon();
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"edits": [{"op": "add"}]}"#,
        r#"{"edits": [{"op": "add", "dst": "10.1.2.3/16", "via": "192.168.100.2"}]}"#,
        r#"{"edits": [{"op": "add", "dst": "10.1.0.0/16"}]}"#,
        r#"{"edits": [{"op": "add", "dst": "10.1.0.0/16", "via": "192.168.100.2", "colour": 1}]}"#,
        r#"{"edits": [{"op": "fly", "dst": "10.1.0.0/16", "via": "192.168.100.2"}]}"#,
    ] {
        let answer = a.http("POST", "/v1/routes", body).unwrap();
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        let error = answer.json().unwrap();
        assert_eq!(error["kind"], "invalid", "{body}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    assert_eq!(a.http("GET", "/v1/nothing", "").unwrap().status, 404);
    assert_eq!(a.http("DELETE", "/v1/routes", "").unwrap().status, 405);
}

#[test]
fn half_requests_do_not_keep_others_waiting() {
    let (_lab, a) = daemon();
    let halves: Vec<_> = (0..50)
        .flat_map(|_| {
            let heads: [&[u8]; 3] = [
                b"",
                b"GET /v1/sta",
                b"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
            ];
            heads.map(|head| {
                let mut stream = connect(&a);
                stream.write_all(head).unwrap();
                stream
            })
        })
        .collect();
    answers(&a);
    drop(halves);
    answers(&a);
}

#[test]
fn a_thousand_connections_do_not_lock_anybody_out() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let (_lab, a) = daemon();
    let connections: Vec<_> = (0..1000).map(|_| connect(&a)).collect();
    answers(&a);
    drop(connections);
    answers(&a);
}

#[test]
fn a_client_that_never_reads_is_left_to_itself() {
    let (_lab, a) = daemon();
    let edits: Vec<_> = (0..20_000)
        .map(|n| {
            let (high, low) = (n >> 8, n & 255);
            format!(r#"{{"op":"add","dst":"10.{high}.{low}.0/24","via":"192.168.100.2"}}"#)
        })
        .collect();
    let batch = format!(r#"{{"edits":[{}]}}"#, edits.join(","));
    assert_eq!(a.http("POST", "/v1/routes", &batch).unwrap().status, 200);
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(&a);
            let request = b"GET /v1/routes HTTP/1.1\r\nHost: x\r\n\r\n";
            stream.write_all(request).unwrap();
            stream
        })
        .collect();
    answers(&a);
    drop(deaf);
    assert_eq!(a.http("POST", "/v1/routes/flush", "").unwrap().status, 200);
}

fn daemon() -> (Lab, Routemesh) {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    let config = "node = \"a\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n";
    let daemon = Routemesh::start(&host, config).unwrap();
    (lab, daemon)
}

fn connect(daemon: &Routemesh) -> UnixStream {
    let stream = UnixStream::connect(daemon.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// Another client is served, within the 30 seconds that a request may take at most.
fn answers(daemon: &Routemesh) {
    let answer = daemon.http("GET", "/v1/status", "").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}
