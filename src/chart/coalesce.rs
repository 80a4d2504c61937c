//! A chart's values and the user's brought together: Helm's `pkg/chart/common/util/coalesce.go`, on shared maps.
//!
//! The maps are references, as in Go, because Helm shares them: a parent's `global` tables end up in its subcharts, and what
//! one chart puts there others see. Keys go in order where Go's order is random; only the order of notices shows it.

use super::log::Log;
use super::{Chart, values};
use crate::template::{GoType, MapRef, Val};
use crate::value::{GoStr, Map, Value};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// The entries of a map, shared.
pub(crate) type Table = Rc<RefCell<BTreeMap<GoStr, Val>>>;

/// How many levels of maps values may have: deeper ones come from hostile charts (`MAX_DEPTH` of the YAML reader is lower).
const MAX_TABLE_DEPTH: usize = 10_000;

const GLOBAL: &[u8] = b"global";

/// The user's values as a table that nothing else holds.
pub(crate) fn table(map: &Map) -> Table {
    Rc::new(RefCell::new(map.iter().map(|(key, value)| (key.clone(), Val::from_value(value))).collect()))
}

/// The table as a value.
pub(crate) fn as_val(table: &Table, ty: GoType) -> Val {
    Val::Map(MapRef { ty, entries: table.clone() })
}

/// `CoalesceValues`: the chart's defaults below `values`, for all subcharts; null removes a default.
///
/// # Errors
/// A scalar where a subchart's table belongs, with Helm's text.
pub(crate) fn coalesce_values(chart: &Chart, values: &Table, log: &mut Log) -> Result<Table, String> {
    let copy = deep_copy_table(values);
    Coalesce { merge: false, log }.chart(chart, &copy, "")?;
    Ok(copy)
}

/// `MergeValues`: the same, but null stays.
///
/// # Errors
/// As [`coalesce_values`].
pub(crate) fn merge_values(chart: &Chart, values: &Table, log: &mut Log) -> Result<Table, String> {
    let copy = deep_copy_table(values);
    Coalesce { merge: true, log }.chart(chart, &copy, "")?;
    Ok(copy)
}

/// `MergeTables`: `source` below `target`, nulls kept.
pub(crate) fn merge_tables(target: &Table, source: &Table, log: &mut Log) {
    Coalesce { merge: true, log }.tables(target, source, "", true);
}

/// `CoalesceTables`: the user's values over a file's, nulls of the user's taking defaults away.
pub(crate) fn coalesce_plain(over: &Map, defaults: &Map, log: &mut Log) -> Map {
    let target = Table::default();
    let mut run = Coalesce { merge: false, log };
    run.tables(&target, &table(over), "", false);
    run.tables(&target, &table(defaults), "", false);
    target.borrow().iter().map(|(key, value)| (key.clone(), value.to_value())).collect()
}

/// A copy that shares no map with the original.
pub(crate) fn deep_copy_table(table: &Table) -> Table {
    Rc::new(RefCell::new(table.borrow().iter().map(|(key, value)| (key.clone(), deep_copy(value))).collect()))
}

fn deep_copy(value: &Val) -> Val {
    match value {
        Val::Map(map) => Val::Map(MapRef { ty: map.ty, entries: deep_copy_table(&map.entries) }),
        Val::List(list) => {
            let items = list.items.iter().map(deep_copy).collect();
            Val::List(crate::template::List { ty: list.ty, items: Rc::new(items) })
        }
        other => other.clone(),
    }
}

/// The table in a value, where there is one.
pub(crate) fn table_of(value: &Val) -> Option<&Table> {
    match value {
        Val::Map(map) => Some(&map.entries),
        _ => None,
    }
}

fn concat_prefix(a: &str, b: &str) -> String {
    if a.is_empty() { b.to_owned() } else { format!("{a}.{b}") }
}

fn empty_table() -> Table {
    Rc::default()
}

/// What a table holds, in key order; the table itself is free to change meanwhile.
fn snapshot(table: &Table) -> Vec<(GoStr, Val)> {
    table.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

struct Coalesce<'l> {
    merge: bool,
    log: &'l mut Log,
}

