//! What two functions need: the domain, the table, the keys and the conventions of HTTP.
//!
//! It knows nothing of any function. `http` calls operations (`impl App` in `sign_in`, `registration`, `bulk`, …) or the
//! store itself; operations decide with the types of the domain (`user`, `credential`, `event`, …) and call `store`,
//! `keys`, `password` and `queue`, which know these types, too. Only `http` and `lambda` know what a request is; only
//! `store`, `keys`, `mail`, `queue`, `aws`, and what starts them, know the SDK.

pub mod app;
pub mod audit;
pub mod aws;
pub mod bulk;
pub mod chain;
pub mod checkpoint;
pub mod clock;
pub mod config;
pub mod credential;
pub mod email;
pub mod erasure;
pub mod event;
pub mod fault;
pub mod first_admin;
pub mod http;
pub mod id;
pub mod keys;
pub mod lambda;
pub mod mail;
pub mod name;
pub mod password;
pub mod privacy;
pub mod queue;
pub mod random;
pub mod reconciliation;
pub mod registration;
pub mod replay;
pub mod role;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod store;
pub mod stream;
pub mod tally;
pub mod token;
pub mod traffic;
pub mod user;
pub mod user_change;
pub mod user_details;
pub mod webhook;

pub use app::App;
