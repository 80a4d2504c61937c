//! Findings for people, for programs and for CI servers.

use super::finding::Finding;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was checked and what was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Against what: `Kubernetes 1.37.2`.
    pub against: String,
    /// Each object that was checked, as people call it, with its source.
    pub checked: Vec<(String, Option<String>)>,
    /// What was found, in the order of the objects.
    pub findings: Vec<Finding>,
}

/// A line for each finding, and a summary.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}");
    }
    let (objects, findings) = (report.checked.len(), report.findings.len());
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let _ = writeln!(text, "{} checked against {}: {}", plural(objects, "object"), report.against, plural(findings, "finding"));
    text
}

/// One JSON object.
pub fn json(report: &Report) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "type": finding.fault,
            "object": {
                "apiVersion": finding.object.gvk.api_version(), "kind": finding.object.gvk.kind,
                "namespace": finding.object.namespace, "name": finding.object.name,
            },
            "source": finding.source, "line": finding.line, "templateLine": finding.template_line,
            "field": finding.path(), "message": finding.message,
        })
    };
    let findings: Vec<Value> = report.findings.iter().map(finding).collect();
    json!({ "against": report.against, "objects": report.checked.len(), "findings": findings })
}

/// JUnit's XML: a suite for each source, a case for each object.
pub fn junit(report: &Report) -> String {
    let mut suites: BTreeMap<&str, BTreeMap<&str, Vec<&Finding>>> = BTreeMap::new();
    for (object, source) in &report.checked {
        suites.entry(source.as_deref().unwrap_or("-")).or_default().entry(object).or_default();
    }
    let named: Vec<(String, &Finding)> = report.findings.iter().map(|finding| (name(finding), finding)).collect();
    for (object, finding) in &named {
        suites.entry(finding.source.as_deref().unwrap_or("-")).or_default().entry(object).or_default().push(finding);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"windlass validate\">\n");
    for (source, cases) in &suites {
        let failures = cases.values().filter(|found| !found.is_empty()).count();
        let _ = writeln!(text, "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">", escape(source), cases.len());
        for (object, found) in cases {
            let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escape(source), escape(object));
            let [first, ..] = found.as_slice() else {
                let _ = writeln!(text, "{head}/>");
                continue;
            };
            let all: Vec<String> = found.iter().map(|finding| finding.to_string()).collect();
            let (fault, message, all) = (first.fault, escape(&first.message), escape(&all.join("\n")));
            let _ = writeln!(text, "{head}>\n      <failure type=\"{fault}\" message=\"{message}\">{all}</failure>\n    </testcase>");
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// How a finding's object is called among the checked ones.
fn name(finding: &Finding) -> String {
    if finding.object.gvk.kind.is_empty() { "document".to_owned() } else { finding.object.to_string() }
}

/// Text within XML; what XML 1.0 cannot hold becomes a question mark.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() && c != '\t' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
