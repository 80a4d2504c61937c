//! Where a TOML document's keys go, and which of them stand there already (`parse.go`).

use super::Toml;
use crate::value::GoStr;
use std::collections::{BTreeMap, BTreeSet};

/// A value under way; lists of tables are told from arrays.
#[derive(Debug)]
pub(super) enum Item {
    Value(Toml),
    Table(BTreeMap<GoStr, Item>),
    Tables(Vec<BTreeMap<GoStr, Item>>),
}

/// A dotted key.
pub(super) type Key = Vec<GoStr>;

/// Go's text of a key, parts quoted where they must be.
pub(super) fn key_text(key: &[GoStr]) -> String {
    let mut out = Vec::new();
    for (place, part) in key.iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        super::encode::write_key(part, &mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The document's tables.
#[derive(Default)]
pub(super) struct Tables {
    root: BTreeMap<GoStr, Item>,
    implicit: BTreeSet<Key>,
    arrays: BTreeSet<Key>,
}

impl Tables {
    pub(super) fn finish(self) -> BTreeMap<GoStr, Toml> {
        finished(self.root)
    }

    pub(super) fn add_implicit(&mut self, key: &[GoStr]) {
        self.implicit.insert(key.to_vec());
    }

    pub(super) fn note_array(&mut self, key: Key, array: bool) {
        if array {
            self.arrays.insert(key);
        } else {
            self.arrays.remove(&key);
        }
    }

    /// Walks to a table, the latest of a list of tables; the part of the key that is none.
    fn walk<'t>(
        root: &'t mut BTreeMap<GoStr, Item>,
        path: &[GoStr],
        mut create: impl FnMut(&[GoStr]),
    ) -> Result<&'t mut BTreeMap<GoStr, Item>, usize> {
        let mut table = root;
        for (place, part) in path.iter().enumerate() {
            if !table.contains_key(part) {
                create(&path[..=place]);
            }
            table = match table.entry(part.clone()).or_insert_with(|| Item::Table(BTreeMap::new())) {
                Item::Table(inner) => inner,
                Item::Tables(list) => list.last_mut().ok_or(place)?,
                Item::Value(_) => return Err(place),
            };
        }
        Ok(table)
    }

    /// Go's `addContext`: makes the tables that a key names; the mistake's words and the context it leaves.
    pub(super) fn add_context(&mut self, key: &[GoStr], array: bool) -> Result<(), (String, Key)> {
        let Some((last, parent)) = key.split_last() else { return Ok(()) };
        let implicit = &mut self.implicit;
        let walked = Self::walk(&mut self.root, parent, |made| {
            implicit.insert(made.to_vec());
        });
        let table = match walked {
            Ok(table) => table,
            Err(place) => {
                let text = format!("Key '{}' was already created as a hash.", key_text(&parent[..=place]));
                return Err((text, Vec::new()));
            }
        };
        if !array {
            return self.set(parent, last, Item::Table(BTreeMap::new())).map_err(|text| (text, parent.to_vec()));
        }
        match table.entry(last.clone()).or_insert_with(|| Item::Tables(Vec::new())) {
            Item::Tables(list) => {
                list.push(BTreeMap::new());
                Ok(())
            }
            _ => {
                let text = format!("Key '{}' was already created and cannot be used as an array.", key_text(key));
                Err((text, parent.to_vec()))
            }
        }
    }

    /// Go's `setValue`: puts a value under `name` in the table `context`.
    pub(super) fn set(&mut self, context: &[GoStr], name: &GoStr, item: Item) -> Result<(), String> {
        let defined = |key: &[GoStr]| format!("Key '{}' has already been defined.", key_text(key));
        let table = Self::walk(&mut self.root, context, |_| {}).map_err(|place| defined(&context[..=place]))?;
        let key = [context, std::slice::from_ref(name)].concat();
        if table.contains_key(name) {
            if !self.implicit.remove(&key) {
                return Err(defined(&key));
            }
            if !self.arrays.contains(&key) {
                return Ok(());
            }
        }
        table.insert(name.clone(), item);
        Ok(())
    }
}

fn finished(table: BTreeMap<GoStr, Item>) -> BTreeMap<GoStr, Toml> {
    let item = |item: Item| match item {
        Item::Value(value) => value,
        Item::Table(inner) => Toml::Table(crate::yaml::deep::deeper(|| finished(inner))),
        Item::Tables(list) => Toml::Tables(list.into_iter().map(|table| crate::yaml::deep::deeper(|| finished(table))).collect()),
    };
    table.into_iter().map(|(key, value)| (key, item(value))).collect()
}
