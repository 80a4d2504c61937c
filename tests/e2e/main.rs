//! windlass against a real API server with fake nodes: one control plane, one agent, a namespace for each test; the faults have a
//! control plane and agents of their own. A file for each theme.

mod adopt;
mod canary;
mod charts;
mod crowd;
mod fixture;
mod faults;
mod forged;
mod gates;
mod helm;
mod input;
mod life;
mod order;
mod people;
mod promotion;
mod quiet;
mod release;
mod testing;
mod trouble;
mod images;
#[allow(clippy::unwrap_used)] // the same helper as in tests/it, where tests may
#[path = "../it/registry.rs"]
mod registry;
mod validate;

use std::time::Duration;

/// Within this time what should happen has happened, even on a busy machine.
const SOON: Duration = Duration::from_secs(90);
