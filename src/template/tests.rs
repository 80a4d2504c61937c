//! Hostile templates: each must end with an error, on an ordinary thread's stack.

use super::{Functions, Host, Limits, Options, TemplateSet, Val};
use crate::value::{GoStr, Value};

struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> i128 {
        0
    }
    fn zone(&self) -> String {
        "UTC".into()
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Null)
    }
    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}

fn run_with(text: &str, limits: &Limits) -> Result<String, String> {
    let mut set = TemplateSet::new(Functions::Helm);
    set.parse("t", &GoStr::from(text)).map_err(|error| error.to_string())?;
    let dot = Val::map([("a".into(), Val::str("x"))].into());
    match set.execute("t", &dot, &Nowhere, limits, Options::HELM) {
        Ok(out) => Ok(String::from_utf8_lossy(&out).into_owned()),
        Err(error) => Err(error.for_helm("t")),
    }
}

fn run(text: &str) -> Result<String, String> {
    run_with(text, &Limits::default())
}

/// The text is that of Go 1.26's executor for the same template.
#[test]
fn a_template_that_calls_itself_for_ever_is_refused_as_go_does() {
    let error = run("{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}").unwrap_err();
    assert_eq!(
        error,
        "t:1:28\n  executing \"r\" at <{{template \"r\" .}}>:\n    exceeded maximum template depth (100000)"
    );
}

/// helm v4.3.1 ends such a template the same way.
#[test]
fn an_include_of_itself_ends_at_helms_depth() {
    let error = run("{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}").unwrap_err();
    assert!(error.contains("rendering template has a nested reference name: r: unable to execute template"), "{error}");
}

#[test]
fn a_tpl_of_itself_ends() {
    let error = run("{{ define \"r\" }}{{ tpl \"{{ include \\\"r\\\" . }}\" . }}{{ end }}{{ include \"r\" . }}").unwrap_err();
    assert!(error.contains("nest"), "{error}");
}

#[test]
fn deep_parentheses_and_blocks_are_refused_without_overflow() {
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(run(&parens).unwrap_err(), "template: t:1: max expression depth exceeded");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(9_999), ")".repeat(9_999));
    assert_eq!(run(&nested).unwrap(), "1");
    let blocks = "{{ if 1 }}".repeat(20_000);
    assert_eq!(run(&blocks).unwrap_err(), "template: t:1: blocks nest deeper than 10000");
    let blocks = format!("{}x{}", "{{ if 1 }}".repeat(9_999), "{{ end }}".repeat(9_999));
    assert_eq!(run(&blocks).unwrap(), "x");
}

#[test]
fn steps_output_and_values_are_bounded() {
    let limits = Limits { steps: 10_000, ..Limits::default() };
    assert!(run_with("{{ range 1000000000 }}{{ end }}", &limits).unwrap_err().contains("more than 10000 steps"));
    let limits = Limits { output: 1000, ..Limits::default() };
    assert!(run_with("{{ range 1000 }}xx{{ end }}", &limits).unwrap_err().contains("grew over 1000 bytes"));
    let limits = Limits { values: 100_000, ..Limits::default() };
    let error = run_with("{{ $s := \"0123456789\" }}{{ range 30 }}{{ $s = print $s $s }}{{ end }}", &limits).unwrap_err();
    assert!(error.contains("more than 100000 bytes of values"), "{error}");
    assert!(run("{{ range 400 }}{{ printf \"%1000000d%1000000d\" 1 2 }}{{ end }}").is_err());
}

#[test]
fn a_value_nested_a_hundred_thousand_deep_is_freed() {
    let mut value = Val::Nil;
    for _ in 0..100_000 {
        value = Val::list(vec![value]);
    }
    let printed = super::fmt::sprint(&[value]);
    assert_eq!(printed, "the value nests too deep to print, or contains itself");
}
