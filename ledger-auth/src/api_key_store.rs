//! API keys in Postgres, and who is behind one.
//!
//! A hot proxy costs no query per call: a good key is remembered for ten seconds, which is also how
//! long a revoked one may go on in another process. A bad one is remembered for two, a failed
//! look-up for one. Callers with the same key wait for one look-up, so that the end of those ten
//! seconds is one query and not a thousand.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use ledger_core::{ActorId, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::api_key::{ApiKey, ApiKeyId, same_hash};
use crate::cache::ExpiringCache;
use crate::credential::Credential;
use crate::error::{AuthError, OUTAGE_RETRY_SECONDS};
use crate::tenancy::Tenancy;

/// How long a good key is taken on trust, and so the longest that a revoked one lives on.
pub const GOOD_KEY_SECONDS: i64 = 10;

/// How long a bad key is known to be bad: a key that was used before it was made works this late.
pub const BAD_KEY_SECONDS: i64 = 2;

/// The most keys that are remembered, good and bad each: 10,000 × about 130 bytes.
pub const CACHED_KEYS_MAX: usize = 10_000;

/// The most keys of one school that are in force at once: a proxy has one, and two while it is
/// being changed.
pub const ACTIVE_KEYS_MAX: i64 = 100;

/// The most keys that a list shows: those in force come first.
pub const LISTED_KEYS_MAX: i64 = 1_000;

/// The longest label in characters.
pub const LABEL_CHARS_MAX: usize = 100;

/// Look-ups that can run side by side: a few times the connections that serve them.
const FLIGHTS: usize = 64;

/// API keys in Postgres. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeyStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    good: ExpiringCache<KeyDigest, Arc<Credential>>,
    bad: ExpiringCache<KeyDigest, Bad>,
    /// Held while a key is looked up. Which of them is nobody's to choose: the hasher is random.
    flights: Box<[Mutex<()>]>,
    hasher: RandomState,
}

/// Of the whole text that a caller sent.
type KeyDigest = [u8; 32];

#[derive(Clone, Copy)]
enum Bad {
    UnknownOrRevoked,
    LookUpFailed,
}

/// What is known of a key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose proxy it is for.
    pub tenancy: Tenancy,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: ActorId,
    /// Since when it is void.
    pub revoked_at: Option<Timestamp>,
}

/// A key could not be made, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The label is empty, too long, or has control characters.
    #[error("a label must have 1 to {LABEL_CHARS_MAX} characters and no control characters")]
    Label,
    /// The school has as many keys as it may.
    #[error("the maximum of {ACTIVE_KEYS_MAX} api keys is in force; revoke one first")]
    TooMany,
    /// There is no such key in this school.
    #[error("the api key does not exist")]
    NotFound,
    /// The table of API keys could not be read or written.
    #[error("api keys cannot be read or written")]
    Database(#[from] sqlx::Error),
}

