//! Everything that is tested against a real `PostgreSQL` and the built program.
//!
//! `cfg(test)` says to clippy what is one: helpers of tests may unwrap.

#[cfg(test)]
mod application;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod around;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod contexts;
#[cfg(test)]
mod db;
#[cfg(test)]
mod example;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod help;
#[cfg(test)]
mod join;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod leftover;
#[cfg(test)]
mod life;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod majority;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod paper;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod selftest;
#[cfg(test)]
mod server;
#[cfg(test)]
mod steer;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod verify;
