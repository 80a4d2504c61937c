//! `semver` and `semverCompare`, and what a version shows to templates.

use super::args::text;
use super::{FuncDef, FuncResult, Host};
use crate::template::semver::{Constraints, Part, Version};
use crate::template::{GoType as T, Object, Signature, Val};
use crate::value::Value;
use std::rc::Rc;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("semver", &[T::String], POINTER, semver,
        "The version, with `Major Minor Patch Prerelease Metadata Original Compare LessThan IncMinor` and so on."),
    FuncDef::new("semverCompare", &[T::String, T::String], T::Bool, compare,
        "Whether the second string, a version, satisfies the first, a constraint such as `>=1.2-0` or `^1.4 || 2.x`."),
];

const POINTER: T = T::Named("*semver.Version");

/// A version in a template: what `semver` gives is a pointer, what `IncMinor` and the like give is not, and then has
/// only the methods that Go defines on the value.
struct Shown {
    version: Version,
    pointer: bool,
}

fn semver(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(Val::Object(Rc::new(Shown { version: Version::parse(text(args, 0))?, pointer: true })))
}

fn compare(_: &dyn Host, args: &[Val]) -> FuncResult {
    let constraints = Constraints::parse(text(args, 0))?;
    Ok(Val::Bool(constraints.check(&Version::parse(text(args, 1))?)))
}

/// What `deepCopy` makes of a version: a zero one, since all its fields are unexported.
pub(super) fn copied(object: &Rc<dyn Object>) -> Option<Val> {
    let pointer = object.as_any().downcast_ref::<Shown>()?.pointer;
    let (pre, metadata, original) = Default::default();
    Some(Val::Object(Rc::new(Shown { version: Version { major: 0, minor: 0, patch: 0, pre, metadata, original }, pointer })))
}

/// A method's parameters and result, and whether the pointer alone has it.
fn method(name: &str) -> Option<(Signature, bool)> {
    const VERSION: T = T::Named("semver.Version");
    let (params, result, pointer): (&'static [T], T, bool) = match name {
        "Compare" => (&[POINTER], T::Int, true),
        "Equal" | "GreaterThan" | "GreaterThanEqual" | "LessThan" | "LessThanEqual" => (&[POINTER], T::Bool, true),
        "Original" => (&[], T::String, true),
        "IncMajor" | "IncMinor" | "IncPatch" => (&[], VERSION, false),
        "Major" | "Minor" | "Patch" => (&[], T::Uint64, false),
        "Metadata" | "Prerelease" | "String" => (&[], T::String, false),
        "MarshalJSON" | "MarshalText" => (&[], T::Bytes, false),
        "SetMetadata" | "SetPrerelease" => (&[T::String], VERSION, false),
        "Value" => (&[], T::Any, false),
        _ => return None,
    };
    Some((Signature { params, variadic: false, result }, pointer))
}

impl Object for Shown {
    fn type_name(&self) -> &'static str {
        if self.pointer { "*semver.Version" } else { "semver.Version" }
    }

    fn kind(&self) -> &'static str {
        if self.pointer { "ptr" } else { "struct" }
    }

    fn display(&self) -> String {
        self.version.to_string()
    }

    fn field(&self, _: &str) -> Option<Val> {
        None
    }

    /// None of them exported; `printf "%d"` shows them.
    fn fields(&self) -> Vec<(&'static str, Val)> {
        let number = |value: u64| Val::Uint(value, T::Uint64);
        let Version { major, minor, patch, pre, metadata, original } = &self.version;
        let text = |text: &[u8]| Val::str(text);
        vec![
            ("major", number(*major)),
            ("minor", number(*minor)),
            ("patch", number(*patch)),
            ("pre", text(pre.as_ref())),
            ("metadata", text(metadata.as_ref())),
            ("original", text(original.as_ref())),
        ]
    }

    fn signature(&self, name: &str) -> Option<Signature> {
        method(name).filter(|(_, pointer)| self.pointer || !pointer).map(|(signature, _)| signature)
    }

    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        self.signature(name)?;
        let version = &self.version;
        let value = |version: Version| Val::Object(Rc::new(Shown { version, pointer: false }));
        if let Some(part) = [("IncMajor", Part::Major), ("IncMinor", Part::Minor), ("IncPatch", Part::Patch)]
            .iter()
            .find_map(|(method, part)| (*method == name).then_some(*part))
        {
            return Some(version.next(part).map(value));
        }
        Some(Ok(match name {
            "Major" => Val::Uint(version.major, T::Uint64),
            "Minor" => Val::Uint(version.minor, T::Uint64),
            "Patch" => Val::Uint(version.patch, T::Uint64),
            "Metadata" => Val::str(&*version.metadata),
            "Original" => Val::str(&*version.original),
            "Prerelease" => Val::str(&*version.pre),
            "String" | "Value" => Val::str(version.to_string()),
            "MarshalJSON" => Val::Bytes(format!("\"{version}\"").into_bytes().into()),
            "MarshalText" => Val::Bytes(version.to_string().into_bytes().into()),
            "SetMetadata" => return Some(version.with_metadata(text(args, 0)).map(value)),
            "SetPrerelease" => return Some(version.with_prerelease(text(args, 0)).map(value)),
            _ => return self.ordering(name, args),
        }))
    }

    fn refusal(&self, name: &str) -> Option<String> {
        let known = self.signature(name).is_some();
        let ty = self.type_name();
        match name {
            _ if known => None,
            "major" | "minor" | "patch" | "pre" | "metadata" | "original" => {
                Some(format!("{name} is an unexported field of struct type {ty}"))
            }
            _ => Some(format!("can't evaluate field {name} in type {ty}")),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.version.to_string())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl Shown {
    /// The methods that take another version.
    fn ordering(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        let other = match args.first() {
            Some(Val::Object(object)) => object.as_any().downcast_ref::<Shown>(),
            _ => None,
        };
        let Some(other) = other else {
            // a nil pointer: Equal asks for it first, the others read through it
            return Some(match name {
                "Equal" => Ok(Val::Bool(false)),
                _ => Err("runtime error: invalid memory address or nil pointer dereference".to_owned()),
            });
        };
        let order = self.version.compare(&other.version);
        Some(Ok(match name {
            "Compare" => Val::int(order as i64),
            "Equal" => Val::Bool(order.is_eq()),
            "GreaterThan" => Val::Bool(order.is_gt()),
            "GreaterThanEqual" => Val::Bool(order.is_ge()),
            "LessThan" => Val::Bool(order.is_lt()),
            _ => Val::Bool(order.is_le()),
        }))
    }
}
