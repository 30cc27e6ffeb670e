//! What is looked at to say how the service is. Answers say how things are, never why: causes go to the log.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use shared::App;
use shared::fault::Fault;
use sysinfo::{Disks, System};

/// The checks of an answer, by name.
pub(crate) type Checks = BTreeMap<&'static str, Check>;

/// From this share of memory or disk on, the machine is `degraded`.
const FULL_PERCENT: f64 = 95.0;

/// How something is.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Check {
    /// In words.
    Said { status: &'static str, message: &'static str },
    /// In numbers.
    Measured {
        status: &'static str,
        usage_percent: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        available_mb: Option<f64>,
    },
    /// By parts.
    Listed { status: &'static str, checks: Vec<Check> },
}

impl Check {
    /// The process answers.
    pub(crate) fn api() -> Self {
        Self::Said { status: "healthy", message: "API is operational" }
    }

    /// The table answered, or did not.
    pub(crate) fn database(answered: bool) -> Self {
        if answered {
            Self::Said { status: "healthy", message: "Database connection available" }
        } else {
            Self::Said { status: "unhealthy", message: "The database does not answer" }
        }
    }

    /// The settings were read and accepted, or nothing would run.
    pub(crate) fn configuration() -> Self {
        let read = Self::Said { status: "passed", message: "All settings were read and accepted at startup" };
        Self::Listed { status: "passed", checks: vec![read] }
    }

    fn measured(usage_percent: f64, available_mb: Option<f64>) -> Self {
        Self::Measured { status: status(usage_percent), usage_percent, available_mb }
    }
}

fn status(usage_percent: f64) -> &'static str {
    if usage_percent < FULL_PERCENT { "healthy" } else { "degraded" }
}

/// How long the table took to answer, in milliseconds; `None` if it did not.
pub(crate) async fn ask_database(app: &App) -> Option<f64> {
    let started = Instant::now();
    match app.store.ping().await {
        Ok(()) => Some((started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0),
        Err(fault) => {
            tracing::error!(cause = fault.chain(), "the table did not answer");
            None
        }
    }
}

/// What the machine under this process has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Load of the last minute, in per cent of all cores, at most 100.
    pub(crate) cpu_percent: f64,
    /// Memory in use.
    pub(crate) memory_percent: f64,
    /// Memory that is free for use.
    pub(crate) available_memory_mb: f64,
    /// The fullest disk.
    pub(crate) disk_percent: f64,
}

impl Machine {
    /// Looks at it now.
    pub(crate) fn now() -> Result<Self, Fault> {
        Self::look().map_err(|error| Fault::broken("looking at the machine", error))
    }

    fn look() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_memory();
        let (memory, available) = (system.total_memory(), system.available_memory());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let disks = Disks::new_with_refreshed_list()?;
        let sizes = disks.iter().map(|disk| (disk.total_space(), disk.available_space()));
        let used = sizes.map(|(total, free)| share(total.saturating_sub(free), total));
        Ok(Self {
            cpu_percent: percent(System::load_average()?.one / count(cores as u64)).min(100.0),
            memory_percent: share(memory.saturating_sub(available), memory),
            available_memory_mb: (count(available) / 104_857.6).round() / 10.0,
            disk_percent: used.fold(0.0, f64::max),
        })
    }

    /// `healthy`, or `degraded` where something runs out.
    pub(crate) fn status(&self) -> &'static str {
        status(self.memory_percent.max(self.disk_percent))
    }

    /// How memory, processors and disk are.
    pub(crate) fn checks(&self) -> Checks {
        let cpu = Check::Measured { status: "healthy", usage_percent: self.cpu_percent, available_mb: None };
        Checks::from([
            ("memory", Check::measured(self.memory_percent, Some(self.available_memory_mb))),
            ("cpu", cpu),
            ("disk", Check::measured(self.disk_percent, None)),
        ])
    }
}

/// A share as a percentage, to one digit.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { percent(count(part) / count(whole)) }
}

#[expect(clippy::cast_precision_loss, reason = "sizes below 2^53 are exact, and a percentage needs less")]
fn count(number: u64) -> f64 {
    number as f64
}
