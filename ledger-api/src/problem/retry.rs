//! Headers that tell the caller when to retry: of every 429 and 503.

use axum::http::{HeaderName, header};
use chrono::Utc;
use ledger_core::{Shortfall, Units};

use super::document::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

impl Problem {
    /// Adds the seconds after which a retry makes sense, at least one.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.max(1))
    }

    /// Adds `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) and
    /// `Retry-After` of an account, whose usage starts from zero in the next period.
    #[must_use]
    pub(super) fn rate_limited(self, shortfall: &Shortfall) -> Self {
        let seconds = (shortfall.resets_at.get() - Utc::now()).num_seconds();
        let seconds = u64::try_from(seconds).unwrap_or(0).max(1);
        let service = shortfall.service.as_str();
        let available = shortfall.available.finite().map_or(i64::MAX, Units::get);
        let quota = shortfall.limit.finite().map_or(i64::MAX, Units::get);
        self.retry_after(seconds)
            .with_header(RATE_LIMIT_POLICY, format!("\"{service}\";q={quota}"))
            .with_header(
                RATE_LIMIT,
                format!("\"{service}\";r={available};t={seconds}"),
            )
    }
}
