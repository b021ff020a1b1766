//! What a shard keeps between batches: its states, its connection, and the catalogue.

use std::sync::Arc;

use ledger_core::Catalogue;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::sync::watch;

use super::state_cache::StateCache;
use crate::database::{Database, DatabaseRole};
use crate::error::StoreError;

/// The means of a shard to write batches.
#[derive(Debug)]
pub(super) struct Session {
    pub database: Database,
    catalogue: watch::Receiver<Arc<Catalogue>>,
    pub cache: StateCache,
    /// Kept between batches: a pool would test it twice per batch.
    pub connection: Option<PoolConnection<Postgres>>,
}

impl Session {
    /// A session without a connection, whose states may take `state_cache_bytes`.
    pub fn new(
        database: Database,
        catalogue: watch::Receiver<Arc<Catalogue>>,
        state_cache_bytes: usize,
    ) -> Self {
        Self {
            database,
            catalogue,
            cache: StateCache::new(state_cache_bytes),
            connection: None,
        }
    }

    /// Returns the current catalogue.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.borrow())
    }

    /// Takes the shard's connection, or opens one. The caller returns it after a success.
    pub async fn connect(&mut self) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self
                .database
                .pool(DatabaseRole::Writer)
                .acquire()
                .await
                .map_err(StoreError::at("connecting to write a batch")),
        }
    }
}
