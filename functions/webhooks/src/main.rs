//! The Lambda function.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::serve(webhooks::routes()).await
}
