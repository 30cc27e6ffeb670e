//! The Lambda function.

use shared::lambda;
use stream_audit::{AuditTrail, handle};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, _) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let trail = AuditTrail::new(app);
    lambda::consume(|event| handle(&trail, event)).await
}
