//! Redelivers the stream records that consumers gave up on, once the cause is fixed, by writing to the items they came
//! from.
//!
//! It has no trigger: whoever fixed the cause invokes it by hand (`sam remote invoke ReplayDeadLettersFunction`), until it
//! answers that nothing is left. A dead letter says only when its records were written. So the events of the outbox from
//! that time, and the bulk operations that are not done, are touched, and every consumer gets them again; what it has
//! processed already it ignores. A letter is deleted when everything that it may be about was touched. A run that is cut
//! off leaves the letter, and the next run continues where it stopped.

mod letter;

use aws_config::SdkConfig;
use futures::future::try_join_all;
use jiff::SignedDuration;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use shared::App;
use shared::fault::Fault;
use shared::queue::{Queue, Taken};
use shared::replay::{Span, Spans, Walk};
use shared::store::Segment;

/// The most letters of a run: a minute's work.
const MOST_LETTERS: usize = 10_000;
/// How long a letter is hidden from other runs, in seconds: as long as one may last, by `template.yaml`.
const HIDDEN_SECONDS: i32 = 900;
/// When a run begins no other segment of the table.
const LONG_ENOUGH: SignedDuration = SignedDuration::from_mins(5);
/// How many items are touched at once.
const AT_ONCE: usize = 25;

/// What is to be brought again.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What was written in this span, besides what the letters tell of: a consumer that was down for longer than the
    /// stream keeps its records leaves no letter.
    span: Option<Span>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Report {
    /// Letters that are done, and gone.
    pub messages: usize,
    /// Events and bulk operations that the stream brings again.
    pub brought_again: usize,
    /// Messages that are no letters, for a person to look at. They stay in the queue.
    pub unreadable: usize,
    /// Whether the function is to be invoked again.
    pub left: bool,
}

/// Replays dead letters. Cheap to clone.
#[derive(Clone)]
pub struct Replayer {
    app: App,
    queue: Queue,
}

/// Letters that were taken out of the queue.
#[derive(Default)]
struct Letters {
    readable: Vec<(Span, Taken)>,
    unreadable: Vec<Taken>,
    /// Whether there may be more in the queue.
    more: bool,
}

impl Replayer {
    /// One that works in the table of `app`.
    ///
    /// # Errors
    /// When the settings name no queue of dead letters.
    pub fn new(app: App, aws: &SdkConfig) -> Result<Self, Fault> {
        let url = app.config.dead_letter_queue_url.as_deref();
        let url =
            url.ok_or_else(|| Fault::broken("finding the dead letters", "DEAD_LETTER_QUEUE_URL is not set"))?;
        Ok(Self { queue: Queue::new(aws, url), app })
    }

    /// Replays what the letters in the queue tell of, and what was written in the span that was asked for.
    async fn replay(&self, asked: Option<Span>) -> Result<Report, Fault> {
        let now = self.app.now();
        // Not of what is yet to be written: a walk may have passed where that will stand.
        let asked = asked.map(|span| Span { to: span.to.min(now), ..span });
        let Letters { readable, unreadable, more } = self.take().await?;
        let mut report = Report { unreadable: unreadable.len(), left: more, ..Report::default() };
        let spans = Spans::of(readable.iter().map(|(span, _)| *span).chain(asked));
        let walked = self.walk(spans, &mut report).await;
        // What is not done is there for the next run, also where this one failed.
        let over = walked.as_ref().ok().cloned().unwrap_or_default();
        let (done, left): (Vec<_>, Vec<_>) = readable.into_iter().partition(|(span, _)| over.cover(*span));
        report.messages = done.len();
        report.left |= !left.is_empty() || asked.is_some_and(|span| !over.cover(span));
        let messages = |letters: Vec<(Span, Taken)>| letters.into_iter().map(|(_, message)| message);
        self.queue.delete(&messages(done).collect::<Vec<_>>()).await?;
        self.queue.give_back(&messages(left).chain(unreadable).collect::<Vec<_>>()).await?;
        if !walked?.is_empty() {
            self.app.store.end_replay_walk().await?;
        }
        Ok(report)
    }

    /// Takes the letters out of the queue.
    async fn take(&self) -> Result<Letters, Fault> {
        let mut letters = Letters::default();
        while letters.readable.len() + letters.unreadable.len() < MOST_LETTERS {
            let taken = self.queue.take(HIDDEN_SECONDS).await?;
            if taken.is_empty() {
                return Ok(letters);
            }
            for message in taken {
                match letter::span(&message.body) {
                    Some(span) => letters.readable.push((span, message)),
                    None => letters.unreadable.push(message),
                }
            }
        }
        Ok(Letters { more: true, ..letters })
    }

    /// Goes on with the walk that is under way, or begins one through `spans`. Answers with what it walked through to the
    /// end: nothing, if the next run is to go on.
    async fn walk(&self, spans: Spans, report: &mut Report) -> Result<Spans, Fault> {
        let mut walk = match self.app.store.replay_walk().await? {
            Some(walk) => walk,
            None if spans.is_empty() => return Ok(spans),
            None => Walk::begun(spans),
        };
        let end = self.app.now() + LONG_ENOUGH;
        while let Some(segment) = walk.ahead() {
            if self.app.now() > end {
                report.left = true;
                return Ok(Spans::default());
            }
            report.brought_again += self.bring_again(&walk.spans, segment).await?;
            walk.pass();
            self.app.store.keep_replay_walk(&walk).await?;
        }
        Ok(walk.spans)
    }

    /// Touches what a segment of the table has that was written in `spans`; how much that is.
    async fn bring_again(&self, spans: &Spans, segment: Segment) -> Result<usize, Fault> {
        let now = self.app.now();
        let mut brought = 0;
        let keys = self.app.store.written_in(spans, segment, now).await?;
        for keys in keys.chunks(AT_ONCE) {
            let touched = keys.iter().map(|key| self.app.store.bring_again(key, now));
            brought += try_join_all(touched).await?.into_iter().filter(|there| *there).count();
        }
        Ok(brought)
    }
}

/// Replays what is in the queue.
///
/// # Errors
/// When the queue or the table fails: nothing is lost, and the next run goes on.
pub async fn handle(replayer: &Replayer, asked: LambdaEvent<Asked>) -> Result<Report, Error> {
    let request_id = asked.context.request_id;
    let report = replayer.replay(asked.payload.span).await.inspect_err(|fault| {
        tracing::error!(cause = fault.chain(), request_id, "a replay failed");
    })?;
    let Report { messages, brought_again, unreadable, left } = report;
    tracing::info!(messages, brought_again, unreadable, left, request_id, "replayed");
    Ok(report)
}
