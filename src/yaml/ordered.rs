//! A document with its keys in the order in which they stand, scalars as go.yaml.in/yaml v3 reads them into `interface{}`:
//! what sops computes its MAC over.

use super::{
    Error,
    deep::deeper,
    resolve::{Rules, Scalar, resolve},
    text::{Document, Kind, NodeId},
};

/// A value whose keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Ordered {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// One that only fits without a sign.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A date or time, as it stands there.
    Time(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Ordered>),
    /// A mapping.
    Map(Vec<(String, Ordered)>),
}

/// How deep a document may nest.
const MAX_DEPTH: usize = 500;
/// How many values a document may have, aliases followed.
const MAX_VALUES: usize = 1_000_000;

/// Reads the first document of a text; an empty one is null.
///
/// # Errors
/// No YAML, not UTF-8, too deep, too many values (aliases of aliases), keys that are no scalars.
pub fn ordered(text: &[u8]) -> Result<Ordered, Error> {
    let read = Document::read(text, |document| match document {
        Some(document) => Reader { document, left: MAX_VALUES }.value(0, 0),
        None => Ok(Ordered::Null),
    });
    read.map_err(|fault| Error::new(fault.text()))?
}

struct Reader<'d, 't> {
    document: &'d Document<'t>,
    left: usize,
}

impl Reader<'_, '_> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Ordered, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(format!("yaml: exceeded max depth of {MAX_DEPTH}")));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::new(format!("yaml: more than {MAX_VALUES} values, aliases followed")))?;
        let document = self.document;
        match &document.node(id).kind {
            Kind::Alias(_, target) => {
                let target = *target;
                deeper(|| self.value(target, depth + 1))
            }
            Kind::Scalar { tag, value, implicit, .. } => {
                let text = std::str::from_utf8(value).map_err(|_| Error::new("yaml: invalid UTF-8"))?;
                Ok(scalar(tag, text, *implicit))
            }
            Kind::Sequence => {
                let items = document.children(id).map(|item| deeper(|| self.value(item, depth + 1)));
                Ok(Ordered::List(items.collect::<Result<_, _>>()?))
            }
            Kind::Mapping => {
                let mut pairs = Vec::new();
                for (key, value) in document.pairs(id) {
                    let Kind::Scalar { value: name, .. } = &document.node(key).kind else {
                        return Err(Error::new(format!("yaml: line {}: the key is no text", document.node(key).line + 1)));
                    };
                    let name = std::str::from_utf8(name).map_err(|_| Error::new("yaml: invalid UTF-8"))?.to_owned();
                    pairs.push((name, deeper(|| self.value(value, depth + 1))?));
                }
                Ok(Ordered::Map(pairs))
            }
        }
    }
}

fn scalar(tag: &[u8], text: &str, implicit: bool) -> Ordered {
    if !implicit || !tag.is_empty() {
        return Ordered::Text(text.to_owned());
    }
    match resolve(text.as_bytes(), Rules::V3, true) {
        Scalar::Null => Ordered::Null,
        Scalar::Bool(flag) => Ordered::Bool(flag),
        Scalar::Int(number) => Ordered::Int(number),
        Scalar::Uint(number) => Ordered::Uint(number),
        Scalar::Float(number) => Ordered::Float(number),
        Scalar::Timestamp => Ordered::Time(text.to_owned()),
        Scalar::Str => Ordered::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ordered::*, ordered};

    #[test]
    fn keys_keep_their_order_and_bombs_end() {
        let text = |text: &str| Text(text.to_owned());
        let read = ordered(b"z: 1\na: [yes, 'true', 2.5, 2001-01-01, ~]\n").unwrap();
        let list = List(vec![text("yes"), text("true"), Float(2.5), Time("2001-01-01".into()), Null]);
        assert_eq!(read, Map(vec![("z".into(), Int(1)), ("a".into(), list)]));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(ordered(bomb.as_bytes()).unwrap_err().message.contains("more than 1000000 values"));
        assert!(ordered(b"a: &a [*a]").is_err());
    }
}
