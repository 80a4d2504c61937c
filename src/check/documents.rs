//! A text to its documents, so that findings have lines.

use super::finding::{Fault, Finding, Step};
use super::{Catalog, check_object};
use crate::object::{self, Object, ObjectRef};
use crate::yaml;

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// The template that helm's `# Source:` comment names, or the file.
    pub source: Option<String>,
    /// The line of the stream where it begins, from 1.
    pub first_line: usize,
    /// Its text.
    pub text: String,
    /// Its objects, lists opened; or what keeps it from being any.
    pub objects: Result<Vec<Object>, String>,
}

/// Splits a stream at its lines `---`. `label` is what documents without a `# Source:` come from. Empty ones are left out.
pub fn documents(text: &str, label: Option<&str>) -> Vec<Document> {
    let mut found: Vec<(usize, String)> = vec![(1, String::new())];
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match line.strip_prefix("---") {
            // What follows on the line belongs to the document.
            Some(rest) => found.push((at + 1, rest.to_owned())),
            None => found.last_mut().expect("it begins with one").1.push_str(line),
        }
    }
    found.retain(|(_, text)| !text.trim().is_empty());
    let document = |(first_line, text): (usize, String)| {
        let named = text.lines().find_map(|line| line.strip_prefix("# Source: ")).map(|path| path.trim().to_owned());
        let source = named.or_else(|| label.map(str::to_owned));
        // As kubectl has it: what begins like JSON and is, is read as JSON. YAML knows no pairs of surrogates.
        let json = text.trim_start().starts_with('{').then(|| serde_json::from_str(&text).ok()).flatten();
        let objects = match json {
            Some(json) => object::from_json_value(json, None),
            None => object::split_documents(&text).map_err(|error| error.what),
        };
        let labelled = |mut object: Object| {
            object.source.clone_from(&source);
            object
        };
        let objects = objects.map(|objects| objects.into_iter().map(labelled).collect());
        Document { source, first_line, text, objects }
    };
    found.into_iter().map(document).collect()
}

impl Document {
    /// Checks its objects. Findings have the lines of the stream.
    pub fn check(&self, catalog: &Catalog) -> Vec<Finding> {
        let objects = match &self.objects {
            Ok(objects) => objects,
            Err(what) => return vec![self.no_object(what)],
        };
        let mut found = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            for mut finding in check_object(object, catalog) {
                finding.line = self.line(&finding.steps, (objects.len() > 1).then_some(at));
                found.push(finding);
            }
        }
        found
    }

    fn no_object(&self, what: &str) -> Finding {
        let mut finding = Finding::new(Fault::NotAnObject, Vec::new(), what.to_owned());
        finding.source.clone_from(&self.source);
        finding.line = Some(self.first_line);
        // A document that is YAML may at least say what it is called.
        if let Ok(value) = yaml::from_yaml(self.text.as_bytes()) {
            let text = |value: Option<&crate::value::Value>| match value {
                Some(crate::value::Value::String(text)) => text.to_text(),
                _ => String::new(),
            };
            let metadata = value.get("metadata");
            finding.object = ObjectRef {
                gvk: object::Gvk::new(&text(value.get("apiVersion")), &text(value.get("kind"))),
                namespace: None,
                name: text(metadata.and_then(|meta| meta.get("name"))),
            };
        }
        finding
    }

    /// `item`: the object's place in the list that the document is.
    fn line(&self, steps: &[Step], item: Option<usize>) -> Option<usize> {
        let list = item.into_iter().flat_map(|at| [yaml::Step::Key("items"), yaml::Step::Index(at)]);
        let steps = steps.iter().map(|step| match step {
            Step::Key(key) => yaml::Step::Key(key),
            Step::Index(index) => yaml::Step::Index(*index),
        });
        let path: Vec<yaml::Step> = list.chain(steps).collect();
        Some(self.first_line + yaml::line_of(self.text.as_bytes(), &path)? - 1)
    }
}

/// The line, from 1, of a template that must have given the field: the only one that begins with its key. A missing field has
/// none.
pub fn template_line(template: &str, finding: &Finding) -> Option<usize> {
    if matches!(finding.fault, Fault::Required | Fault::NotAnObject) {
        return None;
    }
    let key = match finding.fault {
        Fault::UnknownKind => "kind",
        _ => finding.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })?,
    };
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let rest = line.strip_prefix(key).or_else(|| line.strip_prefix('"')?.strip_prefix(key)?.strip_prefix('"'));
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let mut lines = template.lines().enumerate().filter(|(_, line)| begins(line));
    let (at, _) = lines.next()?;
    lines.next().is_none().then_some(at + 1)
}
