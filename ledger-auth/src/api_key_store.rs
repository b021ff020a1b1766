//! API keys in Postgres: created, listed, revoked, verified.
//!
//! A busy proxy costs no query per call: a valid key is cached for ten seconds, for which a revoked
//! one can stay valid in another process. An invalid key is cached for two seconds, a failed
//! look-up for one. Concurrent callers with the same key share one look-up.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use ledger_core::{ActorId, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::api_key::{ApiKey, ApiKeyId};
use crate::cache::ExpiringCache;
use crate::credential::Credential;
use crate::error::{AuthError, OUTAGE_RETRY_SECONDS};
use crate::tenancy::Tenancy;

/// Lifetime of a cached valid key, and so the time for which a revoked key can stay valid.
const VALID_KEY_SECONDS: i64 = 10;

/// Lifetime of a cached invalid key. A key used before its creation is rejected this long.
const INVALID_KEY_SECONDS: i64 = 2;

/// Cached keys, valid and invalid each: 10,000 × about 130 bytes.
const CACHED_KEYS_MAX: u64 = 10_000;

/// Keys of one school in force. A proxy has one, and two while it changes keys.
pub const ACTIVE_KEYS_MAX: i64 = 100;

/// Keys in a list, those in force first.
const LISTED_KEYS_MAX: i64 = 1_000;

/// Maximum length of a label in characters.
pub const LABEL_CHARS_MAX: usize = 100;

/// Locks of look-ups: a few times the connections that serve them.
const LOOKUP_LOCKS: usize = 64;

/// API keys in Postgres. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeyStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    valid: ExpiringCache<KeyDigest, Arc<Credential>>,
    invalid: ExpiringCache<KeyDigest, Invalid>,
    /// Held during a look-up. The hasher is random, so that no caller can choose the lock.
    locks: Box<[Mutex<()>]>,
    hasher: RandomState,
}

/// SHA-256 of the text that a caller sent.
type KeyDigest = [u8; 32];

#[derive(Clone, Copy)]
enum Invalid {
    UnknownOrRevoked,
    LookupFailed,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// The id.
    pub id: ApiKeyId,
    /// The schools that it is valid for.
    pub tenancy: Tenancy,
    /// The label, for people.
    pub label: String,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The actor who created it.
    pub created_by: ActorId,
    /// The time of its revocation.
    pub revoked_at: Option<Timestamp>,
}

/// A key could not be created, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The label is empty, too long, or has control characters.
    #[error("a label must have 1 to {LABEL_CHARS_MAX} characters and no control characters")]
    Label,
    /// The school has the maximum of keys.
    #[error("the maximum of {ACTIVE_KEYS_MAX} API keys is in force; revoke one first")]
    TooMany,
    /// The school has no such key.
    #[error("the API key does not exist")]
    NotFound,
    /// The table of API keys could not be read or written.
    #[error("could not read or write API keys")]
    Database(#[from] sqlx::Error),
}

impl ApiKeyStore {
    /// A store on connections with the role `ledger_authenticator`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self {
            inner: Arc::new(Inner {
                pool,
                valid: ExpiringCache::new(CACHED_KEYS_MAX),
                invalid: ExpiringCache::new(CACHED_KEYS_MAX),
                locks: (0..LOOKUP_LOCKS).map(|_| Mutex::default()).collect(),
                hasher: RandomState::new(),
            }),
        }
    }

    /// Stores the hash of a new key, which is valid from then on.
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

    /// The keys of a school, or those for all schools: keys in force, then revoked ones; newest
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

    /// Revokes a key: in this process at once, in others within ten seconds. Revoking a revoked key
    /// changes nothing.
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
        self.inner.valid.remove_if(|valid| valid.id == credential);
        row.and_then(Row::into_record).ok_or(ApiKeyError::NotFound)
    }

    /// The credential of the API key `presented`, at the instant `now`.
    ///
    /// # Errors
    /// [`AuthError::ApiKey`], or a failed look-up.
    pub async fn verify(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Arc<Credential>, AuthError> {
        let inner = &*self.inner;
        let digest = KeyDigest::from(Sha256::digest(presented));
        if let Some(cached) = inner.cached(&digest, now) {
            return cached;
        }
        let key = ApiKey::parse(presented).ok_or(AuthError::ApiKey)?;

        let _lock = inner.lock(&digest).lock().await;
        if let Some(cached) = inner.cached(&digest, now) {
            return cached;
        }
        let started = Instant::now();
        let is_valid = inner.is_valid(&key).await;
        let cache_invalid = |reason, seconds| {
            let until = now.plus_seconds(seconds);
            inner.invalid.insert(digest, reason, now, until);
        };
        match is_valid {
            Ok(true) => {
                let credential = Arc::new(Credential::from_api_key(key.tenancy(), key.id()));
                let until = now.plus_seconds(VALID_KEY_SECONDS);
                inner
                    .valid
                    .insert(digest, Arc::clone(&credential), now, until);
                Ok(credential)
            }
            Ok(false) => {
                cache_invalid(Invalid::UnknownOrRevoked, INVALID_KEY_SECONDS);
                Err(AuthError::ApiKey)
            }
            Err(error) => {
                // The callers that waited meanwhile fail too, instead of waiting as long one after
                // the other.
                let seconds = started.elapsed().as_secs() + OUTAGE_RETRY_SECONDS;
                cache_invalid(Invalid::LookupFailed, seconds.cast_signed());
                Err(AuthError::Database(error))
            }
        }
    }
}

impl Inner {
    fn cached(
        &self,
        digest: &KeyDigest,
        now: Timestamp,
    ) -> Option<Result<Arc<Credential>, AuthError>> {
        if let Some(credential) = self.valid.get(digest, now) {
            return Some(Ok(credential));
        }
        match self.invalid.get(digest, now)? {
            Invalid::UnknownOrRevoked => Some(Err(AuthError::ApiKey)),
            Invalid::LookupFailed => Some(Err(AuthError::DatabaseUnavailable)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "any bits of a hash will do"
    )]
    fn lock(&self, digest: &KeyDigest) -> &Mutex<()> {
        &self.locks[self.hasher.hash_one(digest) as usize % LOOKUP_LOCKS]
    }

    /// Whether the key exists with this secret and is not revoked.
    async fn is_valid(&self, key: &ApiKey) -> Result<bool, sqlx::Error> {
        let row = sqlx::query!(
            "SELECT secret_hash FROM api_key
              WHERE school_id = $1 AND key_id = $2 AND revoked_at IS NULL",
            key.tenancy().column(),
            key.id().to_string(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some_and(|row| row.secret_hash[..].ct_eq(&key.secret_hash()).into()))
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
    /// `None` for a row with an invalid id, which another program wrote: the key cannot be used.
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
