//! Charts from elsewhere for helm's commands: flags and settings as helm has them, and what `ChartDownloader` does with them.

#[cfg(feature = "agent")]
mod download;
#[cfg(feature = "agent")]
mod registry;
mod settings;

#[cfg(feature = "agent")]
pub(super) use download::{Place, Session};
#[cfg(feature = "agent")]
pub(super) use registry::{Printer, push, tags};
pub(super) use settings::{ChartFlags, ServerFlags};
