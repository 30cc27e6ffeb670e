//! Webhooks: events told to the servers of others, as Standard Webhooks has it (standardwebhooks.com).
//!
//! Each event that an [`Endpoint`] selects becomes a [`Delivery`] to it, which is tried until a server takes it or
//! [`after`] gives up. A delivery's id and body are the same in all its attempts, so that a receiver can tell
//! what it has seen; the signature covers both, and the time of the attempt.
//!
//! Where a delivery goes is chosen by a tenant, and so by somebody we need not trust: only a [`Target`] can be
//! posted to, and [`Sender`] connects to addresses of the public internet only (OWASP ASVS 5.0, 1.3.6).

mod address;
mod delivery;
mod disabling;
mod endpoint;
mod fan_out;
mod health;
mod lane;
mod payload;
mod retry;
mod selector;
mod sender;
mod signature;
mod target;

pub use delivery::{Attempt, Delivery, DeliveryState, Due, Failure, Outcome};
pub use disabling::Finding;
pub use endpoint::{DisabledReason, Endpoint, EndpointState};
pub use health::Health;
pub use lane::{Lane, PROMPT};
pub use payload::{Data, Payload};
pub use retry::{Jitter, Next, Reply, after};
pub use selector::{InvalidSelector, Selector};
pub use sender::{Resolver, Sender};
pub use signature::{Message, SealedSecret, Secrets, SigningSecret, TooManySecrets};
pub use target::{InvalidTarget, Target};
