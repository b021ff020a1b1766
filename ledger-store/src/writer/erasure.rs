//! Deletes personal data beside the log: external ids of a removed member, everything of an erased
//! person.

use ledger_core::catalog::Kind;
use ledger_core::school::SchoolCommand;
use ledger_core::{Action, ActorId, MemberId, OrgType, SchoolId, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::envelope::Envelope;
use crate::database::execute_in_tx;
use crate::error::StoreError;

/// The deletion of personal data of one member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Erasure {
    school_id: SchoolId,
    member_id: MemberId,
    scope: Scope,
}

#[derive(Clone, Copy, Debug)]
enum Scope {
    /// The member was removed: the external ids become free.
    ExternalIds,
    /// The person is erased.
    Everything {
        at: Timestamp,
        /// Whether the school's name is the name of the person.
        is_the_school: bool,
    },
}

impl Erasure {
    /// Returns the deletion that a command causes in a school of this type.
    pub(super) fn of_command(
        school_id: SchoolId,
        envelope: &Envelope,
        org_type: Option<OrgType>,
    ) -> Option<Self> {
        let (member_id, scope) = match &envelope.command.action {
            Action::School(SchoolCommand::RemoveMember { member_id }) => {
                (*member_id, Scope::ExternalIds)
            }
            Action::School(SchoolCommand::EraseMember { member_id, .. }) => {
                let at = envelope.command.now;
                let is_the_school = org_type == Some(OrgType::Individual);
                (*member_id, Scope::Everything { at, is_the_school })
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
            scope,
        })
    }

    /// Executes the deletion in the transaction of its events.
    pub(super) async fn write_in_tx(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let freed = self.free_external_ids_in_tx(tx).await?;
        match self.scope {
            Scope::ExternalIds if freed.is_empty() => Ok(()),
            Scope::ExternalIds => self.store_actor_ids_in_tx(tx, &freed).await,
            Scope::Everything { at, is_the_school } => {
                let mut authors = self.load_actor_ids_in_tx(tx).await?;
                authors.extend(freed);
                self.erase_entry_in_tx(tx, at, &authors).await?;
                authors.push(self.member_id.0);
                self.erase_texts_in_tx(tx, &authors).await?;
                if is_the_school {
                    self.erase_school_name_in_tx(tx).await?;
                }
                Ok(())
            }
        }
    }

    /// Deletes the external ids; returns the actor ids that they stood for.
    async fn free_external_ids_in_tx(self, tx: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
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

    /// Stores actor ids of freed external ids, for an erasure to find the texts written under them.
    async fn store_actor_ids_in_tx(
        self,
        tx: &mut PgConnection,
        actor_ids: &[Uuid],
    ) -> Result<(), StoreError> {
        let statement = sqlx::query!(
            "INSERT INTO member_directory AS entry (school_id, member_id, actor_ids)
             VALUES ($1, $2, $3)
             ON CONFLICT (school_id, member_id)
             DO UPDATE SET actor_ids = entry.actor_ids || excluded.actor_ids",
            self.school_id.0,
            self.member_id.0,
            actor_ids,
        );
        execute_in_tx(tx, statement, "storing the actor ids of a member").await
    }

    async fn load_actor_ids_in_tx(self, tx: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
        let actor_ids = sqlx::query_scalar!(
            "SELECT actor_ids FROM member_directory WHERE school_id = $1 AND member_id = $2",
            self.school_id.0,
            self.member_id.0,
        )
        .fetch_optional(tx)
        .await
        .map_err(StoreError::at("reading the actor ids of a member"))?;
        Ok(actor_ids.unwrap_or_default())
    }

    /// Erases the directory entry. The actor ids, which the log contains, stay: a repeated erasure
    /// needs them to find later texts.
    async fn erase_entry_in_tx(
        self,
        tx: &mut PgConnection,
        at: Timestamp,
        actor_ids: &[Uuid],
    ) -> Result<(), StoreError> {
        let statement = sqlx::query!(
            "INSERT INTO member_directory (school_id, member_id, actor_ids, erased_at)
             VALUES ($1, $2, $4, $3)
             ON CONFLICT (school_id, member_id)
             DO UPDATE SET display_name = NULL, email = NULL, actor_ids = excluded.actor_ids,
                           erased_at = excluded.erased_at",
            self.school_id.0,
            self.member_id.0,
            at.get(),
            actor_ids,
        );
        execute_in_tx(tx, statement, "erasing a member's directory entry").await
    }

    /// Deletes the texts about the person and by the person, and the subjects of reports that were
    /// attributed to the person (few; found by the index `event_by_usage`).
    async fn erase_texts_in_tx(
        self,
        tx: &mut PgConnection,
        authors: &[Uuid],
    ) -> Result<(), StoreError> {
        let statement = sqlx::query!(
            "DELETE FROM free_text
              WHERE school_id = $1
                AND (member_id = $2 OR author_id = ANY ($3) OR commitment IN (
                    SELECT decode(parked.payload ->> 'subject', 'hex')
                      FROM event AS attribution
                      JOIN event AS parked
                        ON parked.school_id = $1 AND parked.event_id = attribution.usage_id
                     WHERE attribution.school_id = $1 AND attribution.usage_id IS NOT NULL
                       AND attribution.member_id = $2 AND attribution.kind = $4))",
            self.school_id.0,
            self.member_id.0,
            authors,
            Kind::UsageAttributed.as_str(),
        );
        execute_in_tx(tx, statement, "erasing texts").await
    }

    async fn erase_school_name_in_tx(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let statement = sqlx::query!(
            "DELETE FROM school_directory WHERE school_id = $1",
            self.school_id.0,
        );
        execute_in_tx(tx, statement, "erasing an individual's name").await
    }
}
