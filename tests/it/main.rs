//! Tests against real counterparts, one binary.
#![allow(missing_docs, clippy::unwrap_used)]

mod architecture;
mod bounds;
mod charts;
mod decide;
#[cfg(feature = "agent")]
mod charts_remote;
mod differential;
mod functions;
mod fuzz;
mod hostile;
mod helm;
mod schema;
mod show;
mod sim;
#[cfg(feature = "agent")]
mod transform;
#[cfg(feature = "agent")]
mod crd;
#[cfg(feature = "agent")]
mod git;
#[cfg(feature = "agent")]
mod images;
#[cfg(feature = "agent")]
mod metrics;
#[cfg(feature = "agent")]
mod registry;
#[cfg(feature = "agent")]
mod webhooks;
#[cfg(feature = "agent")]
mod secrets;
mod yaml;
mod yaml_edit;
mod yaml_suite;

/// A port of this machine that nobody listens on now.
#[cfg(feature = "agent")]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
