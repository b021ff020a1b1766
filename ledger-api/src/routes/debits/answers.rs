//! Answers to debits: one, or a batch.

use ledger_core::usage::UsageEvent;
use ledger_core::{Event, Seq as CoreSeq};
use ledger_store::writer::{Answer, Receipt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{Problem, ProblemDocument};
use crate::values::{Account, Seq, Units, WriteAnswer};

/// The answer to a debit.
pub type DebitAnswer = WriteAnswer<Debited>;

/// Spent units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DebitAnswer, example = json!({
    "seq": 42, "event_id": "5f0e24a1-c3d7-5b35-9b35-8d1f6a520c7e", "replayed": false, "units": 1,
    "balance": {
        "service": "claude_messages", "allocated": 50, "used": 7, "held": 0, "available": 43,
        "resets_at": "2026-12-01T00:00:00Z"
    }
}))]
pub struct Debited {
    /// The number of units spent.
    units: Units,
    /// The account after the debit.
    balance: Account,
}

impl Debited {
    fn new(receipt: &Receipt) -> Result<Self, Problem> {
        let first = receipt.events.first().map(|recorded| &recorded.event);
        let Some(Event::Usage(UsageEvent::Debited(debited))) = first else {
            return Err(Problem::unlike("a debit", receipt));
        };
        Ok(Self {
            units: debited.units.into(),
            balance: Account::after(&debited.account.service, &debited.balance, &receipt.period),
        })
    }
}

pub(super) fn debited(receipt: &Receipt) -> Result<DebitAnswer, Problem> {
    Ok(WriteAnswer::new(receipt, Debited::new(receipt)?))
}

/// The results that an answer lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Those of debits that were not newly accepted.
    #[default]
    NotAccepted,
    /// All.
    All,
}

/// The answer to a batch of debits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// The number of newly accepted debits.
    accepted: usize,
    /// The number of debits that had been accepted before.
    replayed: usize,
    /// The number of refused or unreadable items.
    refused: usize,
    /// The last position that a debit was decided at; 0 if no item was readable.
    pub(super) last_seq: Seq,
    /// The items that were not newly accepted, or all on request, in the order of the batch.
    results: Vec<ItemResult>,
}

/// The result of an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ItemResult {
    /// It is done.
    Done(ItemDone),
    /// It is refused.
    Refused(ItemRefused),
}

/// A spent item of a batch.
pub type ItemDone = WriteAnswer<ItemDebited, Uuid, ItemStatus>;

/// The position of an item, and the status that it would be answered with alone.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ItemStatus {
    /// The position in the batch, from 0.
    index: usize,
    /// 201, or 200 if the debit had been accepted before.
    #[schema(minimum = 200, maximum = 201)]
    status: u16,
}

/// The spent units of an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ItemDone)]
pub struct ItemDebited {
    /// The number of units spent.
    units: Units,
    /// The account after the debit.
    balance: Account,
}

/// A refused item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemRefused {
    /// The position in the batch, from 0.
    index: usize,
    /// The status that the debit would be answered with alone.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The reason.
    #[schema(value_type = ProblemDocument)]
    problem: Value,
}

impl BatchAnswer {
    /// `answers` has, in order, those of the items that are not among the unreadable.
    pub(super) fn new(
        answers: Vec<Answer>,
        unreadable: Vec<(usize, Problem)>,
        shown: Shown,
    ) -> Self {
        let mut batch = Self {
            accepted: 0,
            replayed: 0,
            refused: 0,
            last_seq: CoreSeq::ZERO.into(),
            results: Vec::new(),
        };
        let mut unreadable = unreadable.into_iter().peekable();
        let mut answers = answers.into_iter();
        for index in 0.. {
            if let Some((_, problem)) = unreadable.next_if(|(at, _)| *at == index) {
                batch.refuse(index, &problem);
            } else if let Some(answer) = answers.next() {
                batch.add(index, answer, shown);
            } else {
                break;
            }
        }
        batch
    }

    fn add(&mut self, index: usize, answer: Answer, shown: Shown) {
        let seq = match &answer {
            Ok(receipt) => receipt.seq,
            Err(refused) => refused.seq,
        };
        self.last_seq = self.last_seq.max(seq.into());
        let debited = answer.map_err(Problem::from).and_then(|receipt| {
            let debited = Debited::new(&receipt)?;
            Ok((receipt, debited))
        });
        match debited {
            Ok((receipt, debited)) => self.accept(index, &receipt, debited, shown),
            Err(problem) => self.refuse(index, &problem),
        }
    }

    fn accept(&mut self, index: usize, receipt: &Receipt, debited: Debited, shown: Shown) {
        let (count, status) = if receipt.replayed {
            (&mut self.replayed, 200)
        } else {
            (&mut self.accepted, 201)
        };
        *count += 1;
        if receipt.replayed || shown == Shown::All {
            let Debited { units, balance } = debited;
            let item = ItemStatus { index, status };
            let done = WriteAnswer::about(item, receipt, ItemDebited { units, balance });
            self.results.push(ItemResult::Done(done));
        }
    }

    fn refuse(&mut self, index: usize, problem: &Problem) {
        self.refused += 1;
        self.results.push(ItemResult::Refused(ItemRefused {
            index,
            status: problem.code.status().as_u16(),
            problem: problem.to_json(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::Refusal;
    use ledger_store::writer::{Refused, RefusedBy};

    #[test]
    fn results_have_the_order_of_the_batch() {
        let refused = Refused {
            seq: CoreSeq(7),
            member_id: None,
            reason: RefusedBy::Rule(Box::new(Refusal::MemberNotFound { member_id: None })),
        };
        let unreadable = vec![(0, Problem::invalid("x")), (2, Problem::invalid("y"))];
        let batch = BatchAnswer::new(vec![Err(refused)], unreadable, Shown::NotAccepted);
        assert_eq!((batch.accepted, batch.replayed, batch.refused), (0, 0, 3));
        assert_eq!(batch.last_seq.0, CoreSeq(7));
        let results = serde_json::to_value(&batch.results).unwrap();
        let statuses: Vec<_> = results
            .as_array()
            .unwrap()
            .iter()
            .map(|r| &r["status"])
            .collect();
        assert_eq!(statuses, [400, 404, 400]);
    }
}
