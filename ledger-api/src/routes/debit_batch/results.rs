//! What became of a batch.

use ledger_core::{EventId, Seq, Units};
use ledger_store::writer::Answer;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Shown;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::problem::ProblemDocument;
use crate::routes::debits::DebitAnswer;
use crate::values::Account;

/// What became of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// How many were newly accepted.
    accepted: usize,
    /// How many were done before.
    replayed: usize,
    /// How many were refused or could not be read.
    refused: usize,
    /// The last position that any of them was decided at; 0 when none could be read.
    #[schema(value_type = schema::Seq)]
    pub(super) last_seq: Seq,
    /// What was not newly accepted, or everything when asked for, in the order of the batch.
    results: Vec<ItemResult>,
}

/// What became of one debit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ItemResult {
    /// It is done.
    Done(ItemDone),
    /// It is not.
    Refused(ItemRefused),
}

/// A debit that is done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemDone {
    /// Where in the batch, from 0.
    index: usize,
    /// 201, or 200 when it was done before.
    #[schema(minimum = 200, maximum = 201)]
    status: u16,
    /// The position of the debit in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The debit's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// How many units were spent.
    #[schema(value_type = schema::Units)]
    units: Units,
    /// The account as the debit left it.
    balance: Account,
}

/// A debit that was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemRefused {
    /// Where in the batch, from 0.
    index: usize,
    /// The status that the problem alone would be answered with.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Why.
    #[schema(value_type = ProblemDocument)]
    problem: Value,
}

impl BatchAnswer {
    /// The answers stand in the order of the items that are not among the unread.
    pub(super) fn of(answers: Vec<Answer>, unread: Vec<(usize, Problem)>, shown: Shown) -> Self {
        let mut batch = Self {
            accepted: 0,
            replayed: 0,
            refused: 0,
            last_seq: Seq::ZERO,
            results: Vec::new(),
        };
        let mut unread = unread.into_iter().peekable();
        let mut answers = answers.into_iter();
        for index in 0.. {
            if let Some((_, problem)) = unread.next_if(|(at, _)| *at == index) {
                batch.refuse(index, &problem);
            } else if let Some(answer) = answers.next() {
                batch.take(index, answer, shown);
            } else {
                break;
            }
        }
        batch
    }

    fn take(&mut self, index: usize, answer: Answer, shown: Shown) {
        let seq = match &answer {
            Ok(receipt) => receipt.seq,
            Err(refused) => refused.seq,
        };
        self.last_seq = self.last_seq.max(seq);
        let debit = answer
            .map_err(Problem::from)
            .and_then(|receipt| DebitAnswer::of(&receipt));
        match debit {
            Ok(debit) => self.accept(index, debit, shown),
            Err(problem) => self.refuse(index, &problem),
        }
    }

    fn accept(&mut self, index: usize, debit: DebitAnswer, shown: Shown) {
        let DebitAnswer {
            seq,
            event_id,
            replayed,
            units,
            balance,
        } = debit;
        *(if replayed {
            &mut self.replayed
        } else {
            &mut self.accepted
        }) += 1;
        if replayed || shown == Shown::All {
            let status = if replayed { 200 } else { 201 };
            let done = ItemDone {
                index,
                status,
                seq,
                event_id,
                replayed,
                units,
                balance,
            };
            self.results.push(ItemResult::Done(done));
        }
    }

    fn refuse(&mut self, index: usize, problem: &Problem) {
        self.refused += 1;
        let status = problem.code.status().as_u16();
        let refused = ItemRefused {
            index,
            status,
            problem: problem.to_json(),
        };
        self.results.push(ItemResult::Refused(refused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::Refusal;
    use ledger_store::writer::{Refused, RefusedBy};

    #[test]
    fn results_stand_in_the_order_of_the_batch() {
        let refused = Refused {
            seq: Seq(7),
            member_id: None,
            reason: RefusedBy::Rule(Box::new(Refusal::MemberNotFound { member_id: None })),
        };
        let unread = vec![(0, Problem::invalid("x")), (2, Problem::invalid("y"))];
        let batch = BatchAnswer::of(vec![Err(refused)], unread, Shown::NotAccepted);
        assert_eq!((batch.accepted, batch.replayed, batch.refused), (0, 0, 3));
        assert_eq!(batch.last_seq, Seq(7));
        let told = serde_json::to_value(&batch.results).unwrap();
        let statuses: Vec<_> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|r| &r["status"])
            .collect();
        assert_eq!(statuses, [400, 404, 400]);
    }
}
