//! Turns a single-tenant PostgreSQL database into a multi-tenant one, in place.

pub mod catalog;
pub mod config;
pub mod progress;
pub mod server;
pub mod sql;
