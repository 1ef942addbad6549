//! Answers: JSON, or an [`Error`] with its HTTP status.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::{Error, ErrorKind};

/// Bytes given to the connection at a time; it holds a few of these at most.
const CHUNK: usize = 64 * 1024;

/// An error and the status it goes with.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    error: Error,
}

impl Failure {
    /// A request that makes no sense, for a reason that has a status of its own.
    pub(super) fn invalid(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            error: Error::new(ErrorKind::Invalid, message),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::NotPermitted => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Exists => StatusCode::CONFLICT,
            ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, error }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json(&self.error);
        *response.status_mut() = self.status;
        response
    }
}

/// `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Response {
    with_type("application/json", encode(value))
}

/// `text` as it is.
pub(super) fn text(content_type: &'static str, text: String) -> Response {
    with_type(content_type, Body::from(text))
}

fn encode(value: &impl Serialize) -> Body {
    let mut text = serde_json::to_vec(value).expect("the API's types are all JSON");
    text.push(b'\n');
    Body::from(text)
}

fn with_type(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Answers that may be large, given to a few clients at a time.
#[derive(Clone, Debug)]
pub(super) struct Listings(Arc<Semaphore>);

impl Listings {
    /// As many as `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    /// What `list` returns, as JSON. The turn is over when the last byte has left, or the client.
    pub(super) async fn answer<T: Serialize>(&self, list: impl FnOnce() -> T) -> Response {
        let turn = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let mut text = serde_json::to_vec(&list()).expect("the API's types are all JSON");
        text.push(b'\n');
        let whole = Bytes::from_owner(Held { text, _turn: turn });
        let chunks: Vec<_> = (0..whole.len())
            .step_by(CHUNK)
            .map(|start| {
                Ok::<_, std::convert::Infallible>(
                    whole.slice(start..whole.len().min(start + CHUNK)),
                )
            })
            .collect();
        with_type("application/json", Body::from_stream(stream::iter(chunks)))
    }
}

/// A text that keeps its turn for as long as any slice of it lives.
struct Held {
    text: Vec<u8>,
    _turn: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}
