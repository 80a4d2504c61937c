//! Templates to text: `render` in Helm's `pkg/engine/engine.go`.

use super::manifests::Files;
use super::scope::{Renderable, all_templates};
use super::{Options, RenderError};
use crate::chart::coalesce::{Table, as_val};
use crate::chart::{Chart, gopath};
use crate::template::{self, Functions, GoType, Limits, MissingKey, TemplateSet, Val, funcs::Host, parse_error_for_helm};
use std::cmp::Reverse;

/// Renders every template that is no partial.
pub(super) fn render_files(chart: &Chart, values: &Table, options: &Options, host: &dyn Host) -> Result<Files, RenderError> {
    let templates = all_templates(chart, values, options);
    let mut order: Vec<&String> = templates.keys().collect();
    // `sortTemplates`: deep paths first, so that a chart's own definitions come after those of its subcharts and win.
    order.sort_by_key(|path| Reverse((path.matches('/').count(), *path)));
    let mut set = TemplateSet::new(Functions::Helm);
    for path in &order {
        let parsed = options.cache.parsed(path, &templates[*path].file.bytes);
        set.add(&parsed.map_err(|error| RenderError::Template(parse_error_for_helm(path, &error)))?);
    }
    let running = template::Options {
        missing_key: if options.strict { MissingKey::Error } else { MissingKey::Zero },
        lint: options.lint,
        ..template::Options::HELM
    };
    let limits = Limits::default();
    let mut files = Files::new();
    for path in order {
        let Renderable { dot, base_path, .. } = &templates[path];
        if gopath::base(path).starts_with('_') {
            continue;
        }
        let template = Table::default();
        template.borrow_mut().insert("Name".into(), Val::str(path.as_str()));
        template.borrow_mut().insert("BasePath".into(), Val::str(base_path.as_str()));
        dot.borrow_mut().insert("Template".into(), as_val(&template, GoType::Values));
        let text = set.execute(path, &as_val(dot, GoType::Values), host, &limits, running);
        let text = text.map_err(|error| RenderError::Template(error.for_helm(path)))?;
        files.insert(path.clone(), text);
    }
    Ok(files)
}
