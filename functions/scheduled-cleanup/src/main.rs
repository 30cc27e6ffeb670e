//! The Lambda function.

use scheduled_cleanup::handle;
use shared::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start()?;
    lambda::consume(|event| handle(&app, event)).await
}
