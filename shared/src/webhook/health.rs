//! How an endpoint's server takes what it is sent, as the attempts show: which lane its deliveries take, until when it is
//! left alone, and whether it has failed for so long that it is switched off.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::retry::Next;
use crate::clock::Timestamp;

/// How long a server may take nothing before its endpoint is disabled.
const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);
/// What is sent together is refused together: so far apart, answers tell one wish, which is noted once.
const ONE_WISH: SignedDuration = SignedDuration::from_secs(1);

/// How a server takes what it is sent. Of one that was never sent anything, the default is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Since when it has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Whether it last took longer than [`super::PROMPT`] to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub slow: bool,
    /// Until when it wants to be left alone (`Retry-After`), whatever there is to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
}

impl Health {
    /// The lane that deliveries take.
    pub fn lane(self) -> Lane {
        if self.slow || self.failing_since.is_some() { Lane::Slow } else { Lane::Fast }
    }

    /// Until when it is to be left alone, if it is at `now`.
    pub fn rest(self, now: Timestamp) -> Option<Timestamp> {
        self.rests_until.filter(|until| now < *until)
    }

    /// After an attempt that took longer than [`super::PROMPT`] (`slow`), whatever was answered then, or did not.
    #[must_use]
    pub fn waited_for(self, slow: bool) -> Self {
        Self { slow, ..self }
    }

    /// After it asked, at `now`, to be left alone for `wait`, if it did. An earlier wish that goes on for as long stands,
    /// give or take [`ONE_WISH`].
    #[must_use]
    pub fn asked_to_rest(self, wait: Option<SignedDuration>, now: Timestamp) -> Self {
        let stands = |until: &Timestamp| wait.is_none_or(|wait| now + wait <= *until + ONE_WISH);
        Self { rests_until: self.rests_until.filter(stands).or(wait.map(|wait| now + wait)), ..self }
    }

    /// After an attempt at `now` that led to `next`.
    #[must_use]
    pub fn after(self, next: Next, now: Timestamp) -> Self {
        match next {
            Next::Delivered => Self { failing_since: None, rests_until: None, ..self },
            Next::Again(_) | Next::GivenUp | Next::Gone => {
                Self { failing_since: Some(self.failing_since.unwrap_or(now)), ..self }
            }
        }
    }

    /// Whether it has taken nothing for five days, as is known at `now`: also where there was nothing to tell for some
    /// of the time.
    pub fn has_failed_for_long(self, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_success_ends_a_time_of_failures() {
        let failing = Health::default().after(Next::Again(at(5)), at(1)).after(Next::GivenUp, at(2));
        assert_eq!(failing.failing_since, Some(at(1)));
        assert_eq!(failing.after(Next::Delivered, at(3)).failing_since, None);
    }

    #[test]
    fn five_days_without_a_success_are_too_long() {
        let five_days = 5 * 86_400;
        let failing = Health::default().after(Next::Again(at(5)), at(0)).after(Next::GivenUp, at(1_000));
        assert!(
            !failing.has_failed_for_long(at(five_days - 1)) && failing.has_failed_for_long(at(five_days))
        );
        assert!(!Health::default().has_failed_for_long(at(five_days)));
    }

    #[test]
    fn who_asks_for_it_is_left_alone_until_their_time_is_over_or_they_answer_well() {
        let minutes = |minutes| Some(SignedDuration::from_mins(minutes));
        let resting = Health::default().asked_to_rest(minutes(2), at(0)).after(Next::Again(at(5)), at(0));
        assert_eq!([resting.rest(at(119)), resting.rest(at(120))], [Some(at(120)), None]);
        for shorter in [None, minutes(1)] {
            assert_eq!(resting.asked_to_rest(shorter, at(1)).rest(at(1)), Some(at(120)));
        }
        assert_eq!(resting.asked_to_rest(minutes(2), at(1)).rest(at(1)), Some(at(120)), "it is one wish");
        assert_eq!(resting.asked_to_rest(minutes(2), at(2)).rest(at(2)), Some(at(122)));
        assert_eq!(resting.after(Next::Delivered, at(1)).rest(at(1)), None);
    }

    #[test]
    fn who_fails_or_is_slow_has_the_slow_lane_until_they_answer_well_again() {
        let failing = Health::default().after(Next::Again(at(5)), at(1));
        let slow = Health::default().waited_for(true).after(Next::Delivered, at(3));
        assert_eq!(Health::default().lane(), Lane::Fast);
        for slow in [failing, slow] {
            assert_eq!(slow.lane(), Lane::Slow);
            assert_eq!(slow.waited_for(false).after(Next::Delivered, at(4)).lane(), Lane::Fast);
        }
    }
}
