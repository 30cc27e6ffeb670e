//! The Lambda function.

use replay_dead_letters::{Replayer, handle};
use shared::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, aws) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let replayer = Replayer::new(app, &aws)?;
    lambda::consume(|event| handle(&replayer, event)).await
}
