//! Which member of a school a caller is.
//!
//! The same answer as SQL's `ledger_member()`: the member whose external id the token's subject
//! is, else the member whose own id it is.

use std::sync::Arc;

use ledger_core::{MemberId, SchoolId, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use crate::cache::ExpiringCache;
use crate::credential::{Credential, CredentialId};
use crate::error::AuthError;
use crate::tenancy::Tenancy;

/// How long an answer is kept: an external id that is taken away works this long.
pub const MEMBER_SECONDS: i64 = 10;

/// The most answers that are kept: 100 bytes each.
pub const CACHED_MEMBERS_MAX: usize = 10_000;

/// Finds members by their subjects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MemberDirectory {
    pool: PgPool,
    /// A teacher's credential is for one school, which is a part of its id.
    known: Arc<ExpiringCache<CredentialId, Option<MemberId>>>,
}

impl MemberDirectory {
    /// The directory in the database that `pool` reaches as the role `ledger_authenticator`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            known: Arc::new(ExpiringCache::new(CACHED_MEMBERS_MAX)),
        }
    }

    /// The member of `school` that the caller is. Whether there still is one by this id is for the
    /// read model to say: this only says who he would be.
    ///
    /// # Errors
    /// [`AuthError::MemberNotFound`] when he is none, also because `school` is not his;
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
        let member = match self.known.get(&id, now) {
            Some(known) => known,
            None => {
                let found = self.find(school, &credential.subject).await?;
                let until = now.plus_seconds(MEMBER_SECONDS);
                self.known.insert(id, found, now, until);
                found
            }
        };
        member.ok_or(AuthError::MemberNotFound)
    }

    /// The member of `school` that the caller is, if he is one: who decides for others may be one.
    ///
    /// # Errors
    /// [`AuthError::Database`].
    pub async fn member_if_any(
        &self,
        credential: &Credential,
        school: SchoolId,
        now: Timestamp,
    ) -> Result<Option<MemberId>, AuthError> {
        // Who may enter all schools is another member in each: what is known of him is of none.
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
