//! Which subcharts take part, under which names, and what they export: Helm's `pkg/chart/v2/util/dependencies.go`.

use super::coalesce::{Table, as_val, coalesce_values, merge_tables, merge_values, table_of};
use super::log::Log;
use super::{Chart, Dependency, semver, values};
use crate::template::{GoType, Val};
use crate::value::{GoStr, Value};
use std::{rc::Rc, sync::Arc};

/// `ProcessDependencies`: leaves out what conditions and tags disable, applies aliases, imports values.
///
/// # Errors
/// Values of a shape that cannot hold a subchart's table, with Helm's text.
pub(crate) fn process_dependencies(chart: &mut Chart, values: &Table, log: &mut Log) -> Result<(), String> {
    enable(chart, values, "", log)?;
    import_all(chart, log)
}

/// `processDependencyEnabled`
fn enable(chart: &mut Chart, values: &Table, path: &str, log: &mut Log) -> Result<(), String> {
    let Some(mut wanted) = chart.metadata.dependencies.take() else { return Ok(()) };
    // Charts that Chart.yaml does not name stay; the others come in Chart.yaml's order, once for each entry.
    let named = |loaded: &Chart| {
        wanted.iter().any(|entry| entry.name == loaded.name() && semver::is_compatible(&entry.version, &loaded.metadata.version))
    };
    let mut taken: Vec<Chart> = chart.dependencies.iter().filter(|loaded| !named(loaded)).cloned().collect();
    for entry in &mut wanted {
        taken.extend(aliased(&chart.dependencies, entry));
        if !entry.alias.is_empty() {
            entry.name = entry.alias.clone();
        }
        entry.enabled = true;
    }
    chart.dependencies = taken;
    let coalesced = coalesce_values(chart, values, log)?;
    by_tags(&mut wanted, &coalesced, log);
    by_conditions(&mut wanted, &coalesced, path, log);
    let disabled: Vec<String> =
        wanted.iter().filter(|entry| !entry.enabled).map(|entry| entry.name.clone()).collect();
    chart.dependencies.retain(|loaded| !disabled.iter().any(|name| name == loaded.name()));
    wanted.retain(|entry| !disabled.contains(&entry.name));
    for loaded in &mut chart.dependencies {
        let path = format!("{path}{}.", loaded.name());
        enable(loaded, &coalesced, &path, log)?;
    }
    // Go appends to nil: an empty list is none.
    chart.metadata.dependencies = (!wanted.is_empty()).then_some(wanted);
    Ok(())
}

/// `getAliasDependency`: the chart for an entry, under its alias.
fn aliased(charts: &[Chart], entry: &Dependency) -> Option<Chart> {
    let fits = |chart: &&Chart| {
        chart.name() == entry.name && semver::is_compatible(&entry.version, &chart.metadata.version)
    };
    let mut found = charts.iter().find(fits)?.clone();
    if !entry.alias.is_empty() {
        found.metadata.name = entry.alias.clone();
    }
    Some(found)
}

/// `processDependencyTags`
fn by_tags(wanted: &mut [Dependency], values: &Table, log: &mut Log) {
    let Some(tags) = values.borrow().get(b"tags".as_slice()).and_then(|tags| table_of(tags).cloned()) else { return };
    for entry in wanted {
        let (mut has_true, mut has_false) = (false, false);
        for tag in &entry.tags {
            match tags.borrow().get(tag.as_bytes()) {
                None => {}
                Some(Val::Bool(true)) => has_true = true,
                Some(Val::Bool(false)) => has_false = true,
                Some(_) => log.warn("returned non-bool value", &[("tag", tag), ("chart", &entry.name)]),
            }
        }
        entry.enabled = has_true || !has_false;
    }
}

