//! Where in a text a field stands.

use super::text::{Document, Kind, NodeId};

/// One step from a node to one of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The value of a key.
    Key(&'a str),
    /// An item of a list, from 0.
    Index(usize),
}

/// The line, from 1, of the field that `path` leads to in the first document of a text, or of the last one on the way that is
/// there. `None` where the text is no YAML.
pub fn line_of(text: &[u8], path: &[Step]) -> Option<usize> {
    Document::read(text, |document| {
        let document = document?;
        let mut node: NodeId = 0;
        let mut line = document.node(node).line;
        for step in path {
            let Some((at, next)) = child(document, resolve(document, node), *step) else { break };
            (line, node) = (at, next);
        }
        Some(line + 1)
    })
    .ok()
    .flatten()
}

fn resolve(document: &Document, node: NodeId) -> NodeId {
    match &document.node(node).kind {
        Kind::Alias(_, target) => *target,
        _ => node,
    }
}

/// The line where the child begins, and the child.
fn child(document: &Document, node: NodeId, step: Step) -> Option<(usize, NodeId)> {
    match (step, &document.node(node).kind) {
        (Step::Index(index), Kind::Sequence) => document.children(node).nth(index).map(|item| (document.node(item).line, item)),
        (Step::Key(wanted), Kind::Mapping) => {
            let is_it = |key: &NodeId| matches!(&document.node(*key).kind, Kind::Scalar { value, .. } if &**value == wanted.as_bytes());
            // Of a key that stands twice, the last counts.
            document.pairs(node).filter(|(key, _)| is_it(key)).last().map(|(key, value)| (document.node(key).line, value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Step::*, line_of};

    #[test]
    fn fields_are_found_by_their_path() {
        let text = b"# Source: x\na: 1\nlist:\n- name: one\n  deep: {x: 1}\n- &two\n  name: two\nagain: *two\n";
        for (path, line) in [
            (&[][..], 2),
            (&[Key("list"), Index(1), Key("name")], 7),
            (&[Key("list"), Index(0), Key("deep"), Key("x")], 5),
            (&[Key("again"), Key("name")], 7),
            (&[Key("list"), Index(0), Key("gone"), Key("below")], 4),
        ] {
            assert_eq!(line_of(text, path), Some(line), "{path:?}");
        }
        assert_eq!(line_of(b"a: [", &[Key("a")]), None);
    }
}
