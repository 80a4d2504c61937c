//! values.schema.json against what helm v4.3.1 says (`tests/cases/schema/cases.json`).

use windlass::chart::{Log, schema};
use windlass::{value::Value, yaml};

#[test]
fn schemas_as_helm() {
    let text = include_bytes!("../cases/schema/cases.json");
    let cases: serde_json::Value = serde_json::from_slice(text).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let schema_text = case["schema"].to_string();
        let values = yaml::from_json(case["value"].to_string().as_bytes()).unwrap();
        let Value::Map(values) = values else { panic!("values are a map") };
        let got = schema::validate_one(schema_text.as_bytes(), &values, &mut Log::default()).err();
        assert_eq!(got.as_deref(), case["error"].as_str(), "{schema_text}");
    }
}
