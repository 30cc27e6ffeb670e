//! The Lambda function.

use shared::lambda;
use stream_fanout::{Fanout, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let fanout = Fanout::new(app);
    lambda::consume(|event| handle(&fanout, event)).await
}
