//! What each chart's templates see, and which templates there are: `recAllTpls` in Helm's `pkg/engine/engine.go`.

use super::Options;
use crate::chart::coalesce::{Table, as_val, table_of};
use crate::chart::files::Files;
use crate::chart::{Chart, Dependency, Metadata, SourceFile, gopath};
use crate::template::{GoType, MapRef, Val};
use crate::value::GoStr;
use std::{collections::BTreeMap, rc::Rc};

/// One template with what it sees.
pub(super) struct Renderable<'c> {
    pub file: &'c SourceFile,
    /// The dot: shared by all templates of a chart.
    pub dot: Table,
    /// `.Template.BasePath`
    pub base_path: String,
}

/// All templates of a chart and its subcharts by their full path.
pub(super) fn all_templates<'c>(chart: &'c Chart, values: &Table, options: &Options) -> BTreeMap<String, Renderable<'c>> {
    let shared = [("Release", release(options)), ("Capabilities", options.capabilities.clone().object())];
    let mut templates = BTreeMap::new();
    let values = as_val(values, GoType::Values);
    collect(chart, true, chart.name(), values, &shared, &mut templates);
    templates
}

fn collect<'c>(
    chart: &'c Chart,
    is_root: bool,
    full_path: &str,
    values: Val,
    shared: &[(&str, Val)],
    templates: &mut BTreeMap<String, Renderable<'c>>,
) -> Table {
    let metadata = metadata_map(&chart.metadata, is_root);
    let subcharts = Table::default();
    let dot = table(shared.iter().cloned().chain([
        ("Chart", metadata),
        ("Files", Files::object(&chart.files)),
        ("Values", values.clone()),
        ("Subcharts", as_val(&subcharts, GoType::MapAny)),
    ]));
    for child in &chart.dependencies {
        // `.Values.NAME` of the parent where that is a table, else nothing. Dots in the name lead further down.
        let own = child.name().split('.').try_fold(values.clone(), |table, key| {
            table_of(&table).and_then(|table| table.borrow().get(key.as_bytes()).cloned())
        });
        let own = own.as_ref().and_then(table_of).cloned();
        let own = as_val(&own.unwrap_or_default(), GoType::Values);
        let path = format!("{full_path}/charts/{}", child.name());
        let inner = collect(child, false, &path, own, shared, templates);
        subcharts.borrow_mut().insert(child.name().into(), as_val(&inner, GoType::MapAny));
    }
    let base_path = gopath::join(&[full_path, "templates"]);
    for file in &chart.templates {
        if chart.is_library() && !gopath::base(&file.path).starts_with('_') {
            continue;
        }
        let path = gopath::join(&[full_path, &file.path]);
        templates.insert(path, Renderable { file, dot: dot.clone(), base_path: base_path.clone() });
    }
    dot
}

fn table<'k>(entries: impl IntoIterator<Item = (&'k str, Val)>) -> Table {
    let table = Table::default();
    table.borrow_mut().extend(entries.into_iter().map(|(key, value)| (GoStr::from(key), value)));
    table
}

fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Val)>) -> Val {
    as_val(&table(entries), GoType::MapAny)
}

fn release(options: &Options) -> Val {
    map([
        ("Name", Val::str(options.release_name.as_str())),
        ("Namespace", Val::str(options.namespace.as_str())),
        ("IsUpgrade", Val::Bool(options.is_upgrade)),
        ("IsInstall", Val::Bool(!options.is_upgrade && !options.lint)),
        ("Revision", Val::int(options.revision)),
        ("Service", Val::str("Helm")),
    ])
}

/// `.Chart`: the metadata as `structToMap` in Helm's `pkg/chart/common.go` makes it, with `IsRoot`.
fn metadata_map(metadata: &Metadata, is_root: bool) -> Val {
    let text = |text: &str| Val::str(text);
    let texts = |list: &[String]| Val::list(list.iter().map(|item| text(item)).collect());
    let annotations = match &metadata.annotations {
        None => MapRef::nil(GoType::MapString),
        Some(list) => MapRef {
            ty: GoType::MapString,
            entries: table(list.iter().map(|(key, value)| (key.as_str(), text(value)))),
        },
    };
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        map([
            ("Name", text(&maintainer.name)),
            ("Email", text(&maintainer.email)),
            ("URL", text(&maintainer.url)),
        ])
    });
    map([
        ("Name", text(&metadata.name)),
        ("Home", text(&metadata.home)),
        ("Sources", texts(&metadata.sources)),
        ("Version", text(&metadata.version)),
        ("Description", text(&metadata.description)),
        ("Keywords", texts(&metadata.keywords)),
        ("Maintainers", Val::list(maintainers.collect())),
        ("Icon", text(&metadata.icon)),
        ("APIVersion", text(&metadata.api_version)),
        ("Condition", text(&metadata.condition)),
        ("Tags", text(&metadata.tags)),
        ("AppVersion", text(&metadata.app_version)),
        ("Deprecated", Val::Bool(metadata.deprecated)),
        ("Annotations", Val::Map(annotations)),
        ("KubeVersion", text(&metadata.kube_version)),
        ("Dependencies", Val::list(metadata.dependencies().iter().map(dependency_map).collect())),
        ("Type", text(&metadata.kind)),
        ("IsRoot", Val::Bool(is_root)),
    ])
}

fn dependency_map(dependency: &Dependency) -> Val {
    let text = |text: &str| Val::str(text);
    // Helm made each import a map[string]string when it processed the dependencies.
    let import = |wish: &crate::value::Value| match Val::from_value(wish) {
        Val::Map(map) => {
            let entries = Rc::clone(&map.entries);
            Val::Map(MapRef { ty: GoType::MapString, entries })
        }
        other => other,
    };
    map([
        ("Name", text(&dependency.name)),
        ("Version", text(&dependency.version)),
        ("Repository", text(&dependency.repository)),
        ("Condition", text(&dependency.condition)),
        ("Tags", Val::list(dependency.tags.iter().map(|tag| text(tag)).collect())),
        ("Enabled", Val::Bool(dependency.enabled)),
        ("ImportValues", Val::list(dependency.import_values.iter().map(import).collect())),
        ("Alias", text(&dependency.alias)),
    ])
}
