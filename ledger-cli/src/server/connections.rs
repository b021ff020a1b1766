//! Accepts connections, serves requests, and ends both in order.
//!
//! `axum::serve` limits neither the number of connections nor the time for a request's head, and
//! cannot end a connection: an open stream would keep a handle of the writer, and the writer would
//! not stop.

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

/// Concurrent connections, about 20 kB each; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 10_000;

/// Time for a request's head, and for the next request on an idle connection. Longer than the 60 s
/// of common load balancers, so that they close the connection first.
const HEAD_LIMIT: Duration = Duration::from_secs(75);

/// Pause after the system failed to accept a connection, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves requests until `stop`, then gives requests in flight `grace` to finish.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: &CancellationToken,
    grace: Duration,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &permits)).await {
        if let Some((stream, permit)) = accepted {
            connections.spawn(serve_connection(stream, app.clone(), stop.clone(), permit));
        }
        while connections.try_join_next().is_some() {}
    }
    drop((listener, app));
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "grace period over: closing connections with requests in flight"
        );
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // A response is one small write; it must not wait for an acknowledgement.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(error = %error, "could not set TCP_NODELAY");
            }
            Some((stream, permit))
        }
        Err(error) if is_client_error(&error) => None,
        Err(error) => {
            tracing::error!(error = %error, "could not accept a connection; will retry");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Whether the client closed the connection before it was accepted.
fn is_client_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn serve_connection(
    stream: TcpStream,
    app: Router,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
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
        // Usually a client that disconnected.
        tracing::debug!(error = %error, "connection ended with an error");
    }
}
