//! Charts from elsewhere for helm's commands: flags and settings as helm has them, and what `ChartDownloader` does with them.

#[cfg(feature = "agent")]
mod download;
#[cfg(feature = "agent")]
mod registry;
#[cfg_attr(not(feature = "agent"), allow(dead_code))] // without the network nobody asks where helm keeps its settings
mod settings;

#[cfg(feature = "agent")]
pub(super) use download::{Place, Session};
#[cfg(feature = "agent")]
pub(super) use registry::{Printer, push, tags};
pub(super) use settings::{ChartFlags, ServerFlags};
