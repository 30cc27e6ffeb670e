//! Bringing again what the stream's consumers gave up: a walk through the whole table, which finds what was written in
//! certain spans of time.
//!
//! A dead letter names no record, only when records were written. So a walk covers a letter if it began after all of the
//! letter's records were written, and looked for them: what it passes from then on it finds.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::Segment;

/// How far the clock that dates an event may be from the one that dates its record in the stream: what functions take
/// between both, and the skew of two machines.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// How many parts a walk has. Each is two calls at least, and must be over before its function is: of a table of 300 GB
/// a part is 10 GB, and takes ten minutes.
const SEGMENTS: u32 = 32;

/// From one instant to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first instant.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
}

/// Spans that are apart from each other, the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// All of these, those that nearly meet made one.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().collect();
        spans.sort_unstable_by_key(|span| span.from);
        spans.dedup_by(|next, span| {
            let meet = next.from <= span.to + MARGIN + MARGIN;
            if meet {
                span.to = span.to.max(next.to);
            }
            meet
        });
        Self(spans)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of `span` is in one of them.
    pub fn cover(&self, span: Span) -> bool {
        self.0.iter().any(|it| it.from <= span.from && span.to <= it.to)
    }

    /// Whether what was done at `at` by one clock may have been written in one of them by another.
    pub fn reach(&self, at: Timestamp) -> bool {
        self.0.iter().any(|it| it.from - MARGIN <= at && at <= it.to + MARGIN)
    }

    /// From the first instant that they reach to the last; nothing, if there is none.
    pub fn bounds(&self) -> Option<Span> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some(Span { from: first.from - MARGIN, to: last.to + MARGIN })
    }
}

/// A walk through the table, segment by segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// What it looks for.
    pub spans: Spans,
    /// How many segments it has passed.
    passed: u32,
}

impl Walk {
    /// A walk that looks for what was written in `spans`.
    pub fn begun(spans: Spans) -> Self {
        Self { spans, passed: 0 }
    }

    /// The segment before it; none at its end.
    pub fn ahead(&self) -> Option<Segment> {
        (self.passed < SEGMENTS).then_some(Segment { number: self.passed, of: SEGMENTS })
    }

    /// It has passed one more segment.
    pub fn pass(&mut self) {
        self.passed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: at(from), to: at(to) }
    }

    #[test]
    fn spans_that_nearly_meet_are_one() {
        let spans = Spans::of([span(100, 101), span(0, 20), span(111, 112), span(5, 6), span(123, 124)]);
        assert_eq!(spans, Spans(vec![span(0, 20), span(100, 112), span(123, 124)]));
    }

    #[test]
    fn a_span_is_covered_as_a_whole_or_not() {
        let spans = Spans::of([span(0, 20), span(100, 101)]);
        assert!(spans.cover(span(0, 20)) && spans.cover(span(5, 5)));
        for outside in [span(19, 21), span(20, 100), span(50, 50)] {
            assert!(!spans.cover(outside), "{outside:?}");
        }
    }

    #[test]
    fn a_span_reaches_what_a_clock_that_is_five_minutes_off_dated() {
        let spans = Spans::of([span(100, 101)]);
        let reached = [94, 95, 106, 107].map(|minute| spans.reach(at(minute)));
        assert_eq!(reached, [false, true, true, false]);
        assert_eq!((spans.bounds(), Spans::default().bounds()), (Some(span(95, 106)), None));
    }

    #[test]
    fn a_walk_passes_each_segment_once() {
        let mut walk = Walk::begun(Spans::default());
        let numbers = std::iter::from_fn(|| {
            let segment = walk.ahead()?;
            walk.pass();
            Some(segment.number)
        });
        assert_eq!(numbers.collect::<Vec<_>>(), (0..SEGMENTS).collect::<Vec<_>>());
    }
}
