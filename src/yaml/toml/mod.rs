//! TOML as `github.com/BurntSushi/toml` v1.6.0 reads and writes it.

mod decode;
mod encode;
mod lex;
mod scalar;
mod table;

use crate::value::{GoStr, Value};
use std::collections::BTreeMap;

pub(super) use decode::decode;
pub(super) use encode::encode;

/// What a TOML text holds, with Go's types: `[[list]]` is a list of tables, dates are times.
#[derive(Clone, Debug, PartialEq)]
pub enum Toml {
    /// A string, number or boolean.
    Plain(Value),
    /// A date or time.
    Time(Moment),
    /// An array (`[]interface {}`).
    List(Vec<Toml>),
    /// A table (`map[string]interface {}`).
    Table(BTreeMap<GoStr, Toml>),
    /// A list of tables by their headers (`[]map[string]interface {}`).
    Tables(Vec<BTreeMap<GoStr, Toml>>),
}

/// A date, a time or both, perhaps with a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// As written, with `T` and `Z` in capitals.
    pub text: String,
    /// As JSON shows it where local time is UTC.
    pub json: String,
}

impl From<Value> for Toml {
    fn from(value: Value) -> Self {
        Toml::Plain(value)
    }
}

impl Toml {
    /// The plain form, as JSON would show it.
    pub fn into_value(self) -> Value {
        let table = |table: BTreeMap<GoStr, Toml>| {
            Value::Map(table.into_iter().map(|(key, item)| (key, super::deep::deeper(|| item.into_value()))).collect())
        };
        match self {
            Toml::Plain(value) => value,
            Toml::Time(moment) => Value::from(moment.json),
            Toml::List(items) => Value::List(items.into_iter().map(|item| super::deep::deeper(|| item.into_value())).collect()),
            Toml::Table(inner) => table(inner),
            Toml::Tables(list) => Value::List(list.into_iter().map(table).collect()),
        }
    }
}
