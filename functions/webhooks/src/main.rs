//! The Lambda function.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::serve(env!("CARGO_CRATE_NAME"), webhooks::routes()).await
}
