//! The Lambda function.

use shared::lambda;
use stream_bulk::{Worker, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let worker = Worker::new(app);
    lambda::consume(|event| handle(&worker, event)).await
}
