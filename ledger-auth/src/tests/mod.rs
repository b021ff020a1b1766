//! The parts together, and on a real Postgres.

mod api_keys;
