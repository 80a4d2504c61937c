//! Objects that are kept for later, in a fifth of the room: each map of a JSON tree takes 632 bytes, however few keys it has.

use super::{Object, ObjectRef};
use serde_json::{Number, Value};

/// Objects, packed. They come out exactly as they went in.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed(Box<[(ObjectRef, Option<Box<str>>, Datum)]>);

#[derive(Clone, Debug, PartialEq)]
enum Datum {
    Null,
    Bool(bool),
    Number(Number),
    String(Box<str>),
    List(Box<[Datum]>),
    Map(Box<[(Box<str>, Datum)]>),
}

impl Packed {
    /// Packs them.
    pub fn new(objects: &[Object]) -> Packed {
        Packed(objects.iter().map(|object| (object.reference.clone(), object.source.as_deref().map(Into::into), pack(&object.json))).collect())
    }

    /// The objects.
    pub fn objects(&self) -> Vec<Object> {
        self.those(|_| true)
    }

    /// Those of them that are asked for; the others stay packed.
    pub fn those(&self, wanted: impl Fn(&ObjectRef) -> bool) -> Vec<Object> {
        let object = |(reference, source, datum): &(ObjectRef, Option<Box<str>>, Datum)| Object {
            reference: reference.clone(),
            json: unpack(datum),
            source: source.as_deref().map(Into::into),
        };
        self.0.iter().filter(|(reference, ..)| wanted(reference)).map(object).collect()
    }
}

fn pack(json: &Value) -> Datum {
    match json {
        Value::Null => Datum::Null,
        Value::Bool(flag) => Datum::Bool(*flag),
        Value::Number(number) => Datum::Number(number.clone()),
        Value::String(text) => Datum::String(text.as_str().into()),
        Value::Array(list) => Datum::List(list.iter().map(pack).collect()),
        Value::Object(map) => Datum::Map(map.iter().map(|(key, value)| (key.as_str().into(), pack(value))).collect()),
    }
}

fn unpack(datum: &Datum) -> Value {
    match datum {
        Datum::Null => Value::Null,
        Datum::Bool(flag) => Value::Bool(*flag),
        Datum::Number(number) => Value::Number(number.clone()),
        Datum::String(text) => Value::String(text.to_string()),
        Datum::List(list) => Value::Array(list.iter().map(unpack).collect()),
        Datum::Map(map) => Value::Object(map.iter().map(|(key, value)| (key.to_string(), unpack(value))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in() {
        let text = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b","labels":{}},"n":null,
            "list":[true,1,-2,18446744073709551615,0.1,1e23,5e-324,"",[],{"k":"ü"}]}"#;
        let mut all = vec![Object::new(serde_json::from_str(text).unwrap(), Some("shop/templates/a.yaml".into())), Object::new(Value::Null, None)];
        all[1].reference.name = "kept as it is".into();
        let packed = Packed::new(&all);
        assert_eq!(packed.objects(), all);
        assert_eq!(packed.those(|reference| reference.name == "a"), all[..1]);
        assert_eq!(serde_json::to_string(&packed.objects()).unwrap(), serde_json::to_string(&all).unwrap());
    }
}
