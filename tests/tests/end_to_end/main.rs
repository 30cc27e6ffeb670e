//! The system, end to end.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod accounts;
mod admin;
mod audit;
mod audit_chain;
mod audit_log;
mod auth;
mod authority;
mod budgets;
mod bulk;
mod bulk_operations;
mod cleanup;
mod crowd;
mod directory;
mod docs;
mod email_change;
mod enumeration;
mod erasure;
mod errors;
mod etag;
mod faults;
mod fields;
mod forgery;
mod gdpr;
mod health;
mod idempotency;
mod imported_passwords;
mod life;
mod mail;
mod mail_tokens;
mod names;
mod paging;
mod passwords;
mod profile;
mod races;
mod refusals;
mod roles;
mod search;
mod session_list;
mod sessions;
mod streams;
mod tokens;
mod users;
mod webhooks;
