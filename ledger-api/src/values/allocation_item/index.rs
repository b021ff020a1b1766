//! The way back from an event to the item that caused it.

use std::collections::{BTreeMap, VecDeque};

use ledger_core::allocation::Holder;
use ledger_core::{Catalogue, MemberId, ServiceId};

use super::{AllocationItem, Operation};

/// The positions of items by what they change. A holder and service occur once in a batch, except
/// in transfers, which are done in their order.
#[derive(Debug, Default)]
pub struct ItemIndex {
    changes: BTreeMap<(Holder, ServiceId), usize>,
    transfers: VecDeque<usize>,
}

impl ItemIndex {
    /// `row_members` has, by position, the members whom external ids name. An item of an unknown
    /// service is left out: the command refuses it.
    #[must_use]
    pub fn new<'a>(
        items: impl Iterator<Item = &'a AllocationItem>,
        row_members: &[Option<MemberId>],
        catalogue: &Catalogue,
    ) -> Self {
        let mut index = Self::default();
        for (position, item) in items.enumerate() {
            if item.op == Operation::Transfer {
                index.transfers.push_back(position);
                continue;
            }
            let by_external_id = || Some((*row_members.get(position)?)?.into());
            let holder = item.holder().ok();
            let holder = holder.and_then(|holder| holder.by_id().or_else(by_external_id));
            if let Some((holder, service)) = holder.zip(catalogue.resolve(&item.service.0)) {
                index.changes.insert((holder, service.clone()), position);
            }
        }
        index
    }

    /// The item that changed this allocation.
    #[must_use]
    pub fn change(&self, holder: Holder, service: &ServiceId) -> Option<usize> {
        self.changes.get(&(holder, service.clone())).copied()
    }

    /// The item of the next transfer.
    pub fn next_transfer(&mut self) -> Option<usize> {
        self.transfers.pop_front()
    }
}
