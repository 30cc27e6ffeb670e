//! The days that a request means, 31 at most, of UTC; and how many of their records it takes at once.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shared::audit;
use shared::chain::ChainId;
use shared::clock::Timestamp;
use shared::http::{Fields, Problem};
use utoipa::IntoParams;

/// How many days a request may span.
const MOST_DAYS: usize = 31;

/// Which days, both with all their hours.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The first day (UTC), or an instant of it; 30 days before the last, if missing.
    #[param(example = "2024-01-01")]
    start_date: Option<String>,
    /// The last day (UTC), or an instant of it; today, if missing. 31 days can be asked for at once.
    #[param(example = "2024-01-31")]
    end_date: Option<String>,
    /// How many records to take at once, if fewer than there may be.
    #[param(value_type = Option<u32>, minimum = 1)]
    limit: Option<String>,
    /// The `X-Next-Cursor` of the answer before.
    #[expect(dead_code, reason = "read by `Page`; here to be described")]
    cursor: Option<String>,
}

/// Days, understood.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Days {
    pub(crate) first: Date,
    pub(crate) last: Date,
}

impl Days {
    /// Their first chain and their last.
    pub(crate) fn chains(self) -> (ChainId, ChainId) {
        (ChainId::first_of(self.first), ChainId::last_of(self.last))
    }
}

impl Span {
    /// The days, and how many records to take at once, `most` at most.
    pub(crate) fn check(&self, now: Timestamp, most: usize) -> Result<(Days, usize), Problem> {
        let mut fields = Fields::default();
        let start = fields.take_optional("start_date", self.start_date.as_deref(), audit::parse_start);
        let end = fields.take_optional("end_date", self.end_date.as_deref(), audit::parse_end);
        let limit = fields.take_optional("limit", self.limit.as_deref(), |text| {
            let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
            limit.ok_or_else(|| format!("must be a whole number from 1 to {most}"))
        });
        let ((start, end), limit) = fields.all(start.zip(end).zip(limit))?;
        let last = ChainId::at(end.unwrap_or(now)).day;
        let earliest = last.series(jiff::Span::new().days(-1)).take(MOST_DAYS).last().unwrap_or(last);
        let first = start.map_or(earliest, |start| ChainId::at(start).day);
        if !(earliest..=last).contains(&first) {
            let mut fields = Fields::default();
            fields.note("start_date", "must be in the 31 days that end with end_date");
            return Err(fields.into_problem());
        }
        Ok((Days { first, last }, limit.unwrap_or(most)))
    }

    /// What was asked for, as the name of a list: it is the same after midnight.
    pub(crate) fn asked(&self) -> String {
        format!("{:?} {:?}", self.start_date, self.end_date)
    }
}
