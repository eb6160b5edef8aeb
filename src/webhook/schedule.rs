//! When a delivery is tried.

use std::time::Duration;

/// The time before each attempt, counted from the end of the one before: the schedule that Standard Webhooks gives
/// («Deliverability and reliability»). The last is three days and four hours after the first.
const DELAYS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// By which part of itself a time grows at most, so that what failed together does not come again together.
const SPREAD: f64 = 0.1;

/// How long to wait before the next attempt when so many were made; nothing when that were all.
///
/// `jitter` is a random number from 0 to 1; what is beyond counts as the nearest, and what is no number as 0.
#[must_use]
pub fn delay(attempts: u32, jitter: f64) -> Option<Duration> {
    let base = DELAYS.get(usize::try_from(attempts).ok()?)?;
    let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
    Some(base.mul_f64(1.0 + SPREAD * jitter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_attempts_in_the_time_that_the_specification_tells() {
        let seconds: Vec<u64> = (0..).map_while(|made| delay(made, 0.0)).map(|delay| delay.as_secs()).collect();
        assert_eq!(seconds, [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(seconds.iter().sum::<u64>(), (75 * 60 + 35) * 60 + 5, "75:35:05");
        assert_eq!(delay(u32::MAX, 0.0), None);
    }

    #[test]
    fn jitter_makes_longer_by_a_tenth_at_most() {
        assert_eq!(delay(2, 1.0), Some(Duration::from_secs(330)));
        assert_eq!(delay(2, 0.5), Some(Duration::from_secs(315)));
        assert_eq!(delay(0, 1.0), Some(Duration::ZERO));
        for (jitter, same) in [(f64::NAN, 0.0), (f64::INFINITY, 1.0), (f64::NEG_INFINITY, 0.0), (7.0, 1.0)] {
            assert_eq!(delay(9, jitter), delay(9, same), "{jitter}");
        }
    }

    proptest! {
        #[test]
        fn any_jitter_keeps_the_order(made in 0_u32..9, one in any::<f64>(), other in any::<f64>()) {
            prop_assert!(delay(made, one) < delay(made + 1, other));
        }
    }
}
