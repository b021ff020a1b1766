//! The public keys of the issuer, refreshed while the process runs.
//!
//! Readers do not block each other: the set is replaced as a whole. A token with an unknown `kid`
//! causes a fetch, at most every N seconds; concurrent callers wait for the same one. An old set is
//! refreshed in the background. After any failure the last valid set stays in force.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use ledger_core::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{AuthConfigError, AuthError};
use crate::jwk::VerificationKey;
use crate::jwks_source::{FETCH_LIMIT, KeySource};
use crate::settings::JwtSettings;

/// The issuer's keys.
#[derive(Debug)]
pub(crate) struct Jwks {
    source: KeySource,
    refresh_seconds: i64,
    max_age_seconds: i64,
    keys: ArcSwap<KeySet>,
    /// Locked during a fetch, so that concurrent callers share it.
    attempt: Arc<Mutex<Attempt>>,
}

#[derive(Debug, Default)]
struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    loaded_at: Option<Timestamp>,
}

/// The latest fetch.
#[derive(Clone, Copy, Debug, Default)]
struct Attempt {
    at: Option<Timestamp>,
    failed: bool,
}

impl Attempt {
    /// Whether it is too early for another fetch.
    fn is_recent(self, now: Timestamp, seconds: i64) -> bool {
        // A clock that was set back far permits another fetch.
        self.at
            .is_some_and(|at| now < at.plus_seconds(seconds) && now.plus_seconds(seconds) >= at)
    }
}

/// A set has no key for a token.
#[derive(Debug, PartialEq, Eq)]
enum NoKey {
    /// No key has the id or algorithm; a new set may have one.
    Unknown,
    /// The key with the id has another algorithm.
    Algorithm,
    /// Several keys fit.
    Ambiguous,
}

