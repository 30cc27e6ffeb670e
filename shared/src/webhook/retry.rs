//! When a delivery is tried again: the schedule that Standard Webhooks recommends, ten attempts over three days.
//!
//! Only a 2xx is a success. A redirect is a failure like others: following it would lead where nobody vetted.

use jiff::SignedDuration;
use jiff::fmt::rfc2822;

use super::delivery::{Failure, Outcome};
use crate::clock::Timestamp;
use crate::random;

/// The wait after each attempt that failed; after the last one there is none.
const WAITS: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];
/// The longest wait that an endpoint can ask for.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(24);
/// Over how long a time what waited for an endpoint comes back to it, so that it does not come all at once.
const RETURN: SignedDuration = SignedDuration::from_mins(1);

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status, or why there is none.
    pub outcome: Outcome,
    /// How long the endpoint wants to be left alone (`Retry-After`), where it said so.
    pub retry_after: Option<SignedDuration>,
}

impl Reply {
    /// How long the endpoint wants to be left alone, as far as it is heard: by who is busy (429, 503), and for a day.
    pub fn rest(self) -> Option<SignedDuration> {
        let is_busy = matches!(self.outcome, Outcome::Status(429 | 503));
        self.retry_after.filter(|_| is_busy).map(|asked| asked.min(LONGEST_ASKED))
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self { outcome: Outcome::Error(failure), retry_after: None }
    }
}

/// By how much a wait is drawn out, so that what failed together does not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Jitter(u8);

impl Jitter {
    /// A new one that nobody can guess.
    pub fn random() -> Self {
        let [byte] = random::bytes();
        Self(byte)
    }

    /// Up to a fifth longer, and never shorter.
    fn draw_out(self, wait: SignedDuration) -> SignedDuration {
        wait + self.share_of(wait / 5)
    }

    /// A time in the minute after `end`.
    pub fn soon_after(self, end: Timestamp) -> Timestamp {
        end + self.share_of(RETURN)
    }

    /// Nothing of `time`, all of it or something in between, in whole milliseconds, as all times are kept.
    fn share_of(self, time: SignedDuration) -> SignedDuration {
        SignedDuration::from_millis_i128(time.as_millis() * i128::from(self.0) / 255)
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was taken.
    Delivered,
    /// Another attempt, not before this time.
    Again(Timestamp),
    /// Nothing: it was tried often enough.
    GivenUp,
    /// Nothing, neither for this delivery nor for others: the endpoint wants no more.
    Gone,
}

/// What follows `reply`, which came at `now` to the last of so many attempts.
pub fn after(reply: Reply, attempts: usize, now: Timestamp, jitter: Jitter) -> Next {
    match reply.outcome {
        Outcome::Status(200..=299) => return Next::Delivered,
        Outcome::Status(410) => return Next::Gone,
        _ => {}
    }
    let Some(wait) = WAITS.get(attempts.saturating_sub(1)) else { return Next::GivenUp };
    let scheduled = now + jitter.draw_out(*wait);
    // Whoever asked to be left alone gets this delivery with all others that waited for that time to be over.
    let asked = reply.rest().map(|asked| jitter.soon_after(now + asked));
    Next::Again(asked.map_or(scheduled, |asked| asked.max(scheduled)))
}

/// How long after `now` a `Retry-After` (RFC 9110, 10.2.3) wants us back; `None` if it says neither seconds nor a
/// date.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    if !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit()) {
        // What is too long for a number is too long to wait for, and is cut where it is used.
        return Some(SignedDuration::from_secs(value.parse().unwrap_or(i64::MAX)));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: Jitter = Jitter(0);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(status: u16) -> Reply {
        Reply { outcome: Outcome::Status(status), retry_after: None }
    }

    fn asking(status: u16, seconds: i64) -> Reply {
        let retry_after = Some(SignedDuration::from_secs(seconds));
        Reply { outcome: Outcome::Status(status), retry_after }
    }

    #[test]
    fn the_schedule_is_that_of_the_standard() {
        let minute = 60;
        let hour = 60 * minute;
        let waits =
            [5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour];
        for (attempts, wait) in (1..).zip(waits) {
            assert_eq!(after(status(500), attempts, at(1), STEADY), Next::Again(at(1 + wait)));
        }
        assert_eq!(after(status(500), 10, at(1), STEADY), Next::GivenUp);
        assert_eq!(after(status(500), 11, at(1), STEADY), Next::GivenUp);
    }

    #[test]
    fn only_a_2xx_is_a_success() {
        for taken in [200, 202, 204, 299] {
            assert_eq!(after(status(taken), 1, at(0), STEADY), Next::Delivered);
        }
        for refused in [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 408, 500, 502, 504] {
            assert_eq!(after(status(refused), 1, at(0), STEADY), Next::Again(at(5)), "{refused}");
        }
        for failure in [Failure::Forbidden, Failure::NotResolved, Failure::Insecure, Failure::TimedOut] {
            assert_eq!(after(failure.into(), 1, at(0), STEADY), Next::Again(at(5)), "{failure}");
        }
    }

    #[test]
    fn who_is_gone_is_disabled_at_once() {
        assert_eq!(after(status(410), 1, at(0), STEADY), Next::Gone);
    }

    #[test]
    fn who_is_busy_may_ask_for_a_longer_wait_but_for_no_shorter_one() {
        for busy in [429, 503] {
            assert_eq!(after(asking(busy, 120), 1, at(0), STEADY), Next::Again(at(120)));
            assert_eq!(after(asking(busy, 1), 2, at(0), STEADY), Next::Again(at(300)));
            assert_eq!(after(asking(busy, i64::MAX), 1, at(0), STEADY), Next::Again(at(86_400)));
        }
        assert_eq!(after(asking(500, 120), 1, at(0), STEADY), Next::Again(at(5)));
        assert_eq!(after(asking(503, 1), 10, at(0), STEADY), Next::GivenUp);
    }

    #[test]
    fn jitter_draws_a_wait_out_by_at_most_a_fifth() {
        let wait = |jitter| after(status(500), 2, at(0), Jitter(jitter));
        assert_eq!(wait(0), Next::Again(at(300)));
        assert_eq!(wait(255), Next::Again(at(360)));
        assert!(matches!(wait(100), Next::Again(time) if at(300) < time && time < at(360)));
    }

    #[test]
    fn what_was_refused_for_a_while_comes_within_a_minute_after_it_however_long_that_was() {
        let late = after(asking(503, 86_400), 1, at(0), Jitter(255));
        assert_eq!(late, Next::Again(at(86_460)));
    }

    #[test]
    fn what_waited_for_an_endpoint_comes_back_within_a_minute_and_not_before() {
        assert_eq!([0, 255].map(|byte| Jitter(byte).soon_after(at(10))), [at(10), at(70)]);
    }

    #[test]
    fn every_time_is_kept_in_whole_milliseconds() {
        for byte in 0..=255 {
            let Next::Again(next) = after(status(500), 1, at(0), Jitter(byte)) else { panic!() };
            assert_eq!(next.as_nanosecond() % 1_000_000, 0, "{byte}");
            assert_eq!(Jitter(byte).soon_after(at(0)).as_nanosecond() % 1_000_000, 0, "{byte}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:48:37Z".parse().unwrap();
        let seconds = |value| retry_after(value, now).map(|it| it.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("99999999999999999999"), Some(i64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for nothing in ["", "-1", "soon", "1.5", "+5"] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
    }
}
