//! The public keys of the issuer, kept fresh without a restart.
//!
//! Readers never wait for one another: the set is swapped as a whole. A token with an unknown
//! `kid` makes one of its bearers look again, at most every N seconds, while the others wait for
//! what he finds. A set that has grown old is looked up beside the requests. Whatever goes wrong,
//! the last good set stays in force.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use ledger_core::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{AuthConfigError, AuthError};
use crate::jwk::VerificationKey;
use crate::jwks_source::{FETCH_LIMIT, KeySource};
use crate::settings::{JwksSource, JwtSettings};

/// The issuer's keys.
#[derive(Debug)]
pub(super) struct Jwks {
    source: KeySource,
    refresh_seconds: i64,
    max_age_seconds: i64,
    keys: ArcSwap<KeySet>,
    /// Held while the source is being asked, so that one asks for all.
    attempt: Arc<Mutex<Attempt>>,
}

#[derive(Debug, Default)]
struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    loaded_at: Option<Timestamp>,
}

/// The last time the source was asked.
#[derive(Clone, Copy, Debug, Default)]
struct Attempt {
    at: Option<Timestamp>,
    failed: bool,
}

impl Attempt {
    /// Whether it is too early to ask again.
    fn is_recent(self, now: Timestamp, seconds: i64) -> bool {
        // A clock that was set back far lets the source be asked again.
        self.at
            .is_some_and(|at| now < at.plus_seconds(seconds) && now.plus_seconds(seconds) >= at)
    }
}

/// Why a set has no key for a token.
#[derive(Debug, PartialEq, Eq)]
enum NoKey {
    /// None by this id, or of this algorithm: there may be one by now.
    Unknown,
    /// There is one by this id, for another algorithm.
    Algorithm,
    /// There are several, and nothing says which.
    Ambiguous,
}

impl KeySet {
    /// The key named `kid`; without a name, the only key for the algorithm.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<VerificationKey>, NoKey> {
        let named = || {
            self.keys
                .iter()
                .filter(move |key| kid.is_none() || key.id.as_deref() == kid)
        };
        let mut fitting = named().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (None, _) if kid.is_some() && named().next().is_some() => Err(NoKey::Algorithm),
            (None, _) => Err(NoKey::Unknown),
        }
    }
}

impl Jwks {
    /// # Errors
    /// [`AuthConfigError`] when `source` cannot be used. It is not asked before the first token.
    pub(super) fn new(
        source: &JwksSource,
        settings: &JwtSettings,
    ) -> Result<Arc<Self>, AuthConfigError> {
        Self::with_fetch_limit(source, settings, FETCH_LIMIT)
    }

    fn with_fetch_limit(
        source: &JwksSource,
        settings: &JwtSettings,
        fetch_limit: Duration,
    ) -> Result<Arc<Self>, AuthConfigError> {
        Ok(Arc::new(Self {
            source: KeySource::new(source, settings, fetch_limit)?,
            refresh_seconds: i64::from(settings.jwks_refresh_seconds),
            max_age_seconds: i64::from(settings.jwks_max_age_seconds),
            keys: ArcSwap::default(),
            attempt: Arc::default(),
        }))
    }

    /// The key that a token named `kid`, of this algorithm, must be signed with.
    ///
    /// # Errors
    /// [`AuthError::UnknownKey`], [`AuthError::Algorithm`], or [`AuthError::KeysUnavailable`] when
    /// the key is unknown and the source did not answer: the token may be a good one.
    pub(super) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<VerificationKey>, AuthError> {
        let set = self.keys.load();
        if let Some(known) = settled(set.find(kid, algorithm)) {
            self.refresh_if_old(&set, now);
            return known;
        }
        drop(set);

        let attempt = Arc::clone(&self.attempt).lock_owned().await;
        // Somebody may have found it while this one waited for the lock.
        if let Some(known) = settled(self.keys.load().find(kid, algorithm)) {
            return known;
        }
        let failed = if attempt.is_recent(now, self.refresh_seconds) {
            attempt.failed
        } else {
            // A task of its own: a caller who hangs up must not break off what others wait for.
            let refresh = tokio::spawn(Arc::clone(self).refresh(attempt, now));
            refresh.await.unwrap_or(true)
        };
        match settled(self.keys.load().find(kid, algorithm)) {
            Some(known) => known,
            None if failed => Err(AuthError::KeysUnavailable),
            None => Err(AuthError::UnknownKey),
        }
    }

    /// Looks the set up again beside the requests, when it is old and nobody is doing so.
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

    /// Asks the source once. Returns whether that failed.
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
                tracing::info!(auth.jwks.keys = keys.len(), "the key set was loaded");
                self.keys.store(Arc::new(KeySet {
                    keys: keys.into_iter().map(Arc::new).collect(),
                    loaded_at: Some(now),
                }));
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the key set could not be loaded; the last good one stays in force"
            ),
        }
        attempt.failed
    }
}

