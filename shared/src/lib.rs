//! What two functions need: the domain, the table, the keys and the conventions of HTTP.
//!
//! It knows nothing of any function, and inside it the arrows run one way: `http` to the domain, the domain
//! to `store`, `keys` and `mail`, these to `config` and `clock`. Only `store`, `keys`, `mail` and `aws` know
//! the SDK; only `http` and `lambda` know what a request is.

pub mod app;
pub mod aws;
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
pub mod random;
pub mod registration;
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

pub use app::App;
