//! `cargo run`: starts the whole system on this machine. `cargo run -- openapi` prints its OpenAPI document.

use std::process::ExitCode;

use local::{Settings, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        None => run().await.map_err(|error| error.to_string()),
        Some("openapi") => {
            local::openapi().map(|document| println!("{document}")).map_err(|error| error.to_string())
        }
        Some(other) => Err(format!("`{other}` is no command: give none to start, or `openapi`")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), StartError> {
    let settings = Settings::from_env()?;
    local::log(&settings);
    let local = local::start(settings).await?;
    println!("{local}");
    local::stop_signal().await;
    local.stop().await;
    Ok(())
}
