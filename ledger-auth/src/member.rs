//! The member of a school that a caller is: the member with the subject as external id, else the
//! member with the subject as id. SQL's `ledger_member()` has the same rule.

use std::sync::Arc;

use ledger_core::{MemberId, SchoolId, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use crate::cache::ExpiringCache;
use crate::credential::{Credential, CredentialId};
use crate::error::AuthError;
use crate::tenancy::Tenancy;

/// Lifetime of a cached result. A removed external id works this long.
pub const MEMBER_SECONDS: i64 = 10;

/// Cached results, 100 bytes each.
pub const CACHED_MEMBERS_MAX: u64 = 10_000;

/// Finds members by subject. Cheap to clone.
#[derive(Clone)]
pub struct MemberDirectory {
    pool: PgPool,
    /// By credential. A credential for one school has that school in its id.
    cache: Arc<ExpiringCache<CredentialId, Option<MemberId>>>,
}

impl MemberDirectory {
    /// A directory on connections with the role `ledger_authenticator`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            cache: Arc::new(ExpiringCache::new(CACHED_MEMBERS_MAX)),
        }
    }

    /// The member of `school` that the caller is. A subject that is a UUID is not checked to be the
    /// id of an existing member; the read model does that.
    ///
    /// # Errors
    /// [`AuthError::MemberNotFound`] if the caller is no member, or `school` is not theirs;
    /// [`AuthError::Database`].
    pub async fn member(
        &self,
        credential: &Credential,
        school: SchoolId,
        now: Timestamp,
    ) -> Result<MemberId, AuthError> {
        if !credential.tenancy.includes(school) {
            return Err(AuthError::MemberNotFound);
        }
        let id = credential.id;
        let member = match self.cache.get(&id, now) {
            Some(cached) => cached,
            None => {
                let found = self.find(school, &credential.subject).await?;
                let until = now.plus_seconds(MEMBER_SECONDS);
                self.cache.insert(id, found, now, until);
                found
            }
        };
        member.ok_or(AuthError::MemberNotFound)
    }

    /// The member of `school` that the caller is, if any. A principal can be a member too.
    ///
    /// # Errors
    /// [`AuthError::Database`].
    pub async fn member_if_any(
        &self,
        credential: &Credential,
        school: SchoolId,
        now: Timestamp,
    ) -> Result<Option<MemberId>, AuthError> {
        // The cache is by credential; this one can be another member in each school.
        if credential.tenancy == Tenancy::AllSchools {
            return self.find(school, &credential.subject).await;
        }
        match self.member(credential, school, now).await {
            Ok(member) => Ok(Some(member)),
            Err(AuthError::MemberNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, school: SchoolId, subject: &str) -> Result<Option<MemberId>, AuthError> {
        let by_external_id = sqlx::query_scalar!(
            "SELECT member_id FROM member_external_id WHERE school_id = $1 AND external_id = $2",
            school.0,
            subject,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(AuthError::Database)?;
        let by_own_id = || Uuid::try_parse(subject).ok();
        Ok(by_external_id.or_else(by_own_id).map(MemberId))
    }
}
