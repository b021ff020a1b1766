//! Usage recorded after the fact: reported, attributed, corrected (SPEC §4).

mod attributions;
mod corrections;
mod reports;

use crate::support;
use crate::support::commands::{
    Ask as _, SOURCE, debit, debited, enrol, give, hold, reason, refund, refund_all, release,
    remove, report, reported, settle, subject, suspend,
};
use crate::support::events::{balance, own_account, pool_account};
use crate::support::{
    ADA, BEN, CLAUDE, NOBODY, School, at, attribute, external_id, key, start, units,
};
use ledger_core::allocation::AllocationEvent;
use ledger_core::catalog::Event;
use ledger_core::usage::{
    Attribution, CallFacts, Counted, Debit, FUTURE_LIMIT_SECONDS, PriorUsage, Report,
    UnattributedReason, UsageAttributed, UsageCorrected, UsageEvent, UsageParked, UsageReported,
};
use ledger_core::{
    Actor, Catalogue, Command, Context, EventId, MemberId, OrgType, Refusal, Tier, Timestamp,
    Units, decide,
};

/// A school of 100 Claude messages, of which Ada and Ben hold 20 each.
fn two_of_20() -> School {
    School::k12()
        .with_member(ADA)
        .allocated(20)
        .with_member(BEN)
        .allocated(20)
}

fn usage_reported(id: &str, member_id: MemberId, n: i64, used: i64) -> UsageReported {
    UsageReported {
        id: attribute(id),
        source: attribute(SOURCE),
        account: own_account(member_id),
        units: units(n),
        overage: false,
        balance: balance(20, used, 0),
        period_start: None,
        call: CallFacts::default(),
    }
}

fn recorded(event: UsageReported) -> Event {
    Event::Usage(UsageEvent::Reported(event))
}

fn parked(id: &str) -> UsageParked {
    UsageParked {
        id: attribute(id),
        source: attribute(SOURCE),
        reason: UnattributedReason::UnknownMember,
        member_id: None,
        subject: Some(subject().commitment()),
        service: attribute(CLAUDE),
        units: Some(units(3)),
        metered: false,
        call: CallFacts::default(),
    }
}

fn kept(event: UsageParked) -> Event {
    Event::Usage(UsageEvent::Parked(Box::new(event)))
}

fn account(member_id: MemberId, used: i64) -> Attribution {
    Attribution {
        account: own_account(member_id),
        balance: balance(20, used, 0),
        period_start: None,
    }
}

fn attributed(
    usage_id: EventId,
    n: i64,
    from: Option<Attribution>,
    to: Attribution,
) -> UsageAttributed {
    UsageAttributed {
        usage_id,
        usage_at: start(),
        units: units(n),
        refunded: Units::ZERO,
        overage: false,
        from,
        to,
        reason: reason().commitment(),
        call: CallFacts::default(),
    }
}

fn given(event: UsageAttributed) -> Event {
    Event::Usage(UsageEvent::Attributed(Box::new(event)))
}

/// So many of `of` units are refunded, after which `refunded` are in all.
fn corrected(
    usage_id: EventId,
    n: i64,
    of: i64,
    refunded: i64,
    account: Attribution,
) -> UsageCorrected {
    UsageCorrected {
        usage_id,
        usage_at: start(),
        units: units(n),
        usage_units: units(of),
        refunded: units(refunded),
        attribution: account,
        reason: reason().commitment(),
        call: CallFacts::default(),
    }
}

fn refunded(event: UsageCorrected) -> Event {
    Event::Usage(UsageEvent::Corrected(Box::new(event)))
}

fn october() -> Timestamp {
    at("2026-10-31T23:59:59Z")
}
