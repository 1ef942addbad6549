//! Any bytes on the control socket get an answer or none, soon, and the next client is served.
//!
//! The server itself is asked under libFuzzer only: it needs the stand-in for the daemon, which
//! no other build has. The requests' types are read everywhere.

use std::fmt::Debug;

use routemesh::api::{ConfigText, RouteBatch};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the bytes as each request there is, and sends them to the server.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    read_as::<RouteBatch>(data);
    read_as::<ConfigText>(data);
    #[cfg(fuzzing)]
    served::run(data);
}

/// What can be read is written and read again the same.
fn read_as<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let text = serde_json::to_string(&request).expect("the API's types are all JSON");
    let again: T = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(again, request, "{text}");
}

#[cfg(fuzzing)]
mod served {
    use std::{
        path::PathBuf,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use routemesh::{
        api::Error,
        server::{bind, fake::Fake, serve},
    };
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
        runtime::{Builder, Runtime},
        time::timeout,
    };

    /// Longest that an answer may take: every request here is there as a whole at once.
    const PATIENCE: Duration = Duration::from_secs(4);
    /// Runs between two requests that must be answered.
    const CHECKED: u32 = 256;

    thread_local! {
        static SERVER: Server = Server::start();
    }

    /// Sends the bytes and reads what comes.
    pub(super) fn run(data: &[u8]) {
        SERVER.with(|server| server.run(data));
    }

    /// The control socket's server with a stand-in for the daemon, and clients in the same thread.
    struct Server {
        runtime: Runtime,
        socket: PathBuf,
        fake: Arc<Mutex<Fake>>,
        runs: std::cell::Cell<u32>,
        _folder: TempDir,
    }

    impl Server {
        fn start() -> Self {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("make a runtime");
            let folder = TempDir::with_prefix("routemesh-fuzz-").expect("make a folder");
            let socket = folder.path().join("control.sock");
            let fake = Arc::new(Mutex::new(Fake::default()));
            {
                let _guard = runtime.enter();
                let listener = bind(&socket).expect("listen");
                runtime.spawn(serve(listener, fake.clone()));
            }
            Self {
                runtime,
                socket,
                fake,
                runs: 0.into(),
                _folder: folder,
            }
        }

        fn run(&self, data: &[u8]) {
            let answer = self.runtime.block_on(self.ask(data));
            judge(&answer);
            self.fake
                .lock()
                .expect("no request makes it panic")
                .routes
                .clear();
            self.runs.set(self.runs.get() + 1);
            if self.runs.get() % CHECKED == 0 {
                let request = b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                let answer = self.runtime.block_on(self.ask(request));
                assert!(answer.starts_with(b"HTTP/1.1 200 "), "the next is served");
            }
        }

        async fn ask(&self, request: &[u8]) -> Vec<u8> {
            let exchange = async {
                let mut stream = UnixStream::connect(&self.socket).await.expect("connect");
                // The server may close before it has read it all.
                let _ = stream.write_all(request).await;
                let _ = stream.shutdown().await;
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer).await;
                answer
            };
            timeout(PATIENCE, exchange)
                .await
                .expect("it is answered, or closed")
        }
    }

    /// Nothing, or answers of which one that refuses in JSON says why.
    fn judge(answer: &[u8]) {
        if answer.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(answer);
        let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status: u16 = status.and_then(|status| status.parse().ok()).expect(&text);
        assert!(
            matches!(status, 100 | 200 | 400..=499 | 500 | 503),
            "{text}"
        );
        let (_, body) = text.split_once("\r\n\r\n").expect("a head ends");
        if (400..500).contains(&status) && text.contains("content-type: application/json") {
            let body = body.lines().next().unwrap_or_default();
            if let Ok(error) = serde_json::from_str::<Error>(body) {
                assert!(!error.message.is_empty());
            } else {
                // HEAD has no body, and the answer to what was sent behind it may follow.
                assert!(body.is_empty() || body.starts_with("HTTP/1."), "{text}");
            }
        }
    }
}
