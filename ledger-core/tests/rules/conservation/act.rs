//! Acts of a random life, and the commands that they become. An act refers to holds, requests and
//! usage by index; the index is resolved when the act is played.

use ledger_core::request::{FileRequest, RequestCommand, Urgency};
use ledger_core::usage::{AttributeUsage, CorrectUsage, Debit, PlaceHold, Report, SettleHold};
use ledger_core::{Action, CommandKey, EventId, MemberId, RequestId, Units};
use proptest::sample::Index;
use uuid::Uuid;

use crate::support::commands::{
    Ask, debit, give, hold, refund_all, release, report, reported, settle,
};
use crate::support::requests::{approve, approve_part, ask, file, reject, withdraw};
use crate::support::{attribute, key, start, units};

#[derive(Clone, Debug)]
pub enum Act {
    /// An action that refers to nothing before it.
    Ask(Box<Action>),
    Debit {
        who: MemberId,
        what: &'static str,
        n: Option<Units>,
        tokens: i64,
    },
    Hold {
        who: MemberId,
        what: &'static str,
        n: Units,
        seconds: i64,
    },
    Settle {
        which: Index,
        n: Option<Units>,
    },
    Release {
        which: Index,
    },
    Report {
        who: MemberId,
        what: &'static str,
        n: Option<Units>,
        days_ago: i64,
    },
    Attribute {
        which: Index,
        who: MemberId,
        what: Option<&'static str>,
    },
    Refund {
        which: Index,
        n: Option<Units>,
    },
    File {
        who: MemberId,
        asked: Vec<(&'static str, i64)>,
    },
    Decide {
        which: Index,
        decision: Decision,
    },
}

impl Act {
    pub fn ask(action: impl Ask) -> Self {
        Self::Ask(Box::new(action.action()))
    }
}

/// The decision on a request.
#[derive(Clone, Debug)]
pub enum Decision {
    Approve,
    ApprovePart(Vec<(&'static str, i64)>),
    Reject,
    Withdraw,
}

/// The holds, requests and usage that acts refer to.
#[derive(Default)]
pub struct Proxy {
    calls: usize,
    requests: Vec<RequestId>,
    holds: Vec<String>,
    closed: Vec<String>,
    /// The ids of usage, recorded or not.
    usages: Vec<EventId>,
}

impl Proxy {
    /// The command of an act; `None` if it refers to nothing. A closed hold is not closed again:
    /// the store replays that.
    pub fn command(&mut self, act: Act) -> Option<Action> {
        Some(match act {
            Act::Ask(action) => *action,
            Act::Debit {
                who,
                what,
                n,
                tokens,
            } => self.debit(who, what, n, tokens).action(),
            Act::Hold {
                who,
                what,
                n,
                seconds,
            } => self.hold(who, what, n, seconds).action(),
            Act::Settle { which, n } => SettleHold {
                units: n,
                ..settle(self.open(which)?, 0)
            }
            .action(),
            Act::Release { which } => release(self.open(which)?).action(),
            Act::Report {
                who,
                what,
                n,
                days_ago,
            } => self.report(who, what, n, days_ago).action(),
            Act::Attribute { which, who, what } => AttributeUsage {
                service: what.map(str::to_owned),
                ..give(self.usage(which)?, who)
            }
            .action(),
            Act::Refund { which, n } => CorrectUsage {
                units: n,
                ..refund_all(self.usage(which)?)
            }
            .action(),
            Act::File { who, asked } => self.file(who, &asked).action(),
            Act::Decide { which, decision } => {
                let request_id = self.request(which)?;
                match decision {
                    Decision::Approve => approve(request_id),
                    Decision::ApprovePart(part) => approve_part(request_id, &part),
                    Decision::Reject => reject(request_id),
                    Decision::Withdraw => withdraw(request_id),
                }
                .action()
            }
        })
    }

    /// Notes that a hold is closed.
    pub fn note_closed(&mut self, hold_id: &str) {
        self.closed.push(hold_id.to_owned());
    }

    fn debit(&mut self, who: MemberId, what: &str, n: Option<Units>, tokens: i64) -> Debit {
        let id = key(&self.new_call("debit"));
        self.usages
            .push(CommandKey::Debit(id.clone()).first_event_id());
        let mut debit = Debit {
            id,
            units: n,
            service: what.to_owned(),
            ..debit(who, 0)
        };
        debit.call.input_tokens = Some(units(tokens));
        debit
    }

    fn hold(&mut self, who: MemberId, what: &str, n: Units, ttl_seconds: i64) -> PlaceHold {
        let id = self.new_call("hold");
        self.holds.push(id.clone());
        self.usages
            .push(CommandKey::HoldClosing(key(&id)).first_event_id());
        PlaceHold {
            units: n,
            ttl_seconds,
            service: what.to_owned(),
            ..hold(&id, who, 0)
        }
    }

    fn report(&mut self, who: MemberId, what: &str, n: Option<Units>, days_ago: i64) -> Report {
        let id = self.new_call("report");
        self.usages.push(reported(&id));
        Report {
            units: n,
            service: attribute(what),
            occurred_at: (days_ago > 0).then(|| start().plus_seconds(-days_ago * 86_400)),
            ..report(&id, who, 0)
        }
    }

    fn file(&mut self, who: MemberId, asked: &[(&str, i64)]) -> RequestCommand {
        let request_id = RequestId(Uuid::from_u128(self.requests.len() as u128));
        self.requests.push(request_id);
        file(FileRequest {
            request_id,
            urgency: Urgency::High,
            ..ask(who, asked)
        })
    }

    fn new_call(&mut self, kind: &str) -> String {
        self.calls += 1;
        format!("{kind} {}", self.calls)
    }

    fn request(&self, which: Index) -> Option<RequestId> {
        (!self.requests.is_empty()).then(|| *which.get(&self.requests))
    }

    fn usage(&self, which: Index) -> Option<EventId> {
        (!self.usages.is_empty()).then(|| *which.get(&self.usages))
    }

    fn open(&self, which: Index) -> Option<&str> {
        let holds: Vec<_> = self
            .holds
            .iter()
            .filter(|id| !self.closed.contains(id))
            .collect();
        (!holds.is_empty()).then(|| which.get(&holds).as_str())
    }
}
