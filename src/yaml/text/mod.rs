//! YAML text to a tree of nodes, as go.yaml.in/yaml v2.4.4 reads it (libyaml by way of Go): reader, scanner, parser,
//! composer, in the order in which text passes them.

mod chars;
pub(super) mod compose;
mod fault;
mod parser;
mod reader;
mod scalars;
mod scanner;
mod tags;
mod token;

pub(super) use compose::{Document, Kind, NodeId};
pub(super) use fault::Fault;
