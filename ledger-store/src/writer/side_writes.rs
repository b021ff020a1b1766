//! Personal data beside the log, written in the transaction of its events.

use ledger_core::allocation::AllocationCommand;
use ledger_core::department::DepartmentCommand;
use ledger_core::school::{EnrolMember, SchoolCommand};
use ledger_core::usage::UsageCommand;
use ledger_core::{Action, DepartmentId, FreeText, MemberId, SchoolId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::envelope::{DirectoryEntry, Envelope, SideWrites};
use super::erasure::Erasure;
use crate::database::execute_in_tx;
use crate::error::StoreError;
use crate::row::NewEvent;

/// The side writes and erasures of a batch, in order. An erasure ends a part: it affects the side
/// writes before it, not those after it.
#[derive(Default)]
pub(super) struct SideWriteBatch {
    done: Vec<Part>,
    last: Part,
}

/// Side writes, followed by at most one erasure.
#[derive(Default)]
struct Part {
    texts: Texts,
    schools: Vec<(SchoolId, String)>,
    departments: Vec<(SchoolId, DepartmentId, String)>,
    members: Vec<(SchoolId, EnrolMember, DirectoryEntry)>,
    erasure: Option<Erasure>,
}

/// The columns of free texts, the parameters of `unnest`.
#[derive(Default)]
struct Texts {
    school_id: Vec<Uuid>,
    commitment: Vec<Vec<u8>>,
    salt: Vec<Vec<u8>>,
    body: Vec<String>,
    member_id: Vec<Option<Uuid>>,
    author_id: Vec<Uuid>,
}

impl SideWriteBatch {
    /// Adds the side writes of a command that appended events.
    pub(super) fn add(&mut self, school_id: SchoolId, envelope: &Envelope, events: &[NewEvent]) {
        self.last.add(school_id, envelope, events);
    }

    /// Adds an erasure.
    pub(super) fn add_erasure(&mut self, erasure: Erasure) {
        self.last.erasure = Some(erasure);
        self.done.push(std::mem::take(&mut self.last));
    }

    /// Executes them in the transaction of the events.
    pub(super) async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        for part in self.done.iter().chain([&self.last]) {
            part.write_in_tx(tx).await?;
        }
        Ok(())
    }
}

impl Part {
    fn add(&mut self, school_id: SchoolId, envelope: &Envelope, events: &[NewEvent]) {
        let action = &envelope.command.action;
        if let Some((text, about)) = text(action, events) {
            self.texts.school_id.push(school_id.0);
            self.texts.commitment.push(text.commitment().0.to_vec());
            self.texts.salt.push(text.salt().to_vec());
            self.texts.body.push(text.text().to_owned());
            self.texts.member_id.push(about.map(|member| member.0));
            self.texts.author_id.push(envelope.command.actor.id.0);
        }
        match (&envelope.side_writes, action) {
            (SideWrites::SchoolName(name), _) => self.schools.push((school_id, name.clone())),
            (SideWrites::Member(entry), Action::School(SchoolCommand::EnrolMember(enrol))) => {
                self.members.push((school_id, enrol.clone(), entry.clone()));
            }
            (
                SideWrites::Department { name },
                Action::Department(DepartmentCommand::Open { department_id }),
            ) => {
                self.departments
                    .push((school_id, *department_id, name.clone()));
            }
            (SideWrites::Nothing | SideWrites::Member(_) | SideWrites::Department { .. }, _) => {}
        }
    }

    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        if !self.texts.school_id.is_empty() {
            write_texts_in_tx(tx, &self.texts).await?;
        }
        for (school_id, name) in &self.schools {
            write_school_in_tx(tx, *school_id, name).await?;
        }
        for (school_id, department_id, name) in &self.departments {
            write_department_in_tx(tx, *school_id, *department_id, name).await?;
        }
        for (school_id, enrol, entry) in &self.members {
            write_member_in_tx(tx, *school_id, enrol, entry).await?;
        }
        match self.erasure {
            Some(erasure) => erasure.write_in_tx(tx).await,
            None => Ok(()),
        }
    }
}

