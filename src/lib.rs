//! Turns a single-tenant PostgreSQL database into a multi-tenant one, in place.

pub mod config;
pub mod server;
pub mod sql;
