//! Paths, and what each asks of the daemon.

use std::{
    net::IpAddr,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri, header::ACCEPT},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::{
    answer::{Failure, Listings, json, text},
    metrics::{self, Format},
};
use crate::api::{Apply, ConfigText, Control, Error, ErrorKind, RouteBatch, SharedControl, Terms};

/// Largest body of a batch of routes, in bytes.
const BATCH_LIMIT: usize = 64 * 1024 * 1024;
/// Largest body of anything else, and of a batch that need not wait for its turn.
const BODY_LIMIT: usize = 64 * 1024;
/// Time for a whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Large batches that are read at a time.
const LARGE_BATCHES: usize = 4;
/// Large answers that are under way at a time.
const LISTINGS: usize = 8;

#[derive(Clone)]
struct Daemon {
    control: SharedControl,
    batches: Arc<Semaphore>,
    listings: Listings,
}

impl Daemon {
    fn new(control: SharedControl) -> Self {
        Self {
            control,
            batches: Arc::new(Semaphore::new(LARGE_BATCHES)),
            listings: Listings::new(LISTINGS),
        }
    }

    /// The daemon, for one call. A call that panicked has said so; the next one may go well.
    fn lock(&self) -> MutexGuard<'_, dyn Control + 'static> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything the control socket serves.
pub(super) fn control(control: SharedControl) -> Router {
    let daemon = Daemon::new(control);
    shared()
        .route("/v1/status", get(status))
        .route("/v1/routes", get(list_routes).post(edit_routes))
        .route("/v1/routes/get", get(get_route))
        .route("/v1/routes/flush", post(flush_routes))
        .route("/v1/endpoints", get(endpoints))
        .route("/v1/links", get(links))
        .route("/v1/outcomes", get(outcomes))
        .route("/v1/config", get(config))
        .route("/v1/config/check", post(check_config))
        .route("/v1/reload", post(reload))
        .route("/v1/apply", post(apply))
        .route("/v1/confirm", post(confirm))
        .route("/v1/rollback", post(rollback))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(daemon)
}

/// What the metrics address serves.
pub(super) fn metrics(control: SharedControl) -> Router {
    shared()
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Daemon::new(control))
}

/// What a process gets that may not talk to the daemon.
pub(super) fn refuse() -> Router {
    Router::new().fallback(|| async {
        Failure::from(Error::new(
            ErrorKind::NotPermitted,
            "not permitted; be root, or a member of group routemesh",
        ))
    })
}

fn shared() -> Router<Daemon> {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
}

async fn status(State(daemon): State<Daemon>) -> Response {
    json(&daemon.lock().status())
}

async fn list_routes(State(daemon): State<Daemon>) -> Response {
    daemon.listings.answer(|| daemon.lock().routes()).await
}

async fn edit_routes(State(daemon): State<Daemon>, request: Request) -> Result<Response, Failure> {
    let small = request
        .body()
        .size_hint()
        .exact()
        .is_some_and(|length| length <= BODY_LIMIT as u64);
    let batch: RouteBatch = if small {
        parse(&read(request, BODY_LIMIT).await?)?
    } else {
        let _turn = daemon.batches.acquire().await;
        parse(&read(request, BATCH_LIMIT).await?)?
    };
    Ok(json(&daemon.lock().edit_routes(batch)?))
}

#[derive(Deserialize)]
struct Destination {
    address: IpAddr,
}

async fn get_route(
    State(daemon): State<Daemon>,
    query: Result<Query<Destination>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(Destination { address }) = query.map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            "one address is wanted, as /v1/routes/get?address=10.1.2.3",
        )
    })?;
    Ok(json(&daemon.lock().route_for(address)?))
}

async fn flush_routes(State(daemon): State<Daemon>) -> Result<Response, Failure> {
    Ok(json(&daemon.lock().flush_routes()?))
}

async fn endpoints(State(daemon): State<Daemon>) -> Response {
    daemon.listings.answer(|| daemon.lock().endpoints()).await
}

async fn links(State(daemon): State<Daemon>) -> Response {
    json(&daemon.lock().links())
}

async fn outcomes(State(daemon): State<Daemon>) -> Response {
    json(&daemon.lock().outcomes())
}

async fn config(State(daemon): State<Daemon>) -> Response {
    text("application/toml", daemon.lock().config())
}

async fn check_config(State(daemon): State<Daemon>, request: Request) -> Result<Response, Failure> {
    let _turn = daemon.batches.acquire().await;
    let config: ConfigText = parse(&read(request, BATCH_LIMIT).await?)?;
    Ok(json(&daemon.lock().check_config(&config)))
}

async fn reload(State(daemon): State<Daemon>) -> Result<Response, Failure> {
    Ok(json(&daemon.lock().reload()?))
}

async fn apply(State(daemon): State<Daemon>, request: Request) -> Result<Response, Failure> {
    let _turn = daemon.batches.acquire().await;
    let wanted: Apply = parse(&read(request, BATCH_LIMIT).await?)?;
    Ok(json(&daemon.lock().apply(&wanted)?))
}

async fn confirm(State(daemon): State<Daemon>) -> Result<Response, Failure> {
    Ok(json(&daemon.lock().confirm()?))
}

async fn rollback(State(daemon): State<Daemon>, request: Request) -> Result<Response, Failure> {
    let terms: Terms = parse(&read(request, BODY_LIMIT).await?)?;
    Ok(json(&daemon.lock().rollback(terms)?))
}

async fn scrape(State(daemon): State<Daemon>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let reading = daemon.lock().metrics();
    text(format.content_type(), metrics::render(reading, format))
}

/// Takes the lock, so that a daemon stuck in a call is not called healthy.
async fn healthy(State(daemon): State<Daemon>) -> Response {
    drop(daemon.lock());
    text("text/plain", "ok\n".into())
}

async fn ready(State(daemon): State<Daemon>) -> Response {
    if daemon.lock().ready() {
        text("text/plain", "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not yet\n").into_response()
    }
}

async fn unknown_path(uri: Uri) -> Failure {
    Error::new(ErrorKind::NotFound, format!("no such path: {}", uri.path())).into()
}

async fn wrong_method(uri: Uri) -> Failure {
    Failure::invalid(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take this method", uri.path()),
    )
}

async fn read(request: Request<Body>, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::invalid(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {limit} bytes"),
        )
    };
    if request.body().size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), limit);
    let whole = tokio::time::timeout(BODY_TIMEOUT, body.collect())
        .await
        .map_err(|_| {
            Failure::invalid(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body took longer than {} s", BODY_TIMEOUT.as_secs()),
            )
        })?;
    whole.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large()
        } else {
            Failure::invalid(StatusCode::BAD_REQUEST, format!("the body: {error}"))
        }
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Error::new(ErrorKind::Invalid, format!("the body: {error}")).into())
}
