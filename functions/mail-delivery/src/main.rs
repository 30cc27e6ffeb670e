//! The Lambda function.

use mail_delivery::{Postman, handle};
use shared::lambda;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (app, aws) = lambda::start(env!("CARGO_CRATE_NAME"))?;
    let postman = Postman::new(app, &aws);
    lambda::consume(|event| handle(&postman, event)).await
}
