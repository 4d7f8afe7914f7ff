//! Turns a single-tenant PostgreSQL database into a multi-tenant one, in place.
//!
//! The parts, from the pure core outwards:
//!
//! | module | what it knows |
//! |---|---|
//! | [`sql`] | names, values and every statement; nothing else composes SQL |
//! | [`catalog`] | what the database looks like |
//! | [`config`], [`app_migration`] | what the operator decided |
//! | [`rule`] | how rows get their tenant, and the audit of it |
//! | [`plan`], [`phase`] | the plan as a value: printed, hashed, stored, executed |
//! | [`db`] | connections, locks, retries |
//! | [`journal`] | what happened, in the database |
//! | [`exec`] | runs a plan forward and back |
//! | [`check`], [`isolation`] | questions that must return no rows, attacks that must not succeed |
//! | [`progress`], [`ui`] | what people see |
//! | [`server`] | a throw-away PostgreSQL for the demo and the tests |
//! | [`cli`], [`command`] | the command line |

pub mod app_migration;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod command;
pub mod config;
pub mod db;
pub mod error;
pub mod exec;
mod fill;
pub mod isolation;
pub mod journal;
pub mod logging;
pub mod phase;
pub mod plan;
pub mod progress;
pub mod rule;
pub mod server;
pub mod sql;
pub mod steer;
pub mod ui;
