//! Holds that have run out by an instant: the log may not say so yet, and they are free all the
//! same. A read of the API counts them so too.

use std::collections::BTreeMap;

use ledger_core::allocation::Line;
use ledger_core::{Level, MemberId, SchoolState, ServiceId, Timestamp, Units};

/// The units of holds that have run out, by the account that they were placed on.
#[derive(Debug, Default)]
pub struct Expired {
    own: BTreeMap<(MemberId, ServiceId), Units>,
    direct: BTreeMap<ServiceId, Units>,
}

impl Expired {
    /// What has run out by `now`.
    pub fn at(state: &SchoolState, now: Timestamp) -> Self {
        let mut expired = Self::default();
        for (_, hold) in state
            .holds()
            .iter()
            .filter(|(_, hold)| hold.expires_at <= now)
        {
            let units = match hold.level {
                Level::Member => expired
                    .own
                    .entry((hold.member_id, hold.service.clone()))
                    .or_default(),
                Level::Pool => expired.direct.entry(hold.service.clone()).or_default(),
            };
            *units = units.saturating_add(hold.units);
        }
        expired
    }

    /// What has run out of a service over all accounts.
    pub fn of_all(&self, service: &ServiceId) -> Units {
        self.own
            .iter()
            .filter(|((_, of), _)| of == service)
            .map(|(_, units)| *units)
            .chain(self.direct.get(service).copied())
            .fold(Units::ZERO, Units::saturating_add)
    }

    /// A member's own line without what has run out.
    pub fn own(&self, line: Line, member_id: MemberId, service: &ServiceId) -> Line {
        freed(line, self.own.get(&(member_id, service.clone())))
    }

    /// What members draw straight on, without what has run out.
    pub fn direct(&self, line: Line, service: &ServiceId) -> Line {
        freed(line, self.direct.get(service))
    }
}

fn freed(line: Line, units: Option<&Units>) -> Line {
    let units = units.copied().unwrap_or_default();
    Line {
        held: line.held.saturating_sub(units),
        ..line
    }
}
