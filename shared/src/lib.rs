//! What two functions need: the domain, the table, the keys and the conventions of HTTP.
//!
//! It knows nothing of any function, and inside it the arrows run one way: `http` to the domain, the domain
//! to `store`, `keys`, `mail` and `queue`, these to `config` and `clock`. Only `store`, `keys`, `mail`, `queue` and
//! `aws` know the SDK; only `http` and `lambda` know what a request is.

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
