//! The control socket, and the TCP address that shows metrics only.
//!
//! Neither trusts who connects: heads, bodies and writes have a time limit each, bodies a size
//! limit, connections a number. Beyond that number new ones wait in the kernel's backlog; they
//! wait seconds at most, because a connection that asks nothing is closed. What may take much
//! memory (a large batch, a large answer) is done for a few clients at a time.

mod answer;
mod connection;
#[cfg(any(test, fuzzing))]
pub mod fake;
pub mod metrics;
mod peer;
mod routes;
mod socket;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::api::SharedControl;
pub use socket::{Listener, bind};

/// Most connections a listener holds at a time.
const CONNECTIONS: usize = 1024;
/// Most connections of the metrics address.
const TCP_CONNECTIONS: usize = 64;
/// Pause after the kernel had no file descriptor for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the control socket until dropped, which also closes its connections.
pub async fn serve(listener: Listener, control: SharedControl) {
    let router = routes::control(control);
    let refusal = routes::refuse();
    let limit = CONNECTIONS.min(descriptors() / 2);
    accept(
        limit,
        || async { Ok(listener.accept().await?.0) },
        |stream: UnixStream| {
            let router = if peer::may_control(&stream) {
                &router
            } else {
                &refusal
            };
            connection::serve(stream, router.clone())
        },
    )
    .await;
}

/// Serves `/metrics`, `/healthz` and `/readyz` over TCP until dropped.
pub async fn serve_metrics(listener: TcpListener, control: SharedControl) {
    let router: Router = routes::metrics(control);
    accept(
        TCP_CONNECTIONS,
        || async { Ok(listener.accept().await?.0) },
        |stream: TcpStream| connection::serve(stream, router.clone()),
    )
    .await;
}

/// Accepts for ever, with at most `limit` connections being served.
async fn accept<S, A, C>(limit: usize, next: impl Fn() -> A, handle: impl Fn(S) -> C)
where
    A: Future<Output = io::Result<S>>,
    C: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match next().await {
            Ok(stream) => {
                let served = handle(stream);
                connections.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            // Out of descriptors or of memory, or the client was gone again: neither lasts.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// The number of file descriptors this process may have, after asking for enough of them.
fn descriptors() -> usize {
    let wanted = 4 * CONNECTIONS as u64;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return CONNECTIONS;
    };
    let raised = wanted.clamp(soft, hard.max(soft));
    let granted = match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
        Ok(()) => raised,
        Err(_) => soft,
    };
    usize::try_from(granted).unwrap_or(usize::MAX)
}
