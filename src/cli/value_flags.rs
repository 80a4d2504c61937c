//! Where values come from: Helm's `pkg/cli/values/options.go`.

use super::goerror::path_error;
use crate::chart::layers::Layer;
use crate::chart::{strvals, values};
use crate::value::{Map, Value};
use crate::yaml;
use clap::Args;
use std::io::Read;
use std::path::Path;

/// The flags that set values.
#[derive(Args, Clone, Debug, Default)]
pub struct ValueFlags {
    /// Specify values in a YAML file or a URL (can specify multiple)
    #[arg(short = 'f', long = "values", value_name = "strings")]
    files: Vec<String>,
    /// Set values on the command line (can specify multiple or separate values with commas: key1=val1,key2=val2)
    #[arg(long, value_name = "stringArray", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Set STRING values on the command line
    #[arg(long, value_name = "stringArray", allow_hyphen_values = true)]
    set_string: Vec<String>,
    /// Set JSON values on the command line (key1=jsonval1,key2=jsonval2 or a JSON object)
    #[arg(long, value_name = "stringArray", allow_hyphen_values = true)]
    set_json: Vec<String>,
    /// Set values from files (key1=path1,key2=path2)
    #[arg(long, value_name = "stringArray", allow_hyphen_values = true)]
    set_file: Vec<String>,
    /// Set a literal STRING value on the command line
    #[arg(long, value_name = "stringArray", allow_hyphen_values = true)]
    set_literal: Vec<String>,
}

/// The largest values file.
const MAX_VALUES_BYTES: u64 = 64 * 1024 * 1024;

impl ValueFlags {
    /// The same, each file a layer of its own and all that is set on the command line one more.
    pub(super) fn layers(&self) -> Result<Vec<Layer>, String> {
        let mut layers = Vec::new();
        for path in self.files.iter().flat_map(|list| split_csv(list)) {
            let values = values::load_values(&read_file(&path)?).map_err(|text| format!("failed to parse {path}: {text}"))?;
            layers.push(Layer { name: path, values, secret: false });
        }
        let set = ValueFlags { files: Vec::new(), ..self.clone() }.merge()?;
        if !set.is_empty() {
            layers.push(Layer { name: "command line".to_owned(), values: set, secret: false });
        }
        Ok(layers)
    }

    /// `MergeValues`: all sources in Helm's order.
    pub fn merge(&self) -> Result<Map, String> {
        let mut base = Map::new();
        for list in &self.files {
            for path in split_csv(list) {
                let text = read_file(&path)?;
                let over = values::load_values(&text).map_err(|text| format!("failed to parse {path}: {text}"))?;
                values::merge_into(&mut base, over);
            }
        }
        for argument in &self.set_json {
            merge_json(argument, &mut base)?;
        }
        let failed = |flag: &str, text| format!("failed parsing --{flag} data: {text}");
        for argument in &self.set {
            strvals::parse_into(argument, &mut base).map_err(|text| failed("set", text))?;
        }
        for argument in &self.set_string {
            strvals::parse_string_into(argument, &mut base).map_err(|text| failed("set-string", text))?;
        }
        for argument in &self.set_file {
            let mut reader = |path: &str| read_file(path).map(|bytes| Value::String(bytes.into()));
            let set = strvals::parse_file_into(argument, &mut base, &mut reader);
            set.map_err(|text| failed("set-file", text))?;
        }
        for argument in &self.set_literal {
            strvals::parse_literal_into(argument, &mut base).map_err(|text| failed("set-literal", text))?;
        }
        Ok(base)
    }
}

fn merge_json(argument: &str, base: &mut Map) -> Result<(), String> {
    let trimmed = argument.trim();
    if !trimmed.starts_with('{') {
        return strvals::parse_json_into(argument, base).map_err(|_| format!("failed parsing --set-json data {argument}"));
    }
    match yaml::from_json(trimmed.as_bytes()) {
        Ok(Value::Map(over)) => {
            values::merge_into(base, over);
            Ok(())
        }
        _ => Err(format!("failed parsing --set-json data JSON: {argument}")),
    }
}

/// A flag of pflag's StringSlice: comma-separated, with quotes where a value holds commas.
pub(super) fn split_csv(list: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut chars = list.chars().peekable();
    loop {
        let mut value = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            while let Some(c) = chars.next() {
                match (c, chars.peek()) {
                    ('"', Some('"')) => {
                        chars.next();
                        value.push('"');
                    }
                    ('"', _) => break,
                    (c, _) => value.push(c),
                }
            }
        }
        let mut more = false;
        for c in chars.by_ref() {
            if c == ',' {
                more = true;
                break;
            }
            value.push(c);
        }
        values.push(value);
        if !more {
            return values;
        }
    }
}

/// A file's bytes, or those of standard input for `-`.
pub(super) fn read_file(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = match path.trim() {
        "-" => std::io::stdin().lock().take(MAX_VALUES_BYTES + 1).read_to_end(&mut bytes),
        _ => {
            let file = std::fs::File::open(path).map_err(|error| path_error("open", Path::new(path), &error))?;
            file.take(MAX_VALUES_BYTES + 1).read_to_end(&mut bytes)
        }
    };
    read.map_err(|error| path_error("read", Path::new(path), &error))?;
    if bytes.len() as u64 > MAX_VALUES_BYTES {
        return Err(format!("{path} is larger than {MAX_VALUES_BYTES} bytes"));
    }
    Ok(bytes)
}
