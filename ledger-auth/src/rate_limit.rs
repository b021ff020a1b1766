//! How many requests a credential may send. Never to be taken for quota, which is the business.
//!
//! One bucket per credential (GCRA, by the governor crate), in memory and per process: with N
//! processes behind a balancer a caller may get N times as much. Who stands behind a credential
//! was proved before, so that nobody can fill the memory with names that he made up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};
use ledger_core::Role;

use crate::credential::{Credential, CredentialId};
use crate::error::AuthError;
use crate::settings::{RateLimit, RateLimits};

/// After so many requests, buckets that are full again are dropped: between two sweeps at most so
/// many can be made, and what is left is what was used within the time that a bucket takes to fill.
const SWEEP_REQUESTS: u32 = 10_000;

/// Counts requests by credential. Cheap to clone. `C` is the clock, which tests bring themselves.
#[derive(Clone)]
pub struct RateLimiter<C: Clock = DefaultClock> {
    people: Option<Arc<Buckets<C>>>,
    proxies: Option<Arc<Buckets<C>>>,
}

struct Buckets<C: Clock> {
    governor: Keyed<C>,
    clock: C,
    until_sweep: AtomicU32,
}

type Keyed<C> = Governor<
    CredentialId,
    DefaultKeyedStateStore<CredentialId>,
    C,
    NoOpMiddleware<<C as Clock>::Instant>,
>;

impl RateLimiter {
    /// Limits by the wall clock.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self::with_clock(limits, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimiter<C> {
    /// Limits by `clock`.
    #[must_use]
    pub fn with_clock(limits: RateLimits, clock: &C) -> Self {
        let buckets = |limit| Arc::new(Buckets::new(limit, clock.clone()));
        Self {
            people: limits.people().map(buckets),
            proxies: limits.proxies().map(buckets),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`AuthError::RateLimited`] when it is one too many; it does not count then.
    pub fn check(&self, credential: &Credential) -> Result<(), AuthError> {
        let buckets = match credential.role {
            Role::Proxy => &self.proxies,
            Role::Teacher
            | Role::Principal
            | Role::PrincipalAdmin
            | Role::Auditor
            | Role::PlatformAdmin
            | Role::System => &self.people,
        };
        match buckets {
            Some(buckets) => buckets.check(credential.id),
            None => Ok(()),
        }
    }
}

impl<C: Clock> fmt::Debug for RateLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").finish_non_exhaustive()
    }
}

impl<C: Clock + Clone> Buckets<C> {
    fn new(limit: RateLimit, clock: C) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            governor: Governor::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            clock,
            until_sweep: AtomicU32::new(SWEEP_REQUESTS),
        }
    }

    fn check(&self, id: CredentialId) -> Result<(), AuthError> {
        if self.until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.governor.retain_recent();
            self.governor.shrink_to_fit();
            self.until_sweep.store(SWEEP_REQUESTS, Ordering::Relaxed);
        }
        self.governor.check_key(&id).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            let whole = u64::from(wait.subsec_nanos() > 0) + wait.as_secs();
            AuthError::RateLimited {
                retry_after_seconds: whole.max(1),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::fixtures::SCHOOL;

    fn caller(role: Role, subject: &str) -> Credential {
        Credential::from_claims(role, Some(SCHOOL), subject).unwrap()
    }

    fn limiter(
        (people_per_second, people_burst): (u32, u32),
        clock: &FakeRelativeClock,
    ) -> RateLimiter<FakeRelativeClock> {
        let limits = RateLimits {
            people_per_second,
            people_burst,
            ..RateLimits::NONE
        };
        RateLimiter::with_clock(limits, clock)
    }

    #[test]
    fn a_burst_is_let_in_and_then_one_at_a_time() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter((1, 3), &clock);
        let teacher = caller(Role::Teacher, "a");
        for _ in 0..3 {
            assert!(limiter.check(&teacher).is_ok());
        }
        for _ in 0..3 {
            let refused = limiter.check(&teacher);
            let Err(AuthError::RateLimited {
                retry_after_seconds,
            }) = refused
            else {
                panic!("{refused:?}");
            };
            assert_eq!(retry_after_seconds, 1, "refusals do not count");
        }
        clock.advance(Duration::from_secs(1));
        assert!(limiter.check(&teacher).is_ok());
        assert!(limiter.check(&teacher).is_err());
    }

    #[test]
    fn one_callers_limit_is_not_anothers() {
        let limiter = limiter((1, 1), &FakeRelativeClock::default());
        assert!(limiter.check(&caller(Role::Teacher, "a")).is_ok());
        assert!(limiter.check(&caller(Role::Teacher, "a")).is_err());
        assert!(limiter.check(&caller(Role::Teacher, "b")).is_ok());
    }

    #[test]
    fn proxies_have_no_limit_by_default_and_people_have() {
        let limiter = RateLimiter::with_clock(RateLimits::default(), &FakeRelativeClock::default());
        let proxy = caller(Role::Proxy, "a");
        let person = caller(Role::Principal, "a");
        assert!((0..10_000).all(|_| limiter.check(&proxy).is_ok()));
        assert_eq!(
            (0..10_000)
                .filter(|_| limiter.check(&person).is_ok())
                .count(),
            500
        );
    }

    #[test]
    fn buckets_that_are_full_again_are_dropped() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter((1, 1), &clock);
        let buckets = Arc::clone(limiter.people.as_ref().unwrap());
        for subject in 0..SWEEP_REQUESTS {
            let _ = limiter.check(&caller(Role::Teacher, &subject.to_string()));
        }
        clock.advance(Duration::from_secs(60));
        for _ in 0..SWEEP_REQUESTS {
            let _ = limiter.check(&caller(Role::Teacher, "a"));
        }
        assert!(buckets.governor.len() <= 2, "{}", buckets.governor.len());
    }
}