/// What is known for certain without asking the source: everything but an unknown key.
fn settled(
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
        let source = JwksSource::Url(url.to_owned());
        let limit = Duration::from_millis(300);
        Jwks::with_fetch_limit(&source, &JwtSettings::default(), limit).unwrap()
    }

    async fn id(jwks: &Arc<Jwks>, kid: &str, now: i64) -> Result<String, AuthError> {
        let key = jwks.key(Some(kid), Algorithm::ES256, at(now)).await?;
        Ok(key.id.clone().unwrap_or_default())
    }

    #[tokio::test]
    async fn a_new_key_is_found_without_a_restart() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "old")]))).await;
        let jwks = jwks(&server.url);
        assert_eq!(id(&jwks, "old", 100).await.unwrap(), "old");
        server.answer(Answer::Keys(key_set(&[(&es256_next(), "new")])));
        assert_eq!(id(&jwks, "new", 110).await.unwrap(), "new");
        let withdrawn = id(&jwks, "old", 110).await;
        assert!(matches!(withdrawn, Err(AuthError::UnknownKey)));
        assert_eq!(server.hits(), 2);
    }

    #[tokio::test]
    async fn unknown_keys_ask_the_source_once_in_a_while_only() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let jwks = jwks(&server.url);
        for now in [100, 100, 101, 109] {
            let unknown = id(&jwks, &format!("unknown at {now}"), now).await;
            assert!(matches!(unknown, Err(AuthError::UnknownKey)));
        }
        assert_eq!(server.hits(), 1);
        assert!(id(&jwks, "unknown", 110).await.is_err());
        assert_eq!(server.hits(), 2);
    }

    #[tokio::test]
    async fn one_asks_for_all() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let jwks = jwks(&server.url);
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
    async fn a_caller_who_hangs_up_breaks_nothing_off() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let jwks = jwks(&server.url);
        {
            let call = id(&jwks, "a", 100);
            let mut call = std::pin::pin!(call);
            // One poll starts the look-up; then the caller is gone.
            let started = std::future::poll_fn(|context| {
                std::task::Poll::Ready(call.as_mut().poll(context).is_pending())
            });
            assert!(started.await);
        }
        assert_eq!(id(&jwks, "a", 101).await.unwrap(), "a");
        assert_eq!(server.hits(), 1);
    }

    #[tokio::test]
    async fn the_last_good_set_outlives_an_outage() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let jwks = jwks(&server.url);
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
    async fn before_the_first_set_nobody_can_say() {
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
    async fn an_old_set_is_looked_up_again_beside_the_requests() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let jwks = jwks(&server.url);
        assert!(id(&jwks, "a", 100).await.is_ok());
        assert!(id(&jwks, "a", 699).await.is_ok());
        assert_eq!(server.hits(), 1);
        server.answer(Answer::Keys(key_set(&[(&es256_next(), "b")])));
        assert!(id(&jwks, "a", 700).await.is_ok(), "this one does not wait");
        drop(jwks.attempt.lock().await); // the look-up holds this until it is done
        assert!(id(&jwks, "a", 701).await.is_err(), "withdrawn");
    }

    #[tokio::test]
    async fn without_a_name_only_one_key_may_fit() {
        let set = key_set(&[(&es256(), "a"), (&rs256(), "r"), (&es256_next(), "b")]);
        let server = KeyServer::start(Answer::Keys(set)).await;
        let jwks = jwks(&server.url);
        let by = |algorithm| jwks.key(None, algorithm, at(100));
        assert_eq!(by(Algorithm::RS256).await.unwrap().id.as_deref(), Some("r"));
        let two = by(Algorithm::ES256).await;
        assert!(matches!(two, Err(AuthError::UnknownKey)));
    }

    #[tokio::test]
    async fn a_name_stands_for_one_algorithm() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&rs256(), "r")]))).await;
        let jwks = jwks(&server.url);
        let other = id(&jwks, "r", 100).await;
        assert!(matches!(other, Err(AuthError::Algorithm)));
    }

    #[tokio::test]
    async fn a_file_is_read_again_for_an_unknown_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        std::fs::write(&path, key_set(&[(&es256(), "a")]).to_string()).unwrap();
        let source = JwksSource::File(path.clone());
        let jwks = Jwks::new(&source, &JwtSettings::default()).unwrap();
        assert!(id(&jwks, "a", 100).await.is_ok());
        std::fs::write(&path, key_set(&[(&es256_next(), "b")]).to_string()).unwrap();
        assert_eq!(id(&jwks, "b", 110).await.unwrap(), "b");
        std::fs::write(&path, "half a fi").unwrap();
        assert!(id(&jwks, "c", 120).await.is_err());
        assert_eq!(id(&jwks, "b", 120).await.unwrap(), "b");
    }
}
