//! Turns a single-tenant PostgreSQL database into a multi-tenant one, in place.

pub mod app_migration;
pub mod catalog;
pub mod check;
pub mod config;
pub mod db;
pub mod isolation;
pub mod journal;
pub mod phase;
pub mod plan;
pub mod progress;
pub mod rule;
pub mod server;
pub mod sql;