impl Coalesce<'_> {
    /// `coalesce`
    fn chart(&mut self, chart: &Chart, target: &Table, prefix: &str) -> Result<(), String> {
        self.defaults(chart, target, prefix);
        self.dependencies(chart, target, prefix)
    }

    /// `coalesceDeps`
    fn dependencies(&mut self, chart: &Chart, target: &Table, prefix: &str) -> Result<(), String> {
        for subchart in &chart.dependencies {
            let name = GoStr::from(subchart.name());
            let own = target.borrow_mut().entry(name).or_insert_with(|| as_val(&empty_table(), GoType::MapAny)).clone();
            let Some(own) = table_of(&own) else {
                return Err(format!("type mismatch on {}: {}", subchart.name(), boolean_verb(&own)));
            };
            let prefix = concat_prefix(prefix, chart.name());
            self.globals(own, target, &prefix);
            self.chart(subchart, own, &prefix)?;
        }
        Ok(())
    }

    /// `coalesceGlobals`: the source's globals into the target's.
    fn globals(&mut self, target: &Table, source: &Table, prefix: &str) {
        let global = |table: &Table| match table.borrow().get(GLOBAL) {
            None => Some(empty_table()),
            Some(value) => table_of(value).cloned(),
        };
        let Some(target_globals) = global(target) else {
            return self.log.print("warning: skipping globals because destination global is not a table.");
        };
        let Some(source_globals) = global(source) else {
            return self.log.print("warning: skipping globals because source global is not a table.");
        };
        for (key, value) in snapshot(&source_globals) {
            let present = target_globals.borrow().get(&key).cloned();
            if let Some(value) = table_of(&value) {
                // A shallow copy: tables further down stay shared with the source, and take in what the target has.
                let copy: Table = Rc::new(RefCell::new(value.borrow().clone()));
                match present.as_ref().map(table_of) {
                    None => {}
                    Some(None) => {
                        let key = quote(&key);
                        self.log.print(format!("Conflict: cannot merge map onto non-map for {key}. Skipping."));
                        continue;
                    }
                    Some(Some(old)) => self.tables(&copy, old, &concat_prefix(prefix, &key.to_text()), true),
                }
                target_globals.borrow_mut().insert(key, as_val(&copy, GoType::MapAny));
            } else if present.as_ref().and_then(table_of).is_some() {
                self.log.print(format!("key {key} is table. Skipping"));
            } else {
                target_globals.borrow_mut().insert(key, value);
            }
        }
        target.borrow_mut().insert(GoStr::from(GLOBAL), as_val(&target_globals, GoType::MapAny));
    }

    /// `coalesceValues`: the chart's own defaults.
    fn defaults(&mut self, chart: &Chart, target: &Table, prefix: &str) {
        let prefix = concat_prefix(prefix, chart.name());
        for (key, default) in chart.values.iter() {
            let present = target.borrow().get(key).cloned();
            match present {
                Some(Val::Nil) if !self.merge => {
                    target.borrow_mut().remove(key);
                }
                Some(Val::Map(own)) => {
                    let Value::Map(default) = default else {
                        if !default.is_null() {
                            self.log.print(format!("warning: skipped value for {prefix}.{key}: Not a table."));
                        }
                        continue;
                    };
                    // The table of a subchart keeps its nulls: the subchart's own turn comes later.
                    let merge = self.merge || chart.dependencies.iter().any(|sub| *key == *sub.name());
                    let default = self::table(default);
                    if !merge {
                        clean_nulls(&default);
                    }
                    self.tables(&own.entries, &default, &concat_prefix(&prefix, &key.to_text()), merge);
                }
                Some(_) => {}
                None => {
                    if !self.merge && default.is_null() {
                        continue;
                    }
                    let default = Val::from_value(default);
                    if let (false, Some(table)) = (self.merge, table_of(&default)) {
                        clean_nulls(table);
                    }
                    target.borrow_mut().insert(key.clone(), default);
                }
            }
        }
    }

    /// `coalesceTablesFullKey`: the source below the target. Changes the source where the target has nulls.
    fn tables(&mut self, target: &Table, source: &Table, prefix: &str, merge: bool) {
        self.tables_at(target, source, prefix, merge, 0);
    }

    fn tables_at(&mut self, target: &Table, source: &Table, prefix: &str, merge: bool, depth: usize) {
        if depth > MAX_TABLE_DEPTH {
            return;
        }
        let defaults: Vec<GoStr> = source.borrow().iter().filter(|(_, v)| !is_nil(v)).map(|(key, _)| key.clone()).collect();
        let nulls: Vec<GoStr> = target.borrow().iter().filter(|(_, v)| is_nil(v)).map(|(key, _)| key.clone()).collect();
        for key in nulls {
            source.borrow_mut().insert(key, Val::Nil);
        }
        for (key, value) in snapshot(source) {
            let present = target.borrow().get(&key).cloned();
            match (present, &value) {
                (Some(Val::Nil), _) if !merge && defaults.binary_search(&key).is_ok() => {
                    target.borrow_mut().remove(&key);
                }
                (None, _) => {
                    target.borrow_mut().insert(key, value);
                }
                (Some(Val::Map(own)), Val::Map(value)) => {
                    let prefix = concat_prefix(prefix, &key.to_text());
                    self.tables_at(&own.entries, &value.entries, &prefix, merge, depth + 1);
                }
                (Some(_), Val::Map(_)) => {
                    let key = concat_prefix(prefix, &key.to_text());
                    let value = print_verb(&value);
                    self.log.print(format!("warning: cannot overwrite table with non table for {key} ({value})"));
                }
                (Some(Val::Map(_)), value) if !is_nil(value) => {
                    let key = concat_prefix(prefix, &key.to_text());
                    let value = print_verb(value);
                    self.log.print(format!("warning: destination for {key} is a table. Ignoring non-table value ({value})"));
                }
                _ => {}
            }
        }
    }
}

fn is_nil(value: &Val) -> bool {
    matches!(value, Val::Nil)
}

/// `cleanNilValues`: takes nulls out of a chart's defaults, so that they hide nothing.
fn clean_nulls(table: &Table) {
    table.borrow_mut().retain(|_, value| !is_nil(value));
    for value in table.borrow().values() {
        if let Some(inner) = table_of(value) {
            clean_nulls(inner);
        }
    }
}

fn quote(key: &GoStr) -> String {
    super::log::quote(&key.to_text())
}

/// Go's `%v`.
fn print_verb(value: &Val) -> String {
    values::go_print(value)
}

/// Go's `%t` of what is not a boolean, in Helm's `type mismatch` error.
fn boolean_verb(value: &Val) -> String {
    let mut out = Vec::new();
    match crate::template::fmt::append_printf(&mut out, b"%t", std::slice::from_ref(value)) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(why) => why.to_owned(),
    }
}