impl KeySet {
    /// The key with the id `kid`; without an id, the only key for the algorithm.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<VerificationKey>, NoKey> {
        let candidates = || {
            self.keys
                .iter()
                .filter(move |key| kid.is_none() || key.id.as_deref() == kid)
        };
        let mut fitting = candidates().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (None, _) if kid.is_some() && candidates().next().is_some() => Err(NoKey::Algorithm),
            (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl Jwks {
    /// The keys in the settings' JWKS, if there is one. The first token causes the first fetch.
    ///
    /// # Errors
    /// [`AuthConfigError`] if the URL cannot be used.
    pub(crate) fn new(settings: &JwtSettings) -> Result<Option<Arc<Self>>, AuthConfigError> {
        Self::with_fetch_limit(settings, FETCH_LIMIT)
    }

    fn with_fetch_limit(
        settings: &JwtSettings,
        fetch_limit: Duration,
    ) -> Result<Option<Arc<Self>>, AuthConfigError> {
        let source = KeySource::new(settings, fetch_limit)?;
        Ok(source.map(|source| {
            Arc::new(Self {
                source,
                refresh_seconds: i64::from(settings.jwks_refresh_seconds),
                max_age_seconds: i64::from(settings.jwks_max_age_seconds),
                keys: ArcSwap::default(),
                attempt: Arc::default(),
            })
        }))
    }

    /// The key with the id `kid` and this algorithm.
    ///
    /// # Errors
    /// [`AuthError::UnknownKey`], [`AuthError::Algorithm`], or [`AuthError::KeysUnavailable`] if
    /// the key is unknown and the fetch failed: the token may be valid.
    pub(crate) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<VerificationKey>, AuthError> {
        let set = self.keys.load();
        if let Some(result) = decided(set.find(kid, algorithm)) {
            self.refresh_if_old(&set, now);
            return result;
        }
        drop(set);

        let attempt = Arc::clone(&self.attempt).lock_owned().await;
        // Another caller may have fetched it meanwhile.
        if let Some(result) = decided(self.keys.load().find(kid, algorithm)) {
            return result;
        }
        let failed = if attempt.is_recent(now, self.refresh_seconds) {
            attempt.failed
        } else {
            // A separate task, so that a disconnecting caller does not cancel it for the others.
            let refresh = tokio::spawn(Arc::clone(self).refresh(attempt, now));
            refresh.await.unwrap_or(true)
        };
        match decided(self.keys.load().find(kid, algorithm)) {
            Some(result) => result,
            None if failed => Err(AuthError::KeysUnavailable),
            None => Err(AuthError::UnknownKey),
        }
    }

    /// Starts a background fetch if the set is old and none is running.
    fn refresh_if_old(self: &Arc<Self>, set: &KeySet, now: Timestamp) {
        let fresh_until = set
            .loaded_at
            .map(|at| at.plus_seconds(self.max_age_seconds));
        if fresh_until.is_some_and(|until| now < until) {
            return;
        }
        if let Ok(attempt) = Arc::clone(&self.attempt).try_lock_owned()
            && !attempt.is_recent(now, self.refresh_seconds)
        {
            tokio::spawn(Arc::clone(self).refresh(attempt, now));
        }
    }

    /// Fetches the set once. Returns whether that failed.
    async fn refresh(
        self: Arc<Self>,
        mut attempt: OwnedMutexGuard<Attempt>,
        now: Timestamp,
    ) -> bool {
        attempt.at = Some(now);
        attempt.failed = true;
        match self.source.fetch().await {
            Ok(keys) => {
                attempt.failed = false;
                tracing::info!(auth.jwks.keys = keys.len(), "key set loaded");
                self.keys.store(Arc::new(KeySet {
                    keys: keys.into_iter().map(Arc::new).collect(),
                    loaded_at: Some(now),
                }));
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not load the key set; the last valid one stays in force"
            ),
        }
        attempt.failed
    }
}

/// The result, unless a fetch could change it.
fn decided(
    found: Result<Arc<VerificationKey>, NoKey>,
) -> Option<Result<Arc<VerificationKey>, AuthError>> {
    match found {
        Ok(key) => Some(Ok(key)),
        Err(NoKey::Algorithm) => Some(Err(AuthError::Algorithm)),
        Err(NoKey::Ambiguous) => Some(Err(AuthError::UnknownKey)),
        Err(NoKey::Unknown) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Answer, KeyServer, at, es256, es256_next, key_set, rs256};

    fn jwks(url: &str) -> Arc<Jwks> {
        let settings = JwtSettings {
            jwks_url: Some(url.to_owned()),
            ..JwtSettings::default()
        };
        let jwks = Jwks::with_fetch_limit(&settings, Duration::from_millis(300));
        jwks.unwrap().unwrap()
    }

    /// A server with one key, and a set that it has not loaded yet.
    async fn with_key(kid: &str) -> (KeyServer, Arc<Jwks>) {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), kid)]))).await;
        let jwks = jwks(&server.url);
        (server, jwks)
    }

    async fn id(jwks: &Arc<Jwks>, kid: &str, now: i64) -> Result<String, AuthError> {
        let key = jwks.key(Some(kid), Algorithm::ES256, at(now)).await?;
        Ok(key.id.clone().unwrap_or_default())
    }

    #[tokio::test]
    async fn a_new_key_is_fetched() {
        let (server, jwks) = with_key("old").await;
        assert_eq!(id(&jwks, "old", 100).await.unwrap(), "old");
        server.answer(Answer::Keys(key_set(&[(&es256_next(), "new")])));
        assert_eq!(id(&jwks, "new", 110).await.unwrap(), "new");
        let withdrawn = id(&jwks, "old", 110).await;
        assert!(matches!(withdrawn, Err(AuthError::UnknownKey)));
        assert_eq!(server.hits(), 2);
    }

    #[tokio::test]
    async fn unknown_keys_cause_a_limited_number_of_fetches() {
        let (server, jwks) = with_key("a").await;
        for now in [100, 100, 101, 109] {
            let unknown = id(&jwks, &format!("unknown at {now}"), now).await;
            assert!(matches!(unknown, Err(AuthError::UnknownKey)));
        }
        assert_eq!(server.hits(), 1);
        assert!(id(&jwks, "unknown", 110).await.is_err());
        assert_eq!(server.hits(), 2);
    }

    #[tokio::test]
    async fn concurrent_callers_share_a_fetch() {
        let (server, jwks) = with_key("a").await;
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let jwks = Arc::clone(&jwks);
                tokio::spawn(async move { id(&jwks, "a", 100).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), "a");
        }
        assert_eq!(server.hits(), 1);
    }

    #[tokio::test]
    async fn a_disconnecting_caller_does_not_cancel_the_fetch() {
        let (server, jwks) = with_key("a").await;
        {
            let call = id(&jwks, "a", 100);
            let mut call = std::pin::pin!(call);
            // One poll starts the fetch; then the caller disconnects.
            let started = std::future::poll_fn(|context| {
                std::task::Poll::Ready(call.as_mut().poll(context).is_pending())
            });
            assert!(started.await);
        }
        assert_eq!(id(&jwks, "a", 101).await.unwrap(), "a");
        assert_eq!(server.hits(), 1);
    }

    #[tokio::test]
    async fn the_last_valid_set_is_used_in_an_outage() {
        let (server, jwks) = with_key("a").await;
        assert!(id(&jwks, "a", 100).await.is_ok());
        for (now, answer) in [
            (200, Answer::Status(500)),
            (300, Answer::Text("<html>")),
            (400, Answer::Never),
        ] {
            server.answer(answer);
            let unknown = id(&jwks, "b", now).await;
            assert!(matches!(unknown, Err(AuthError::KeysUnavailable)));
            assert_eq!(id(&jwks, "a", now).await.unwrap(), "a");
        }
    }

    #[tokio::test]
    async fn before_the_first_set_keys_are_unavailable() {
        let server = KeyServer::start(Answer::Status(503)).await;
        let jwks = jwks(&server.url);
        for now in [100, 105] {
            let unknown = id(&jwks, "a", now).await;
            assert!(matches!(unknown, Err(AuthError::KeysUnavailable)), "{now}");
        }
        assert_eq!(server.hits(), 1);
        server.answer(Answer::Keys(key_set(&[(&es256(), "a")])));
        assert!(id(&jwks, "a", 110).await.is_ok());
    }

    #[tokio::test]
    async fn an_old_set_is_refreshed_in_the_background() {
        let (server, jwks) = with_key("a").await;
        assert!(id(&jwks, "a", 100).await.is_ok());
        assert!(id(&jwks, "a", 699).await.is_ok());
        assert_eq!(server.hits(), 1);
        server.answer(Answer::Keys(key_set(&[(&es256_next(), "b")])));
        assert!(id(&jwks, "a", 700).await.is_ok(), "does not wait");
        drop(jwks.attempt.lock().await); // held until the fetch ends
        assert!(id(&jwks, "a", 701).await.is_err(), "withdrawn");
    }

    #[tokio::test]
    async fn a_token_without_a_key_id_needs_a_single_fitting_key() {
        let set = key_set(&[(&es256(), "a"), (&rs256(), "r"), (&es256_next(), "b")]);
        let server = KeyServer::start(Answer::Keys(set)).await;
        let jwks = jwks(&server.url);
        let by = |algorithm| jwks.key(None, algorithm, at(100));
        assert_eq!(by(Algorithm::RS256).await.unwrap().id.as_deref(), Some("r"));
        let two = by(Algorithm::ES256).await;
        assert!(matches!(two, Err(AuthError::UnknownKey)));
    }

    #[tokio::test]
    async fn a_key_id_has_one_algorithm() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&rs256(), "r")]))).await;
        let jwks = jwks(&server.url);
        let other = id(&jwks, "r", 100).await;
        assert!(matches!(other, Err(AuthError::Algorithm)));
    }

    #[tokio::test]
    async fn an_unknown_key_causes_a_read_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, key_set(&[(&es256(), "a")]).to_string()).unwrap();
        let settings = JwtSettings {
            jwks_file: Some(path.clone()),
            ..JwtSettings::default()
        };
        let jwks = Jwks::new(&settings).unwrap().unwrap();
        assert!(id(&jwks, "a", 100).await.is_ok());
        std::fs::write(&path, key_set(&[(&es256_next(), "b")]).to_string()).unwrap();
        assert_eq!(id(&jwks, "b", 110).await.unwrap(), "b");
        std::fs::write(&path, "half a se").unwrap();
        assert!(id(&jwks, "c", 120).await.is_err());
        assert_eq!(id(&jwks, "b", 120).await.unwrap(), "b");
    }
}
