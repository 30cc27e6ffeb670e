//! A function that event source mappings invoke with batches, or a schedule with its event.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_runtime::{Error, LambdaEvent};

tokio::task_local! {
    static RUNNING: &'static str;
}

/// The name of what answers requests.
pub(crate) const API: &str = "api";

/// What the present task runs: a function, by its name, or [`API`].
pub(crate) fn running() -> &'static str {
    RUNNING.try_with(|name| *name).unwrap_or(API)
}

type Handle<E, R> = dyn Fn(LambdaEvent<E>) -> BoxFuture<'static, Result<R, Error>> + Send + Sync;

/// A function that takes `E` and answers `R`.
pub(crate) struct Function<E, R> {
    /// Its name, e.g. `stream-audit`.
    pub(crate) name: &'static str,
    handle: Box<Handle<E, R>>,
}

impl<E, R> Function<E, R> {
    /// A function of this name that handles events with `handle`.
    pub(crate) fn new<F>(
        name: &'static str,
        handle: impl Fn(LambdaEvent<E>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        Self { name, handle: Box::new(move |event| handle(event).boxed()) }
    }

    /// Invokes it.
    pub(crate) async fn call(&self, event: LambdaEvent<E>) -> Result<R, Error> {
        RUNNING.scope(self.name, (self.handle)(event)).await
    }
}
