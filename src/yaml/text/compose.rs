//! Events to a tree of nodes with aliases resolved (the first half of `decode.go`), in one vector.

use super::{
    fault::Fault,
    parser::{Event, EventKind, Parser},
    reader::Source,
    token::Text,
};
use crate::yaml::{MAX_NODES, too_many_nodes};
use std::collections::BTreeMap;

/// A node's place in its [`Document`].
pub(in crate::yaml) type NodeId = u32;

/// What a node is.
#[derive(Debug)]
pub(in crate::yaml) enum Kind<'a> {
    /// Tag (long form, empty without one), text, whether it is plain and untagged, and its place in characters.
    Scalar { tag: Text<'a>, value: Text<'a>, implicit: bool, span: (usize, usize) },
    Sequence,
    /// Children are key, value, key, value …
    Mapping,
    /// The anchor's name and what it stands for.
    Alias(Text<'a>, NodeId),
}

/// A node.
#[derive(Debug)]
pub(in crate::yaml) struct Node<'a> {
    /// From 0.
    pub(in crate::yaml) line: usize,
    pub(in crate::yaml) kind: Kind<'a>,
    first: Option<NodeId>,
    next: Option<NodeId>,
}

/// The nodes of one document; the first is the root.
#[derive(Debug, Default)]
pub(in crate::yaml) struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

/// An open collection: its node, its latest child.
struct Open {
    node: NodeId,
    last: Option<NodeId>,
}

impl<'a> Document<'a> {
    /// Reads the first document of a text and hands it to `then`; an empty stream has no document.
    pub(in crate::yaml) fn read<R>(input: &[u8], then: impl FnOnce(Option<&Document<'_>>) -> R) -> Result<R, Fault> {
        let source = Source::new(input);
        let mut parser = Parser::new(&source);
        parser.next()?;
        match parser.next()?.kind {
            EventKind::DocumentStart => Ok(then(Some(&compose(&mut parser, input.len())?))),
            _ => Ok(then(None)),
        }
    }

    pub(in crate::yaml) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    pub(in crate::yaml) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).first, |child| self.node(*child).next)
    }

    /// Keys with their values.
    pub(in crate::yaml) fn pairs(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> {
        let mut children = self.children(id);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }
}

fn compose<'a>(parser: &mut Parser<'a>, length: usize) -> Result<Document<'a>, Fault> {
    /// Bytes of text per node, about: only a first guess at the vector's size.
    const BYTES_PER_NODE: usize = 16;
    let mut document = Document { nodes: Vec::with_capacity((length / BYTES_PER_NODE + 1).min(MAX_NODES)) };
    let mut anchors: BTreeMap<Vec<u8>, NodeId> = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        let Event { line, kind } = parser.next()?;
        let id = u32::try_from(document.nodes.len()).ok().filter(|id| (*id as usize) < MAX_NODES);
        let id = id.ok_or_else(|| Fault::Other(format!("yaml: {}", too_many_nodes())))?;
        let (kind, anchor) = match kind {
            EventKind::SequenceEnd | EventKind::MappingEnd => {
                open.pop();
                if open.is_empty() {
                    break;
                }
                continue;
            }
            EventKind::Alias(name) => match anchors.get(&*name) {
                Some(target) => (Kind::Alias(name, *target), None),
                None => {
                    let name = String::from_utf8_lossy(&name);
                    return Err(Fault::Other(format!("yaml: unknown anchor '{name}' referenced")));
                }
            },
            EventKind::Scalar { anchor, tag, value, implicit, span } => (Kind::Scalar { tag, value, implicit, span }, anchor),
            EventKind::SequenceStart(anchor) => (Kind::Sequence, anchor),
            EventKind::MappingStart(anchor) => (Kind::Mapping, anchor),
            EventKind::StreamStart | EventKind::StreamEnd | EventKind::DocumentStart | EventKind::DocumentEnd => break,
        };
        if let Some(anchor) = anchor {
            anchors.insert(anchor.into_owned(), id);
        }
        let collection = matches!(kind, Kind::Sequence | Kind::Mapping);
        document.nodes.push(Node { line, kind, first: None, next: None });
        if let Some(parent) = open.last_mut() {
            match parent.last.replace(id) {
                Some(sibling) => document.nodes[sibling as usize].next = Some(id),
                None => document.nodes[parent.node as usize].first = Some(id),
            }
        }
        if collection {
            open.push(Open { node: id, last: None });
        } else if open.is_empty() {
            break;
        }
    }
    // The event after the root: what follows it may be a mistake already.
    parser.next()?;
    Ok(document)
}
