//! Accepts connections and answers requests, and ends both in good order.
//!
//! axum's own `serve` does neither bound how many there are nor how long a client may take to send
//! a request's head, and cannot cut off what does not end: with a stream still open, the writer
//! would never learn that nobody submits any more.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The most connections at a time; more wait in the system's queue. About 20 kB each.
const CONNECTIONS_MAX: usize = 10_000;

/// How long a client may take to send a request's head, or to send the next request on a
/// connection that it keeps: longer than the 60 s of the usual load balancers, so that it is they
/// who close it.
const HEAD_LIMIT: Duration = Duration::from_secs(75);

/// The pause after the system refused a connection, for the most part since too many files are
/// open.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);

/// Answers requests until `stop`, then lets those in flight finish for `grace` at most.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: &CancellationToken,
    grace: Duration,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        if let Some((stream, place)) = accepted {
            connections.spawn(answer(stream, app.clone(), stop.clone(), place));
        }
        // Those that ended in the meantime.
        while connections.try_join_next().is_some() {}
    }
    drop((listener, app));
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests were cut off");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // An answer is one small write: it must not wait for the client's acknowledgement.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(error = %error, "a connection waits for acknowledgements");
            }
            Some((stream, place))
        }
        Err(error) if is_the_clients(&error) => None,
        Err(error) => {
            tracing::error!(error = %error, "a connection could not be accepted");
            tokio::time::sleep(REFUSED_PAUSE).await;
            None
        }
    }
}

/// Whether the client went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn answer(
    stream: TcpStream,
    app: Router,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT);
    http.http2().timer(TokioTimer::new());
    let service = TowerToHyperService::new(app);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // For the most part a client that went away.
        tracing::debug!(error = %error, "a connection ended badly");
    }
}
