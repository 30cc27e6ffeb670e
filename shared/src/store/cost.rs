//! What a request costs: the calls that the SDK sent for it, the table's capacity and the time they took.
//!
//! The meter belongs to the task that serves the request; work outside of a request is not metered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

tokio::task_local! {
    static METER: Meter;
}

/// What was used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Calls sent, retries included.
    pub calls: u32,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
    /// Time spent waiting for the table.
    pub time: Duration,
}

/// Counts what a task uses.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Cost>>);

impl Meter {
    /// What was used so far.
    pub fn cost(&self) -> Cost {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task`, counting what it uses.
    pub async fn measure<F: Future>(&self, task: F) -> F::Output {
        METER.scope(self.clone(), task).await
    }

    fn record(record: impl FnOnce(&mut Cost)) {
        // No meter: nobody asked what this costs.
        let _ = METER.try_with(|meter| record(&mut meter.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Waits for `call`, counting the time. The SDK's futures are large: boxed here, they make none of ours so.
pub(super) async fn timed<F: Future>(call: F) -> F::Output {
    let started = Instant::now();
    let output = Box::pin(call).await;
    Meter::record(|cost| cost.time += started.elapsed());
    output
}

/// Counts a read of `units` read capacity units.
pub(super) fn read(units: f64) {
    Meter::record(|cost| cost.read_units += units);
}

/// Counts a write of `units` write capacity units.
pub(super) fn written(units: f64) {
    Meter::record(|cost| cost.write_units += units);
}

/// Counts every request that an SDK client sends, retries included.
#[derive(Debug)]
pub(crate) struct CountCalls;

impl Intercept for CountCalls {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Meter::record(|cost| cost.calls += 1);
        Ok(())
    }
}
