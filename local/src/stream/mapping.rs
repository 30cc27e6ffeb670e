//! One event source mapping for each consumer: a loop that reads, filters and delivers, and tells how far it is.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use serde::Serialize;
use shared::clock::Clock;
use tokio::sync::watch;

use super::behaviour::{Behaviour, Order};
use super::delivery::{Consumer, Delivery, Told};
use super::reader::{Page, Position, Reader};
use super::record::sequence_number;
use crate::StartError;
use crate::directory::DataDirectory;
use crate::part::{Part, Stop};
use crate::sqs::Queue;

/// How often a source is looked at when nothing woke its readers: for what other processes write, and what time
/// brings.
pub(crate) const POLL: Duration = Duration::from_millis(500);

/// Wakes the readers of the stream. Cheap to clone; all clones are one bell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wake(Arc<watch::Sender<u64>>);

impl Wake {
    /// Wakes the readers and returns how often they have been woken.
    pub(crate) fn ring(&self) -> u64 {
        let mut rung = 0;
        self.0.send_modify(|count| {
            *count += 1;
            rung = *count;
        });
        rung
    }
}

/// How far a consumer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    /// Records that the function processed.
    pub(crate) processed: u64,
    /// Tries that failed.
    pub(crate) failed_tries: u64,
    /// Records that became dead letters.
    pub(crate) dead_letters: u64,
    /// Everything written before this ring of [`Wake`] is read and done with.
    #[serde(skip)]
    settled: u64,
}

impl Progress {
    /// Everything written before `rung` is read and done with.
    pub(crate) fn settle(&mut self, rung: u64) {
        self.settled = rung;
    }

    /// What changes whenever the function was called.
    fn calls(self) -> u64 {
        self.processed + self.failed_tries
    }
}

