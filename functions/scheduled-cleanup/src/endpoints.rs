//! The step that switches off webhooks whose server has taken nothing for five days, whether there was anything to tell
//! in the last of them or not: a delivery is given up sooner, and then nothing asks.

use shared::App;
use shared::event::Origin;
use shared::fault::Fault;
use shared::id::TenantId;
use shared::webhook::{EndpointState, Finding};

use super::Progress;

/// Looks at all webhooks; there are few. One that fails holds up no other.
pub(crate) async fn disable(app: &App, origin: &Origin) -> Result<Progress, Fault> {
    let endpoints = app.store.endpoints(&TenantId::default_tenant()).await?;
    let mut progress = Progress { looked_at: endpoints.len(), ..Progress::default() };
    let mut failed = None;
    let enabled = endpoints.iter().filter(|it| it.state == EndpointState::Enabled);
    for endpoint in enabled.filter(|it| it.health.has_failed_for_long(app.now())) {
        match app.disable(endpoint, Finding::Failing, origin).await {
            Ok(is_disabled) => progress.done += usize::from(is_disabled),
            Err(fault) => {
                tracing::error!(endpoint = %endpoint.id, cause = fault.chain(), "a webhook could not be switched off");
                failed = Some(fault);
            }
        }
    }
    failed.map_or(Ok(progress), Err)
}