/// `processDependencyConditions`: the first path that leads to a boolean decides.
fn by_conditions(wanted: &mut [Dependency], values: &Table, prefix: &str, log: &mut Log) {
    for entry in wanted {
        let condition = entry.condition.trim().to_owned();
        for path in condition.split(',').filter(|path| !path.is_empty()) {
            match path_value(values, &format!("{prefix}{path}")) {
                Some(Val::Bool(flag)) => {
                    entry.enabled = flag;
                    break;
                }
                Some(_) => log.warn("returned non-bool value", &[("path", path), ("chart", &entry.name)]),
                None => {}
            }
        }
    }
}

/// `Values.PathValue`: what lies at a dotted path, unless it is a table or missing.
fn path_value(values: &Table, path: &str) -> Option<Val> {
    let (parents, key) = path.rsplit_once('.').map_or((None, path), |(parents, key)| (Some(parents), key));
    let table = match parents {
        Some(parents) => lookup_table(values, parents).ok()?,
        None => values.clone(),
    };
    let value = table.borrow().get(key.as_bytes()).cloned();
    value.filter(|value| table_of(value).is_none())
}

/// `Values.Table`: the table at a dotted path, or the key that is none.
fn lookup_table(values: &Table, path: &str) -> Result<Table, String> {
    let mut table = values.clone();
    for key in path.split('.') {
        let next = table.borrow().get(key.as_bytes()).and_then(|value| table_of(value).cloned());
        table = next.ok_or_else(|| format!("{} is not a table", super::log::quote(key)))?;
    }
    Ok(table)
}

/// `processDependencyImportValues`, children first.
fn import_all(chart: &mut Chart, log: &mut Log) -> Result<(), String> {
    for dependency in &mut chart.dependencies {
        import_all(dependency, log)?;
    }
    import(chart, log)
}

/// `processImportValues`: what the dependencies export becomes part of the chart's defaults, below its own.
fn import(chart: &mut Chart, log: &mut Log) -> Result<(), String> {
    let Some(mut entries) = chart.metadata.dependencies.take() else { return Ok(()) };
    let merged = merge_values(chart, &Table::default(), log)?;
    let imported = Table::default();
    for entry in &mut entries {
        let mut normal = Vec::new();
        for wish in &entry.import_values {
            let (child, parent, missing) = match wish {
                Value::Map(map) => {
                    let name = |key: &str| map.get(key.as_bytes()).map_or("<nil>".to_owned(), print_value);
                    (name("child"), name("parent"), "ImportValues missing table from chart")
                }
                Value::String(name) => (format!("exports.{name}"), ".".to_owned(), "ImportValues missing table"),
                _ => continue,
            };
            normal.push(pair(&child, &parent));
            match lookup_table(&merged, &format!("{}.{child}", entry.name)) {
                Ok(found) => merge_tables(&imported, &nested(&parent, &found), log),
                Err(error) if matches!(wish, Value::Map(_)) => {
                    log.warn(missing, &[("chart", &entry.name), ("error", &error)]);
                }
                Err(error) => log.warn(missing, &[("error", &error)]),
            }
        }
        entry.import_values = normal;
    }
    chart.metadata.dependencies = Some(entries);
    // The parent's own values win over what it imports.
    let own = super::coalesce::deep_copy_table(&merged);
    merge_tables(&own, &imported, log);
    let values = own.borrow().iter().map(|(key, value)| (key.clone(), value.to_value())).collect();
    chart.values = Arc::new(values);
    Ok(())
}

fn pair(child: &str, parent: &str) -> Value {
    Value::Map([(GoStr::from("child"), child.into()), (GoStr::from("parent"), parent.into())].into())
}

fn print_value(value: &Value) -> String {
    values::go_print(&Val::from_value(value))
}

/// `pathToMap`: the table under a dotted path of its own.
fn nested(path: &str, table: &Table) -> Table {
    if path == "." {
        // Go hands over a nil map as an empty one, and the very map otherwise.
        return table.clone();
    }
    path.rsplit('.').fold(table.clone(), |inner, key| {
        let outer = Table::default();
        outer.borrow_mut().insert(GoStr::from(key), as_val(&inner, GoType::MapAny));
        Rc::clone(&outer)
    })
}