/// Returns the free text of a command, and the member that it is about if that is one member.
fn text<'a>(action: &'a Action, events: &[NewEvent]) -> Option<(&'a FreeText, Option<MemberId>)> {
    match action {
        Action::School(command) => match command {
            // About no member: otherwise the erasure would delete it.
            SchoolCommand::EraseMember { reason, .. } => {
                reason.as_ref().map(|reason| (reason, None))
            }
            SchoolCommand::Register(_)
            | SchoolCommand::SetSubscription(_)
            | SchoolCommand::ChangeSettings(_)
            | SchoolCommand::EnrolMember(_)
            | SchoolCommand::SetRole { .. }
            | SchoolCommand::RemoveMember { .. }
            | SchoolCommand::CatchUp => None,
        },
        Action::Department(_) => None,
        Action::Allocation(command) => match command {
            AllocationCommand::Apply { rows, reason, .. }
            | AllocationCommand::Import { rows, reason } => match rows.as_slice() {
                [_] => Some((reason, about(events))),
                _ => Some((reason, None)),
            },
            AllocationCommand::Suspend { member_id, reason }
            | AllocationCommand::Reactivate { member_id, reason } => {
                Some((reason, Some(*member_id)))
            }
        },
        // About the requesting member, who may read it; the event contains the member.
        Action::Request(command) => command.text().map(|text| (text, about(events))),
        Action::Usage(UsageCommand::Release(release)) => {
            release.reason.as_ref().map(|reason| (reason, None))
        }
        // Only the subject of an unattributed report, whose event contains the commitment.
        Action::Usage(UsageCommand::Report(report)) => {
            let subject = report.subject.as_ref()?;
            let mut events = events.iter().map(|new| &new.recorded.event);
            events
                .any(|event| event.subject() == Some(subject.commitment()))
                .then_some((subject, None))
        }
        Action::Usage(UsageCommand::Attribute(attribute)) => {
            Some((&attribute.reason, Some(attribute.member_id)))
        }
        Action::Usage(UsageCommand::Correct(correct)) => Some((&correct.reason, about(events))),
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::Settle(_)
            | UsageCommand::NoteRefused(_),
        ) => None,
    }
}

/// Returns the member that the first event is about.
fn about(events: &[NewEvent]) -> Option<MemberId> {
    events
        .first()
        .and_then(|new| new.recorded.event.member_id())
}

async fn write_texts_in_tx(tx: &mut PgConnection, texts: &Texts) -> Result<(), StoreError> {
    let insert = sqlx::query!(
        "INSERT INTO free_text (school_id, commitment, salt, body, member_id, author_id)
         SELECT * FROM unnest(
             $1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::uuid[], $6::uuid[]
         )
         ON CONFLICT (school_id, commitment) DO NOTHING",
        &texts.school_id,
        &texts.commitment,
        &texts.salt,
        &texts.body,
        &texts.member_id as &[Option<Uuid>],
        &texts.author_id,
    );
    execute_in_tx(tx, insert, "writing a free text").await
}

async fn write_school_in_tx(
    tx: &mut PgConnection,
    school_id: SchoolId,
    name: &str,
) -> Result<(), StoreError> {
    let insert = sqlx::query!(
        "INSERT INTO school_directory (school_id, name) VALUES ($1, $2)
         ON CONFLICT (school_id) DO UPDATE SET name = excluded.name",
        school_id.0,
        name,
    );
    execute_in_tx(tx, insert, "writing the name of a school").await
}

async fn write_department_in_tx(
    tx: &mut PgConnection,
    school_id: SchoolId,
    department_id: DepartmentId,
    name: &str,
) -> Result<(), StoreError> {
    let insert = sqlx::query!(
        "INSERT INTO department_directory (school_id, department_id, name) VALUES ($1, $2, $3)
         ON CONFLICT (school_id, department_id) DO UPDATE SET name = excluded.name",
        school_id.0,
        department_id.0,
        name,
    );
    execute_in_tx(tx, insert, "writing the name of a department").await
}

async fn write_member_in_tx(
    tx: &mut PgConnection,
    school_id: SchoolId,
    enrol: &EnrolMember,
    entry: &DirectoryEntry,
) -> Result<(), StoreError> {
    let upsert = sqlx::query!(
        "INSERT INTO member_directory (school_id, member_id, display_name, email)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (school_id, member_id)
         DO UPDATE SET display_name = excluded.display_name, email = excluded.email,
                       erased_at = NULL",
        school_id.0,
        enrol.member_id.0,
        entry.display_name,
        entry.email,
    );
    execute_in_tx(tx, upsert, "writing the directory entry of a member").await?;
    let external_ids: Vec<String> = enrol
        .external_ids
        .iter()
        .map(|id| id.as_str().to_owned())
        .collect();
    let insert = sqlx::query!(
        "INSERT INTO member_external_id (school_id, external_id, member_id)
         SELECT $1, external_id, $2 FROM unnest($3::text[]) AS new (external_id)
         ON CONFLICT (school_id, external_id) DO NOTHING",
        school_id.0,
        enrol.member_id.0,
        &external_ids,
    );
    execute_in_tx(tx, insert, "writing the external ids of a member").await
}
