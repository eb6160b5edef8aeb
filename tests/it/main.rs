//! All integration tests, in one binary: linking Typst once is slow enough.
//!
//! They need the tools that `tests/tools/setup` installs (`make test` runs it first). A test whose tool
//! is missing fails and says so.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "a test ends at the first thing that is not as it should be, and tables of cases are long"
)]

mod access;
mod alone;
mod authority;
mod cache;
mod calendar;
mod cli;
mod connections;
mod contents;
mod corpus;
mod extremes;
mod golden;
mod handed_in;
mod html;
mod http;
mod injection;
mod jobs;
mod layers;
mod letters;
mod mailing;
mod openapi;
mod output;
mod pki;
mod pki_fetch;
mod postgres_server;
mod privacy;
mod property;
mod records;
mod redis;
mod redis_server;
mod sign;
mod signed_records;
mod soak;
mod store;
mod support;
mod together;
mod traces;
mod validation;
mod verify;
mod verify_corpus;
mod verify_hostile;
mod verify_service;
mod worker;
