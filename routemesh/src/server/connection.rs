//! One connection, with its time limits.

use std::{pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

/// Time for the head of a request to arrive, counted from the connection or the last answer:
/// also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which a client may read nothing of its answer.
const WRITE_STALL: Duration = Duration::from_secs(10);

/// Time after which a connection takes no new request, and again as much for the last answer: a
/// client that reads a byte now and then holds its turn no longer.
const LIFETIME: Duration = Duration::from_secs(60);

/// Serves requests on `stream` until the client goes, or is too slow.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Send + 'static, router: Router) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(
                TokioIo::new(Box::pin(stream)),
                TowerToHyperService::new(router),
            )
    );
    let mut ended = timeout(LIFETIME, connection.as_mut()).await;
    if ended.is_err() {
        connection.as_mut().graceful_shutdown();
        ended = timeout(LIFETIME, connection).await;
    }
    if let Ok(Err(error)) = ended {
        tracing::debug!("control connection: {error}");
    }
}
