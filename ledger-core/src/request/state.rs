//! The pending requests. Closed ones are only in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{RequestEvent, UnitsByService};
use crate::expiring::{Expires, Expiring};
use crate::ids::{MemberId, RequestId, Seq};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;

/// A pending request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// The requesting member.
    pub member_id: MemberId,
    /// The units of each service.
    pub units: UnitsByService,
    /// The expiry.
    pub expires_at: Timestamp,
    /// The event that last changed it.
    pub version: Seq,
}

impl Expires for PendingRequest {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The pending requests of a school, by id and expiry, and by member and service. A member has at
/// most one per service, which bounds their number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<RequestId, PendingRequest>",
    into = "BTreeMap<RequestId, PendingRequest>"
)]
pub struct Requests {
    by_id: Expiring<RequestId, PendingRequest>,
    by_line: BTreeMap<(MemberId, ServiceId), RequestId>,
}

impl Requests {
    /// The pending request of this id.
    #[must_use]
    pub fn get(&self, request_id: RequestId) -> Option<&PendingRequest> {
        self.by_id.get(&request_id)
    }

    /// The member's pending request for `service`.
    #[must_use]
    pub fn of_line(&self, member_id: MemberId, service: &ServiceId) -> Option<RequestId> {
        self.by_line.get(&(member_id, service.clone())).copied()
    }

    /// The member's pending requests, ordered by id.
    pub fn of_member(&self, member_id: MemberId) -> impl Iterator<Item = RequestId> {
        let requests = self.by_id.iter();
        requests
            .filter(move |(_, request)| request.member_id == member_id)
            .map(|(request_id, _)| *request_id)
    }

    /// Every pending request.
    #[must_use]
    pub const fn by_id(&self) -> &Expiring<RequestId, PendingRequest> {
        &self.by_id
    }

    pub(crate) fn weight(&self) -> usize {
        const REQUEST: usize =
            size_of::<(RequestId, PendingRequest)>() + size_of::<(Timestamp, RequestId)>() + 96;
        // The request and the index of lines have the service.
        const LINE: usize = 2 * size_of::<(MemberId, ServiceId)>() + 32;
        self.by_id.len() * REQUEST + self.by_line.len() * LINE
    }

    fn insert(&mut self, request_id: RequestId, request: PendingRequest) {
        self.remove(request_id);
        for service in request.units.keys() {
            let line = (request.member_id, service.clone());
            self.by_line.insert(line, request_id);
        }
        self.by_id.insert(request_id, request);
    }

    fn remove(&mut self, request_id: RequestId) {
        if let Some(request) = self.by_id.remove(&request_id) {
            for service in request.units.into_keys() {
                self.by_line.remove(&(request.member_id, service));
            }
        }
    }
}

impl From<BTreeMap<RequestId, PendingRequest>> for Requests {
    fn from(by_id: BTreeMap<RequestId, PendingRequest>) -> Self {
        let mut requests = Self::default();
        for (request_id, request) in by_id {
            requests.insert(request_id, request);
        }
        requests
    }
}

impl From<Requests> for BTreeMap<RequestId, PendingRequest> {
    fn from(requests: Requests) -> Self {
        requests.by_id.into()
    }
}

pub(crate) fn evolve(state: &mut SchoolState, seq: Seq, event: &RequestEvent) {
    match event {
        RequestEvent::Filed(e) => {
            let request = PendingRequest {
                member_id: e.member_id,
                units: e.units.clone(),
                expires_at: e.expires_at,
                version: seq,
            };
            state.requests.insert(e.request_id, request);
        }
        RequestEvent::Approved(_)
        | RequestEvent::Rejected(_)
        | RequestEvent::Withdrawn(_)
        | RequestEvent::Expired(_) => state.requests.remove(event.request_id()),
    }
}
