//! kubectl's JSONPath templates (client-go's `util/jsonpath`), for `show values --jsonpath`: text with `{.path[0].name}`,
//! `{range …}{end}`, filters, unions and slices.
//!
//! Like helm, nothing is printed where a path leads nowhere. Maps are walked in byte order of their keys, where Go's order is
//! random.

mod parse;

use super::{Val, compare};
use crate::value::Value;
use parse::{Node, Slice};
use std::borrow::Cow;

/// A template, parsed.
#[derive(Debug)]
pub struct Template {
    nodes: Vec<Vec<Node>>,
}

/// Something that was found; `None` is Go's zero `reflect.Value`.
type Item<'v> = Option<Cow<'v, Value>>;

/// What was found, and whether something failed on the way. A filter by existence looks at the first alone.
type Found<'v> = (Vec<Item<'v>>, bool);

impl Template {
    /// Parses the text.
    ///
    /// # Errors
    /// client-go's words about what cannot be read.
    pub fn parse(text: &str) -> Result<Template, String> {
        Ok(Template { nodes: parse::parse(text)? })
    }

    /// What the template prints for a datum; nothing at all where a path leads nowhere, as helm has it.
    pub fn print(&self, data: &Value) -> Vec<u8> {
        let mut run = Run { nodes: &self.nodes, begun: 0, inside: 0, ended: 0, last_end: None };
        let mut out = Vec::new();
        if let Some(results) = run.results(0, Some(Cow::Borrowed(data))) {
            for result in results {
                for (place, item) in result.iter().enumerate() {
                    if place > 0 {
                        out.push(b' ');
                    }
                    print_item(&mut out, item);
                }
            }
        }
        out
    }
}

fn print_item(out: &mut Vec<u8>, item: &Item<'_>) {
    match item.as_deref() {
        None => out.extend_from_slice(b"<no value>"),
        Some(Value::Null) => out.extend_from_slice(b"null"),
        Some(Value::String(text)) => out.extend_from_slice(text.as_bytes()),
        Some(value @ (Value::List(_) | Value::Map(_))) => out.extend_from_slice(crate::yaml::to_json(value, true).as_bytes()),
        Some(value) => out.extend_from_slice(super::fmt::sprint(&[Val::from_value(value)]).as_bytes()),
    }
}

/// One walk over a datum; ranges nest and end as client-go counts them.
struct Run<'t> {
    nodes: &'t [Vec<Node>],
    begun: usize,
    inside: usize,
    ended: usize,
    last_end: Option<usize>,
}

impl<'t> Run<'t> {
    /// `FindResults`, from the given node on; `None` where something failed.
    fn results<'v>(&mut self, from: usize, data: Item<'v>) -> Option<Vec<Vec<Item<'v>>>> {
        let start = [data];
        let mut all = Vec::new();
        let mut at = from;
        while at < self.nodes.len() {
            let (found, failed) = self.walk_list(start.to_vec(), &self.nodes[at]);
            if failed {
                return None;
            }
            if self.ended > 0 && self.ended <= self.inside {
                self.ended -= 1;
                self.last_end = Some(at);
                break;
            }
            if self.begun > 0 {
                self.begun -= 1;
                self.inside += 1;
                if found.is_empty() {
                    // What stands inside is walked all the same, to find the end.
                    self.results(at + 1, None)?;
                }
                for item in found {
                    // A null is nothing, once it is what a range goes over.
                    let item = item.filter(|value| !value.is_null());
                    all.extend(self.results(at + 1, item)?);
                }
                self.inside -= 1;
                at = self.last_end.filter(|end| *end > at).unwrap_or(at);
            } else {
                all.push(found);
            }
            at += 1;
        }
        Some(all)
    }

    fn walk_list<'v>(&mut self, mut items: Vec<Item<'v>>, nodes: &[Node]) -> Found<'v> {
        for node in nodes {
            let (found, failed) = self.walk(items, node);
            if failed {
                return (found, true);
            }
            items = found;
        }
        (items, false)
    }

    fn walk<'v>(&mut self, input: Vec<Item<'v>>, node: &Node) -> Found<'v> {
        let constant = |value: Value| (vec![Some(Cow::Owned(value)); input.len()], false);
        match node {
            Node::Text(text) => (vec![Some(Cow::Owned(Value::String(text.as_str().into())))], false),
            Node::Int(number) => constant(Value::Int(*number)),
            Node::Float(number) => constant(Value::Float(*number)),
            Node::Bool(flag) => constant(Value::Bool(*flag)),
            Node::Field(name) => fields(input, name),
            Node::Array(slice) => slices(input, slice),
            Node::Wildcard => (input.into_iter().flat_map(children).collect(), false),
            Node::Recursive => (input.into_iter().flat_map(descend).collect(), false),
            Node::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    let (found, failed) = self.walk_list(input.clone(), part);
                    if failed {
                        return (input, true);
                    }
                    all.extend(found);
                }
                (all, false)
            }
            Node::Filter { left, right, operator } => self.filter(input, left, right, operator),
            Node::Identifier(name) => match name.as_str() {
                "range" => {
                    self.begun += 1;
                    (input, false)
                }
                "end" if self.inside > 0 => {
                    self.ended += 1;
                    (Vec::new(), false)
                }
                "end" => (Vec::new(), true),
                _ => (input, true),
            },
        }
    }

    fn filter<'v>(&mut self, input: Vec<Item<'v>>, left: &[Node], right: &[Node], operator: &str) -> Found<'v> {
        let mut results = Vec::new();
        for item in &input {
            let Some(items) = elements(item) else { return (input, true) };
            for item in items {
                let (lefts, failed) = self.walk_list(vec![item.clone()], left);
                if operator == "exists" {
                    results.extend((!lefts.is_empty()).then_some(item));
                    continue;
                }
                if failed || lefts.len() > 1 {
                    return (input, true);
                }
                let Some(left) = lefts.first() else { continue };
                let (rights, failed) = self.walk_list(vec![item.clone()], right);
                if failed || rights.len() > 1 {
                    return (input, true);
                }
                let Some(right) = rights.first() else { continue };
                match compare(left.as_deref(), right.as_deref(), operator) {
                    Some(true) => results.push(item),
                    Some(false) => {}
                    None => return (results, true),
                }
            }
        }
        (results, false)
    }
}

