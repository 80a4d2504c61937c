//! An Environment from a file, with the care that the API server takes of an object.

use super::Environment;
use serde_json::Value;

/// Reads one Environment from YAML or JSON text.
///
/// # Errors
/// What is wrong with it: the syntax with its line, another kind, a field that no Environment has, a field of the wrong type.
pub fn parse(text: &str) -> Result<Environment, String> {
    let json = parse_json(text)?;
    let env: Environment = serde_json::from_value(json.clone()).map_err(|error| format!("not an Environment: {error}"))?;
    let known = serde_json::to_value(&env).expect("it came from JSON");
    match unknown(&json["spec"], &known["spec"], "spec") {
        Some(field) => Err(format!("unknown field \"{field}\"")),
        None => Ok(env),
    }
}

/// The same as plain JSON, for commands that write it back.
///
/// # Errors
/// The syntax with its line, or another kind.
pub fn parse_json(text: &str) -> Result<Value, String> {
    let value = crate::yaml::from_yaml(text.as_bytes()).map_err(|error| error.to_string())?;
    let mut json: Value = serde_json::from_str(&crate::yaml::to_json(&value, false)).map_err(|error| error.to_string())?;
    if json["kind"] != "Environment" {
        return Err(format!("kind is {}, and an Environment is needed", json["kind"]));
    }
    if !matches!(json["metadata"], Value::Object(_) | Value::Null) {
        return Err(format!("metadata is {}, and a mapping with a name is needed", json["metadata"]));
    }
    if json["metadata"]["namespace"].is_null() {
        json["metadata"]["namespace"] = "default".into();
    }
    Ok(json)
}

/// The path of a field that was written and not understood. Empty things are left out when written back.
fn unknown(written: &Value, understood: &Value, path: &str) -> Option<String> {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => written.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match understood.get(key) {
                Some(known) => unknown(value, known, &path),
                None if empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(written), Value::Array(understood)) => {
            let mut pairs = written.iter().zip(understood).enumerate();
            pairs.find_map(|(at, (value, known))| unknown(value, known, &format!("{path}[{at}]")))
        }
        _ => None,
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: windlass.dev/v1alpha1\nkind: Environment\nmetadata: {name: shop}\nspec:\n  source: {git: {url: 'file:///x', branch: main}}\n";

    #[test]
    fn a_file_means_what_the_object_means() {
        let env = parse(FILE).expect("it is right");
        assert_eq!(env.metadata.namespace.as_deref(), Some("default"));
        assert_eq!(env.spec.source.git.as_ref().unwrap().interval, "1m");
        let wrong = parse(&format!("{FILE}  syncs: {{mode: Manual}}\n"));
        assert_eq!(wrong.expect_err("no such field"), "unknown field \"spec.syncs\"");
        let wrong = parse(&format!("{FILE}  sync: {{retry: {{limits: 3}}}}\n"));
        assert_eq!(wrong.expect_err("no such field"), "unknown field \"spec.sync.retry.limits\"");
        assert!(parse(&format!("{FILE}  values: {{inline: {{anything: {{goes: 1}}}}, files: []}}\n")).is_ok());
        assert!(parse("kind: Pod").expect_err("another kind").contains("an Environment is needed"));
    }
}
