//! What a decision needs besides the state, and the answers.
//!
//! The state keeps what is open. Some decisions also need closed holds, closed requests, recorded
//! usage or the directory. [`Action::needs`](crate::Action::needs) lists what an action needs; the
//! writer looks it up under the stream's lock and passes it to [`decide`](crate::decide) as a
//! [`Context`].

use std::collections::BTreeMap;

use crate::allocation::{Holder, HolderName};
use crate::ids::{EventId, ExternalId, Key, MemberId, Owner, RequestId};
use crate::refusal::Refusal;
use crate::request::ClosedRequest;
use crate::usage::{Hold, PriorUsage};

/// What the decision of an action needs besides the state. Empty for a debit by member id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs<'a> {
    /// The hold of this id, in case it is closed.
    pub hold: Option<&'a Key>,
    /// The outcome of this request, in case it is closed.
    pub request: Option<RequestId>,
    /// The usage recorded by this event, with its corrections.
    pub usage: Option<EventId>,
    /// The owners of these external ids.
    pub external_ids: Vec<&'a ExternalId>,
    /// Whether the member that the actor is matters.
    pub actor_member: bool,
}

impl<'a> Needs<'a> {
    /// What is needed to resolve the owners.
    pub(crate) fn owners(owners: impl IntoIterator<Item = &'a Owner>) -> Self {
        Self {
            external_ids: owners.into_iter().filter_map(Owner::external_id).collect(),
            ..Self::default()
        }
    }
}

/// The answers to an action's [`Needs`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The hold as it was placed, if the state no longer has it.
    pub closed_hold: Option<Hold>,
    /// The outcome of the request, if it is closed.
    pub closed_request: Option<ClosedRequest>,
    /// The recorded usage; `None` if no event of the id records usage.
    pub prior_usage: Option<PriorUsage>,
    /// The owners of external ids; ids without an owner are absent.
    pub owners: BTreeMap<ExternalId, MemberId>,
    /// The member that the actor is, as authenticated; `None` if the actor is no member.
    pub actor_member: Option<MemberId>,
}

impl Context {
    /// The member that `owner` names. A member id is not checked for existence.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] if the external id has no owner.
    pub fn member_id(&self, owner: &Owner) -> Result<MemberId, Refusal> {
        match owner {
            Owner::Member(member_id) => Ok(*member_id),
            Owner::External(external_id) => self
                .owners
                .get(external_id)
                .copied()
                .ok_or(Refusal::MemberNotFound { member_id: None }),
        }
    }

    /// The holder that `name` names. An id is not checked for existence.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`] if the external id has no owner.
    pub fn holder(&self, name: &HolderName) -> Result<Holder, Refusal> {
        match name {
            HolderName::Owner(owner) => self.member_id(owner).map(Holder::Member),
            HolderName::Department(department_id) => Ok(Holder::Department(*department_id)),
        }
    }
}
