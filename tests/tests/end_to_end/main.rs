//! The system, end to end.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod accounts;
mod admin;
mod audit;
mod auth;
mod budgets;
mod directory;
mod docs;
mod enumeration;
mod errors;
mod faults;
mod fields;
mod forgery;
mod health;
mod life;
mod mail;
mod mail_tokens;
mod names;
mod paging;
mod passwords;
mod profile;
mod races;
mod refusals;
mod sessions;
mod tokens;
