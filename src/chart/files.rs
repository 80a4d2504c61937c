//! `.Files`: a chart's other files, as Helm's `pkg/engine/files.go` shows them.

use super::glob::Glob;
use super::{SourceFile, gopath};
use crate::template::{GoType, Object, Printing, Signature, Val};
use crate::value::{GoStr, Map, Value};
use crate::yaml;
use base64::Engine as _;
use std::{any::Any, collections::BTreeMap, rc::Rc, sync::Arc};

/// Path to content, in path order.
pub(crate) struct Files(BTreeMap<GoStr, Arc<[u8]>>);

impl Files {
    /// The object that templates see.
    pub(crate) fn object(files: &[SourceFile]) -> Val {
        let entries = files.iter().map(|file| (GoStr::from(file.path.as_str()), file.bytes.clone()));
        Val::Object(Rc::new(Files(entries.collect())))
    }

    fn bytes(&self, path: &GoStr) -> &[u8] {
        self.0.get(path).map_or(&[], |bytes| bytes)
    }

    fn glob(&self, pattern: &str) -> Files {
        // A pattern that does not compile counts as one that takes everything.
        let glob = Glob::compile(pattern);
        let taken = self.0.iter().filter(|(path, _)| glob.as_ref().is_none_or(|glob| glob.matches(&path.to_text())));
        Files(taken.map(|(path, bytes)| (path.clone(), bytes.clone())).collect())
    }

    /// Base name to content, as YAML without the last newline.
    fn as_yaml(&self, value: impl Fn(&[u8]) -> GoStr) -> Val {
        let entry = |(path, bytes): (&GoStr, &Arc<[u8]>)| {
            (GoStr::from(gopath::base(&path.to_text())), Value::String(value(bytes)))
        };
        let map: Map = self.0.iter().map(entry).collect();
        Val::str(yaml::to_yaml(&map.into()).trim_end_matches('\n'))
    }

    fn lines(&self, path: &GoStr) -> Val {
        let bytes = self.bytes(path);
        if bytes.is_empty() {
            return Val::strings(Vec::new());
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Val::strings(bytes.split(|&byte| byte == b'\n').map(Val::str).collect())
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }
    fn kind(&self) -> &'static str {
        "map"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        let entry = |(path, bytes): (&GoStr, &Arc<[u8]>)| {
            let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!("{path}:[{}]", numbers.join(" "))
        };
        format!("map[{}]", self.0.iter().map(entry).collect::<Vec<_>>().join(" "))
    }
    fn field(&self, name: &str) -> Option<Val> {
        self.0.get(name.as_bytes()).map(|bytes| Val::Bytes(bytes[..].into()))
    }
    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        let first = match args {
            [Val::Str(text)] => Some(text),
            _ => None,
        };
        let result = match (name, first) {
            ("Get", Some(path)) => Val::str(self.bytes(path)),
            ("GetBytes", Some(path)) => Val::Bytes(self.bytes(path).into()),
            ("Lines", Some(path)) => self.lines(path),
            ("Glob", Some(pattern)) => Val::Object(Rc::new(self.glob(&pattern.to_text()))),
            ("AsConfig", _) => self.as_yaml(GoStr::from_bytes),
            ("AsSecrets", _) => {
                self.as_yaml(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes).into())
            }
            ("Get" | "GetBytes" | "Lines" | "Glob", None) => {
                return Some(Err(format!("wrong number of args for {name}: want 1 got {}", args.len())));
            }
            _ => return None,
        };
        Some(Ok(result))
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        let text: &'static [GoType] = &[GoType::String];
        let (params, result): (&'static [GoType], _) = match name {
            "Get" => (text, GoType::String),
            "GetBytes" => (text, GoType::Bytes),
            "Lines" => (text, GoType::ListString),
            "Glob" => (text, GoType::Named("engine.files")),
            "AsConfig" | "AsSecrets" => (&[], GoType::String),
            _ => return None,
        };
        Some(Signature { params, variadic: false, result })
    }
    fn entries(&self) -> Option<Vec<(GoStr, Val)>> {
        Some(self.0.iter().map(|(path, bytes)| (path.clone(), Val::Bytes(bytes[..].into()))).collect())
    }
    fn to_value(&self) -> Value {
        let encode = |bytes: &Arc<[u8]>| base64::engine::general_purpose::STANDARD.encode(bytes).into();
        Value::Map(self.0.iter().map(|(path, bytes)| (path.clone(), encode(bytes))).collect())
    }
    fn truth(&self) -> bool {
        !self.0.is_empty()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
