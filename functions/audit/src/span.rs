//! The days that a request means: 31 at most, of UTC.

use serde::Deserialize;
use shared::audit;
use shared::chain::{ChainDay, SHARD};
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
}

impl Span {
    /// The days, the first one first.
    pub(crate) fn check(&self, now: Timestamp) -> Result<Vec<ChainDay>, Problem> {
        let mut fields = Fields::default();
        let start = fields.take_optional("start_date", self.start_date.as_deref(), audit::parse_start);
        let end = fields.take_optional("end_date", self.end_date.as_deref(), audit::parse_end);
        let (start, end) = fields.all(start.zip(end))?;
        let last = ChainDay::at(end.unwrap_or(now)).day;
        let first = start.map(|start| ChainDay::at(start).day);
        let back = last.series(jiff::Span::new().days(-1));
        // One more than is allowed tells whether there are too many.
        let days: Vec<_> = match first {
            None => back.take(MOST_DAYS).collect(),
            Some(first) => back.take(MOST_DAYS + 1).take_while(|day| *day >= first).collect(),
        };
        if days.is_empty() || days.len() > MOST_DAYS {
            let mut fields = Fields::default();
            fields.note("start_date", "must be in the 31 days that end with end_date");
            return Err(fields.into_problem());
        }
        Ok(days.into_iter().rev().map(|day| ChainDay { day, shard: SHARD }).collect())
    }
}
