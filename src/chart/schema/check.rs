//! Whether a schema is one: valid by its own schema, with references and patterns that hold (`compiler.go`).

use super::document::{Node, Store};
use super::metaschema;
use super::validate::{self, pattern};
use crate::chart::Log;
use crate::chart::log::quote;
use std::collections::BTreeSet;

/// Checks the root document and everything that it reaches.
pub(super) fn check(store: &Store<'_>, log: &mut Log) -> Result<(), String> {
    let root = store.root();
    let meta = match root.draft() {
        4 => "http://json-schema.org/draft-04/schema",
        6 => "http://json-schema.org/draft-06/schema",
        7 => "http://json-schema.org/draft-07/schema",
        2019 => "https://json-schema.org/draft/2019-09/schema",
        _ => "https://json-schema.org/draft/2020-12/schema",
    };
    if let Some(meta) = metaschema::find(meta) {
        let store = Store::new(meta);
        validate::run(&store, store.root(), root.json)
            .map_err(|error| format!("{} is not valid against metaschema: {error}", quote(&root.url())))?;
    }
    let mut queue = vec![root.clone()];
    let mut seen = BTreeSet::from([root.pointer.clone()]);
    let mut warned = BTreeSet::new();
    let mut place = 0;
    while place < queue.len() {
        let node = queue[place].clone();
        place += 1;
        for next in reached(&node, store, &mut warned, log)? {
            // Other documents are schemas of schemas: they hold.
            if std::ptr::eq(next.document, root.document) && seen.insert(next.pointer.clone()) {
                queue.push(next);
            }
        }
    }
    Ok(())
}

/// The schemas that one leads to.
fn reached<'d>(
    node: &Node<'d>,
    store: &Store<'d>,
    warned: &mut BTreeSet<String>,
    log: &mut Log,
) -> Result<Vec<Node<'d>>, String> {
    let draft = node.draft();
    let mut next = Vec::new();
    for keyword in ["$ref", "$recursiveRef", "$dynamicRef"] {
        let since = match keyword {
            "$ref" => 4,
            "$recursiveRef" => 2019,
            _ => 2020,
        };
        if let Some(reference) = node.json.text(keyword).filter(|_| draft >= since) {
            match store.resolve(node, reference)? {
                Some(target) => next.push(target),
                None => {
                    if warned.insert(reference.to_owned()) {
                        log.warn("unresolved URN reference ignored; using permissive schema", &[("urn", reference)]);
                    }
                }
            }
            if draft < 2019 {
                return Ok(next);
            }
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf", "prefixItems", "items"] {
        next.extend(node.list(keyword));
    }
    let singles = [
        "not", "items", "additionalItems", "additionalProperties", "contains", "propertyNames", "if", "then", "else",
        "unevaluatedItems", "unevaluatedProperties",
    ];
    next.extend(singles.iter().filter_map(|keyword| node.child(keyword)));
    for keyword in ["properties", "patternProperties", "dependencies", "dependentSchemas"] {
        let (Some(members), Some(parent)) = (node.json.object(keyword), node.child(keyword)) else { continue };
        for (name, member) in members {
            if keyword == "patternProperties" {
                check_pattern(name, &format!("{}/{keyword}", node.url()))?;
            }
            next.push(parent.member(name, member));
        }
    }
    if let Some(text) = node.json.text("pattern") {
        check_pattern(text, &format!("{}/pattern", node.url()))?;
    }
    Ok(next)
}

fn check_pattern(text: &str, url: &str) -> Result<(), String> {
    match pattern(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("invalid regex {} at {}: {error}", quote(text), quote(url))),
    }
}