/// The mappings, seen from outside.
#[derive(Clone)]
pub(crate) struct EventSources {
    wake: Wake,
    consumers: Vec<(&'static str, watch::Receiver<Progress>)>,
    /// How they behave.
    behaviours: Vec<(&'static str, Arc<watch::Sender<Behaviour>>)>,
}

/// What the mapping of another source than the stream has of those around it.
pub(crate) struct Source {
    /// Where it tells how far it is.
    pub(crate) progress: watch::Sender<Progress>,
    /// What wakes it.
    pub(crate) wake: watch::Receiver<u64>,
    /// How it is to behave.
    pub(crate) behaviour: watch::Receiver<Behaviour>,
}

/// What the mappings need of their surroundings.
pub(crate) struct Surroundings<'a> {
    pub(crate) aws: &'a SdkConfig,
    pub(crate) stream: &'a str,
    pub(crate) directory: &'a DataDirectory,
    /// The destination of what is given up.
    pub(crate) dead_letters: &'a Arc<Queue>,
    pub(crate) clock: Clock,
    pub(crate) wake: Wake,
}

impl EventSources {
    /// Starts a mapping for each consumer.
    pub(crate) fn start(
        consumers: Vec<Consumer>,
        around: &Surroundings<'_>,
    ) -> Result<(Self, Vec<Part>), StartError> {
        let (mut seen, mut behaviours, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for consumer in consumers {
            let (progress, told) = watch::channel(Progress::default());
            seen.push((consumer.function.name, told));
            let (order, behaviour) = watch::channel(Behaviour::default());
            behaviours.push((consumer.function.name, order.into()));
            let file = format!("{}.json", consumer.function.name);
            let position = read_position(around.directory, &file)?;
            let reader =
                Reader::new(aws_sdk_dynamodbstreams::Client::new(around.aws), around.stream, position);
            let (directory, wake) = (around.directory.clone(), around.wake.0.subscribe());
            let (dead_letters, clock) = (around.dead_letters.clone(), around.clock.clone());
            parts.push(Part::run(|stop| {
                let delivery = Delivery { consumer, dead_letters, clock, stop: stop.clone() };
                Mapping { reader, delivery, progress, behaviour, rewinds: 0, directory, file }.run(wake, stop)
            }));
        }
        Ok((Self { wake: around.wake.clone(), consumers: seen, behaviours }, parts))
    }

    /// Adds a consumer of another source.
    pub(crate) fn add(&mut self, name: &'static str) -> Source {
        let (progress, told) = watch::channel(Progress::default());
        self.consumers.push((name, told));
        let (order, behaviour) = watch::channel(Behaviour::default());
        self.behaviours.push((name, order.into()));
        Source { progress, wake: self.wake.0.subscribe(), behaviour }
    }

    /// Returns when every consumer has processed all there is, and what that led to, and has nothing to retry.
    /// `false` when the cloud stops before.
    pub(crate) async fn drain(&self) -> bool {
        loop {
            let before = self.calls();
            let rung = self.wake.ring();
            for (_, progress) in &self.consumers {
                if progress.clone().wait_for(|it| it.settled >= rung).await.is_err() {
                    return false;
                }
            }
            // A function that was called may have written what another one reads.
            if self.calls() == before {
                return true;
            }
        }
    }

    /// Wakes the readers.
    pub(crate) fn wake(&self) {
        self.wake.ring();
    }

    /// The mappings of a function behave as `order` says; `false` if there is none.
    pub(crate) fn order(&self, function: &str, order: Order) -> bool {
        let found = self.behaviours.iter().filter(|(name, _)| *name == function);
        found.map(|(_, behaviour)| behaviour.send_modify(|it| it.obey(order))).count() > 0
    }

    /// How far each consumer is.
    pub(crate) fn progress(&self) -> Vec<(&'static str, Progress)> {
        self.consumers.iter().map(|(name, progress)| (*name, *progress.borrow())).collect()
    }

    fn calls(&self) -> u64 {
        self.progress().iter().map(|(_, progress)| progress.calls()).sum()
    }
}

fn read_position(directory: &DataDirectory, file: &str) -> Result<Position, StartError> {
    let Some(bytes) = directory.read(file)? else { return Ok(Position::default()) };
    let path = directory.path(file).unwrap_or_default();
    serde_json::from_slice(&bytes).map_err(|error| StartError::corrupt(&path, &error))
}

struct Mapping {
    reader: Reader,
    delivery: Delivery,
    progress: watch::Sender<Progress>,
    behaviour: watch::Receiver<Behaviour>,
    /// How often it went back to the beginning.
    rewinds: u32,
    directory: DataDirectory,
    /// Where the position is kept.
    file: String,
}

impl Mapping {
    async fn run(mut self, mut wake: watch::Receiver<u64>, stop: Stop) {
        while !stop.is_asked() {
            let rung = *wake.borrow_and_update();
            let behaviour = *self.behaviour.borrow();
            if behaviour.rewinds > self.rewinds {
                self.rewinds = behaviour.rewinds;
                self.reader.rewind();
            }
            match if behaviour.paused { Ok(()) } else { self.read_all(&stop).await } {
                Ok(()) if stop.is_asked() => break,
                Ok(()) => self.progress.send_modify(|it| it.settle(rung)),
                Err(problem) => {
                    tracing::warn!(
                        function = self.delivery.consumer.function.name,
                        problem,
                        "stream not read"
                    );
                }
            }
            tokio::select! {
                _ = wake.changed() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.clone().asked() => {}
            }
        }
        self.keep_position();
    }

    /// Delivers everything there is.
    async fn read_all(&mut self, stop: &Stop) -> Result<(), String> {
        while let Some(page) = self.reader.next().await? {
            self.deliver(page).await;
            if stop.is_asked() {
                break;
            }
        }
        Ok(())
    }

    async fn deliver(&mut self, Page { shard, records }: Page) {
        let last = records.last().map(|record| sequence_number(record).to_owned());
        let records: Vec<_> = records.into_iter().filter(self.delivery.consumer.passes).collect();
        let called = !records.is_empty();
        let (reader, progress) = (&mut self.reader, &self.progress);
        let mut tell = |told: Told<'_>| match told {
            Told::Done { up_to, processed } => {
                reader.done(&shard, up_to);
                progress.send_modify(|it| it.processed += processed);
            }
            Told::Failed => progress.send_modify(|it| it.failed_tries += 1),
            Told::Dead { number } => {
                reader.done(&shard, number);
                progress.send_modify(|it| it.dead_letters += 1);
            }
        };
        let deliveries = self.behaviour.borrow().deliveries;
        for _ in 0..deliveries {
            self.delivery.deliver((&shard, records.clone()), &mut tell).await;
        }
        // A delivery that was stopped has left records undone.
        if let Some(last) = last.filter(|_| !self.delivery.stop.is_asked()) {
            self.reader.done(&shard, &last);
        }
        if called {
            self.keep_position();
        }
    }

    fn keep_position(&self) {
        let kept = serde_json::to_vec(self.reader.position()).map_err(Into::into);
        if let Err(error) = kept.and_then(|bytes| self.directory.write(&self.file, &bytes)) {
            tracing::error!(%error, file = self.file, "the position in the stream could not be kept");
        }
    }
}
