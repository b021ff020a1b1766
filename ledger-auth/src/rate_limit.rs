//! Rate limits of requests per credential. Unrelated to quota.
//!
//! One bucket per credential (GCRA, crate `governor`), in memory and per process: with N processes
//! behind a load balancer a caller gets up to N times the limit. Callers are authenticated first,
//! so that invented names cannot fill the memory.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};
use ledger_core::Role;

use crate::credential::{Credential, CredentialId};
use crate::error::AuthError;
use crate::settings::RateLimits;

/// Requests between two sweeps, which drop full buckets. At most this many are created between
/// sweeps; a sweep leaves those that were used within the time in which a bucket refills.
const SWEEP_REQUESTS: u32 = 10_000;

/// Limits requests by credential. Cheap to clone. `C` is the clock.
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
    /// A limiter on the system's clock.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self::with_clock(limits, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimiter<C> {
    fn with_clock(limits: RateLimits, clock: &C) -> Self {
        Self {
            people: Buckets::new(limits.people_per_second, limits.people_burst, clock),
            proxies: Buckets::new(limits.proxies_per_second, limits.proxies_burst, clock),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`AuthError::RateLimited`] for a request above the limit, which is not counted.
    pub fn check(&self, credential: &Credential) -> Result<(), AuthError> {
        let buckets = match credential.actor.role {
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

impl<C: Clock + Clone> Buckets<C> {
    fn new(per_second: u32, burst: u32, clock: &C) -> Option<Arc<Self>> {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(burst);
        Some(Arc::new(Self {
            governor: Governor::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            clock: clock.clone(),
            until_sweep: AtomicU32::new(SWEEP_REQUESTS),
        }))
    }

    fn check(&self, id: CredentialId) -> Result<(), AuthError> {
        if self.until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.governor.retain_recent();
            self.governor.shrink_to_fit();
            self.until_sweep.store(SWEEP_REQUESTS, Ordering::Relaxed);
        }
        self.governor.check_key(&id).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            let rounded_up = u64::from(wait.subsec_nanos() > 0) + wait.as_secs();
            AuthError::RateLimited {
                retry_after_seconds: rounded_up.max(1),
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

    /// A limiter of one request per second for people.
    fn limiter(burst: u32, clock: &FakeRelativeClock) -> RateLimiter<FakeRelativeClock> {
        let limits = RateLimits {
            people_per_second: 1,
            people_burst: burst,
            ..RateLimits::NONE
        };
        RateLimiter::with_clock(limits, clock)
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_sustained_rate() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(3, &clock);
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
            assert_eq!(retry_after_seconds, 1, "rejected requests are not counted");
        }
        clock.advance(Duration::from_secs(1));
        assert!(limiter.check(&teacher).is_ok());
        assert!(limiter.check(&teacher).is_err());
    }

    #[test]
    fn each_caller_has_their_own_limit() {
        let limiter = limiter(1, &FakeRelativeClock::default());
        assert!(limiter.check(&caller(Role::Teacher, "a")).is_ok());
        assert!(limiter.check(&caller(Role::Teacher, "a")).is_err());
        assert!(limiter.check(&caller(Role::Teacher, "b")).is_ok());
    }

    #[test]
    fn by_default_people_are_limited_and_proxies_are_not() {
        let limiter = RateLimiter::with_clock(RateLimits::default(), &FakeRelativeClock::default());
        let proxy = caller(Role::Proxy, "a");
        let person = caller(Role::Principal, "a");
        assert!((0..10_000).all(|_| limiter.check(&proxy).is_ok()));
        let allowed = (0..10_000).filter(|_| limiter.check(&person).is_ok());
        assert_eq!(allowed.count(), 500);
    }

    #[test]
    fn full_buckets_are_dropped() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(1, &clock);
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