/// What a filter's operator says; `None` where the kinds do not go together. Text, numbers of one kind, and truth values do.
fn compare(left: Option<&Value>, right: Option<&Value>, operator: &str) -> Option<bool> {
    let basic = |value: Option<&Value>| value.filter(|value| !matches!(value, Value::Null | Value::List(_) | Value::Map(_))).map(Val::from_value);
    let (left, right) = (basic(left)?, [basic(right)?]);
    let told = match operator {
        "==" => compare::eq(&left, &right),
        "!=" => compare::eq(&left, &right).map(|equal| !equal),
        "<" => compare::lt(&left, &right[0]),
        "<=" => compare::le(&left, &right[0]),
        ">" => compare::le(&left, &right[0]).map(|at_most| !at_most),
        ">=" => compare::lt(&left, &right[0]).map(|less| !less),
        _ => return None,
    };
    told.ok()
}

/// `evalField`: the member of each map; it fails where nothing is found at all.
fn fields<'v>(input: Vec<Item<'v>>, name: &str) -> Found<'v> {
    let empty = input.is_empty();
    let member = |item: Item<'v>| match item? {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(name).cloned().map(Cow::Owned),
    };
    let found: Vec<Item<'v>> = input.into_iter().filter_map(|item| member(item).map(Some)).collect();
    let failed = found.is_empty() && !empty;
    (found, failed)
}

/// The elements of a list; `None` for anything else.
fn elements<'v>(item: &Item<'v>) -> Option<Vec<Item<'v>>> {
    match item.as_ref()? {
        Cow::Borrowed(Value::List(list)) => Some(list.iter().map(|value| Some(Cow::Borrowed(value))).collect()),
        Cow::Owned(Value::List(list)) => Some(list.iter().map(|value| Some(Cow::Owned(value.clone()))).collect()),
        _ => None,
    }
}

/// `evalArray`
fn slices<'v>(input: Vec<Item<'v>>, slice: &Slice) -> Found<'v> {
    let mut result = Vec::new();
    for item in &input {
        if item.as_deref().is_some_and(Value::is_null) {
            continue;
        }
        let Some(items) = elements(item) else { return (input, true) };
        let length = items.len() as i64;
        let mut from = slice.from.unwrap_or(0);
        if from < 0 {
            from += length;
        }
        let mut to = slice.to.unwrap_or(length);
        if to < 0 || (to == 0 && slice.derived) {
            to += length;
        }
        if from == to {
            // Nothing of this one ends the whole, in client-go.
            return (result, false);
        }
        let step = slice.step.unwrap_or(1);
        if from >= length || from < 0 || to > length || to < 0 || from > to || step <= 0 {
            return (input, true);
        }
        result.extend(items.into_iter().skip(from as usize).take((to - from) as usize).step_by(step as usize));
    }
    (result, false)
}

/// What is in a map, a list, or a string (its bytes).
fn children(item: Item<'_>) -> Vec<Item<'_>> {
    match item {
        Some(Cow::Borrowed(Value::Map(map))) => map.values().map(|value| Some(Cow::Borrowed(value))).collect(),
        Some(Cow::Owned(Value::Map(map))) => map.into_values().map(|value| Some(Cow::Owned(value))).collect(),
        item => match item.as_deref() {
            Some(Value::String(text)) => text.as_bytes().iter().map(|byte| Some(Cow::Owned(Value::Uint(u64::from(*byte))))).collect(),
            _ => elements(&item).unwrap_or_default(),
        },
    }
}

/// `evalRecursive`: everything that has something inside of it, parents first.
fn descend(item: Item<'_>) -> Vec<Item<'_>> {
    let inner = children(item.clone());
    if inner.is_empty() {
        return Vec::new();
    }
    let mut all = vec![item];
    all.extend(inner.into_iter().flat_map(descend));
    all
}
