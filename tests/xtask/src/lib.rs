//! The tools of the project itself: what builds real Kubernetes from pinned Go modules, starts it, and runs the tests,
//! the demo and the benchmarks on it. Tests use it as a library, people as `cargo xtask`.

pub mod agent;
pub mod cluster;
pub mod demo;
pub mod fuzz;
pub mod git_server;
pub mod images;
pub mod oracle;
pub mod repo;
pub mod servers;
pub mod parts;
pub mod proxy;
pub mod sys;
pub mod tools;
pub mod traffic;
