//! API keys on a real Postgres.

mod api_keys;
