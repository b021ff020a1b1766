//! What goes from beside the log: a leaver's external ids, and all that is kept of a person.

use ledger_core::catalog::Kind;
use ledger_core::school::SchoolCommand;
use ledger_core::{Action, ActorId, MemberId, OrgType, SchoolId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::envelope::Envelope;
use crate::error::StoreError;

/// Somebody of whom something goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    school_id: SchoolId,
    member_id: MemberId,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// He left: his external ids are free again.
    ExternalIds,
    /// He is erased.
    Everything {
        at: Timestamp,
        /// Whether the school's name is his own.
        is_the_school: bool,
    },
}

impl Gone {
    /// Of whom a command takes something away, in a school of this type.
    pub(super) fn by(
        school_id: SchoolId,
        envelope: &Envelope,
        org_type: Option<OrgType>,
    ) -> Option<Self> {
        let (member_id, what) = match &envelope.command.action {
            Action::School(SchoolCommand::RemoveMember { member_id }) => {
                (*member_id, What::ExternalIds)
            }
            Action::School(SchoolCommand::EraseMember { member_id, .. }) => {
                let at = envelope.command.now;
                let is_the_school = org_type == Some(OrgType::Individual);
                (*member_id, What::Everything { at, is_the_school })
            }
            Action::School(
                SchoolCommand::Register(_)
                | SchoolCommand::SetSubscription(_)
                | SchoolCommand::ChangeSettings(_)
                | SchoolCommand::EnrolMember(_)
                | SchoolCommand::SetRole { .. }
                | SchoolCommand::CatchUp,
            )
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_)
            | Action::Usage(_) => return None,
        };
        Some(Self {
            school_id,
            member_id,
            what,
        })
    }

    /// Takes it away, in the transaction of the events that it belongs to.
    pub(super) async fn write_in_tx(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let freed = self.free_external_ids(tx).await?;
        match self.what {
            What::ExternalIds if freed.is_empty() => Ok(()),
            What::ExternalIds => self.keep_actor_ids(tx, &freed).await,
            What::Everything { at, is_the_school } => {
                let mut authors = self.kept_actor_ids(tx).await?;
                authors.extend(freed);
                self.erase_entry(tx, at, &authors).await?;
                authors.push(self.member_id.0);
                self.erase_texts(tx, &authors).await?;
                if is_the_school {
                    self.erase_school_name(tx).await?;
                }
                Ok(())
            }
        }
    }

    /// External ids are free for another; who the member was under them as an actor.
    async fn free_external_ids(self, tx: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
        let freed = sqlx::query_scalar!(
            "DELETE FROM member_external_id WHERE school_id = $1 AND member_id = $2
             RETURNING external_id",
            self.school_id.0,
            self.member_id.0,
        )
        .fetch_all(tx)
        .await
        .map_err(StoreError::at("freeing a member's external ids"))?;
        Ok(freed.iter().map(|id| ActorId::of_subject(id).0).collect())
    }

    /// So that what he wrote under ids that are free now is found when he is erased.
    async fn keep_actor_ids(
        self,
        tx: &mut PgConnection,
        actor_ids: &[Uuid],
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO member_directory AS kept (school_id, member_id, actor_ids)
             VALUES ($1, $2, $3)
             ON CONFLICT (school_id, member_id)
             DO UPDATE SET actor_ids = kept.actor_ids || excluded.actor_ids",
            self.school_id.0,
            self.member_id.0,
            actor_ids,
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(StoreError::at("keeping who a member was"))
    }

    async fn kept_actor_ids(self, tx: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
        let kept = sqlx::query_scalar!(
            "SELECT actor_ids FROM member_directory WHERE school_id = $1 AND member_id = $2",
            self.school_id.0,
            self.member_id.0,
        )
        .fetch_optional(tx)
        .await
        .map_err(StoreError::at("looking up who a member was"))?;
        Ok(kept.unwrap_or_default())
    }

    /// Who he was as an author stays, as it stands in the log: whoever erases him again finds what
    /// he wrote since.
    async fn erase_entry(
        self,
        tx: &mut PgConnection,
        at: Timestamp,
        actor_ids: &[Uuid],
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO member_directory (school_id, member_id, actor_ids, erased_at)
             VALUES ($1, $2, $4, $3)
             ON CONFLICT (school_id, member_id)
             DO UPDATE SET display_name = NULL, email = NULL, actor_ids = excluded.actor_ids,
                           erased_at = excluded.erased_at",
            self.school_id.0,
            self.member_id.0,
            at.get(),
            actor_ids,
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(StoreError::at("erasing a member's directory entry"))
    }

    /// What is about him, what he wrote, and the subjects under which usage was reported that is
    /// his by now: few, and found by the index of what was said of usage afterwards.
    async fn erase_texts(self, tx: &mut PgConnection, authors: &[Uuid]) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM free_text
              WHERE school_id = $1
                AND (member_id = $2 OR author_id = ANY ($3) OR commitment IN (
                    SELECT decode(parked.payload ->> 'subject', 'hex')
                      FROM event AS given
                      JOIN event AS parked
                        ON parked.school_id = $1 AND parked.event_id = given.usage_id
                     WHERE given.school_id = $1 AND given.usage_id IS NOT NULL
                       AND given.member_id = $2 AND given.kind = $4))",
            self.school_id.0,
            self.member_id.0,
            authors,
            Kind::UsageAttributed.as_str(),
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(StoreError::at("erasing texts"))
    }

    async fn erase_school_name(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM school_directory WHERE school_id = $1",
            self.school_id.0,
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(StoreError::at("erasing an individual's name"))
    }
}
