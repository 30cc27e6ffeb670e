//! The Lambda function.

use shared::lambda;
use webhook_delivery::{Courier, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let courier = Courier::new(app)?;
    lambda::consume(|event| handle(&courier, event)).await
}
