//! The Lambda function.

use first_admin::handle;
use shared::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    lambda::consume(|event| handle(&app, event)).await
}