impl ApiKeyStore {
    /// Keys in the database that `pool` reaches as the role `ledger_authenticator`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                good: ExpiringCache::new(CACHED_KEYS_MAX),
                bad: ExpiringCache::new(CACHED_KEYS_MAX),
                flights: (0..FLIGHTS).map(|_| Mutex::default()).collect(),
                hasher: RandomState::new(),
            }),
        }
    }

    /// Stores the hash of a new key, which is good from then on.
    ///
    /// # Errors
    /// [`ApiKeyError::Label`], [`ApiKeyError::TooMany`] or [`ApiKeyError::Database`].
    pub async fn create(
        &self,
        key: &ApiKey,
        label: &str,
        created_by: ActorId,
        now: Timestamp,
    ) -> Result<ApiKeyRecord, ApiKeyError> {
        let label = label.trim();
        let fits = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
        if !fits || label.chars().any(char::is_control) {
            return Err(ApiKeyError::Label);
        }
        let inserted = sqlx::query!(
            "INSERT INTO api_key
                 (school_id, key_id, secret_hash, role, label, created_at, created_by)
             SELECT $1, $2, $3, 'proxy', $4, $5, $6
              WHERE (SELECT count(*) FROM api_key
                      WHERE school_id = $1 AND revoked_at IS NULL) < $7",
            key.tenancy().column(),
            key.id().to_string(),
            &key.secret_hash()[..],
            label,
            now.get(),
            created_by.0,
            ACTIVE_KEYS_MAX,
        )
        .execute(&self.inner.pool)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(ApiKeyError::TooMany);
        }
        Ok(ApiKeyRecord {
            id: key.id(),
            tenancy: key.tenancy(),
            label: label.to_owned(),
            created_at: now,
            created_by,
            revoked_at: None,
        })
    }

    /// The keys of a school, or those for all schools: those in force, then those revoked; newest
    /// first.
    ///
    /// # Errors
    /// [`ApiKeyError::Database`].
    pub async fn list(&self, tenancy: Tenancy) -> Result<Vec<ApiKeyRecord>, ApiKeyError> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT school_id, key_id, label, created_at, created_by, revoked_at
               FROM api_key
              WHERE school_id = $1
              ORDER BY revoked_at IS NOT NULL, created_at DESC, key_id
              LIMIT $2",
            tenancy.column(),
            LISTED_KEYS_MAX,
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows.into_iter().filter_map(Row::into_record).collect())
    }

    /// Makes a key void: here at once, in other processes within [`GOOD_KEY_SECONDS`]. Revoking
    /// one that is revoked changes nothing.
    ///
    /// # Errors
    /// [`ApiKeyError::NotFound`] or [`ApiKeyError::Database`].
    pub async fn revoke(
        &self,
        tenancy: Tenancy,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKeyRecord, ApiKeyError> {
        let row = sqlx::query_as!(
            Row,
            "UPDATE api_key SET revoked_at = coalesce(revoked_at, $3)
              WHERE school_id = $1 AND key_id = $2
             RETURNING school_id, key_id, label, created_at, created_by, revoked_at",
            tenancy.column(),
            id.to_string(),
            now.get(),
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        let credential = Credential::from_api_key(tenancy, id).id;
        self.inner.good.forget(|good| good.id == credential);
        row.and_then(Row::into_record).ok_or(ApiKeyError::NotFound)
    }

    /// Who sent the API key `presented`, at the instant `now`.
    ///
    /// # Errors
    /// [`AuthError::ApiKey`], or that the database was not there to look it up.
    pub async fn verify(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Arc<Credential>, AuthError> {
        let inner = &*self.inner;
        let digest = KeyDigest::from(Sha256::digest(presented));
        if let Some(known) = inner.known(&digest, now) {
            return known;
        }
        let key = ApiKey::parse(presented).ok_or(AuthError::ApiKey)?;

        let _flight = inner.flight(&digest).lock().await;
        if let Some(known) = inner.known(&digest, now) {
            return known;
        }
        let asked = Instant::now();
        let is_good = inner.is_good(&key).await;
        let keep_bad = |why, seconds| {
            inner
                .bad
                .insert(digest, why, now, now.plus_seconds(seconds));
        };
        match is_good {
            Ok(true) => {
                let credential = Arc::new(Credential::from_api_key(key.tenancy(), key.id()));
                let until = now.plus_seconds(GOOD_KEY_SECONDS);
                inner
                    .good
                    .insert(digest, Arc::clone(&credential), now, until);
                Ok(credential)
            }
            Ok(false) => {
                keep_bad(Bad::UnknownOrRevoked, BAD_KEY_SECONDS);
                Err(AuthError::ApiKey)
            }
            Err(error) => {
                // All who came while this one waited are told so too, instead of waiting as long
                // one after another.
                let seconds = asked.elapsed().as_secs() + OUTAGE_RETRY_SECONDS;
                keep_bad(Bad::LookUpFailed, seconds.cast_signed());
                Err(AuthError::Database(error))
            }
        }
    }
}

impl fmt::Debug for ApiKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyStore").finish_non_exhaustive()
    }
}

impl Inner {
    fn known(
        &self,
        digest: &KeyDigest,
        now: Timestamp,
    ) -> Option<Result<Arc<Credential>, AuthError>> {
        if let Some(credential) = self.good.get(digest, now) {
            return Some(Ok(credential));
        }
        match self.bad.get(digest, now)? {
            Bad::UnknownOrRevoked => Some(Err(AuthError::ApiKey)),
            Bad::LookUpFailed => Some(Err(AuthError::DatabaseUnavailable)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits of a hash are as good as all of them"
    )]
    fn flight(&self, digest: &KeyDigest) -> &Mutex<()> {
        &self.flights[self.hasher.hash_one(digest) as usize % FLIGHTS]
    }

    /// Whether the key is in the table, unrevoked, with this secret.
    async fn is_good(&self, key: &ApiKey) -> Result<bool, sqlx::Error> {
        let row = sqlx::query!(
            "SELECT secret_hash FROM api_key
              WHERE school_id = $1 AND key_id = $2 AND revoked_at IS NULL",
            key.tenancy().column(),
            key.id().to_string(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some_and(|row| same_hash(&row.secret_hash, &key.secret_hash())))
    }
}

struct Row {
    school_id: Uuid,
    key_id: String,
    label: String,
    created_at: DateTime<Utc>,
    created_by: Uuid,
    revoked_at: Option<DateTime<Utc>>,
}

impl Row {
    /// Nothing when somebody else wrote a row whose id is not one of ours: such a key cannot be
    /// used, and not be named either.
    fn into_record(self) -> Option<ApiKeyRecord> {
        Some(ApiKeyRecord {
            id: self.key_id.parse().ok()?,
            tenancy: Tenancy::from_column(self.school_id),
            label: self.label,
            created_at: Timestamp::new(self.created_at),
            created_by: ActorId(self.created_by),
            revoked_at: self.revoked_at.map(Timestamp::new),
        })
    }
}
