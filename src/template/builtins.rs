//! The functions that the executor itself brings: Go's (`text/template/funcs.go`) and those of Helm's engine.

use super::{
    GoType, Options, Signature, Val, compare,
    error::warn_wrap,
    exec::{Rv, is_true},
    exec_eval::{REFLECT, assign, zero_of_nil},
    fmt, utf8,
};
use crate::value::GoStr;
use std::rc::Rc;

/// A function of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the function of its name
pub(super) enum Builtin {
    And,
    Or,
    Not,
    Len,
    Index,
    Slice,
    Call,
    Html,
    Js,
    Print,
    Printf,
    Println,
    UrlQuery,
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
    Include,
    Tpl,
    Required,
    Fail,
}

impl Builtin {
    /// Go's own function of this name.
    pub fn of_go(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Builtin::And,
            "or" => Builtin::Or,
            "not" => Builtin::Not,
            "len" => Builtin::Len,
            "index" => Builtin::Index,
            "slice" => Builtin::Slice,
            "call" => Builtin::Call,
            "html" => Builtin::Html,
            "js" => Builtin::Js,
            "print" => Builtin::Print,
            "printf" => Builtin::Printf,
            "println" => Builtin::Println,
            "urlquery" => Builtin::UrlQuery,
            "eq" => Builtin::Eq,
            "ge" => Builtin::Ge,
            "gt" => Builtin::Gt,
            "le" => Builtin::Le,
            "lt" => Builtin::Lt,
            "ne" => Builtin::Ne,
            _ => return None,
        })
    }

    /// The function of this name that Helm's engine adds.
    pub fn of_helm(name: &str) -> Option<Self> {
        Some(match name {
            "include" => Builtin::Include,
            "tpl" => Builtin::Tpl,
            "required" => Builtin::Required,
            "fail" => Builtin::Fail,
            _ => return None,
        })
    }

    /// The function's Go signature.
    pub fn signature(self) -> Signature {
        const fn signature(params: &'static [GoType], variadic: bool, result: GoType) -> Signature {
            Signature { params, variadic, result }
        }
        use GoType::{Any, Bool, Int, String};
        match self {
            Builtin::And | Builtin::Or | Builtin::Index | Builtin::Slice | Builtin::Call => {
                signature(&[REFLECT, REFLECT], true, REFLECT)
            }
            Builtin::Not => signature(&[REFLECT], false, Bool),
            Builtin::Len => signature(&[REFLECT], false, Int),
            Builtin::Html | Builtin::Js | Builtin::Print | Builtin::Println | Builtin::UrlQuery => {
                signature(&[Any], true, String)
            }
            Builtin::Printf => signature(&[String, Any], true, String),
            Builtin::Eq => signature(&[REFLECT, REFLECT], true, Bool),
            Builtin::Ne | Builtin::Lt | Builtin::Le | Builtin::Gt | Builtin::Ge => {
                signature(&[REFLECT, REFLECT], false, Bool)
            }
            Builtin::Include | Builtin::Tpl => signature(&[String, Any], false, String),
            Builtin::Required => signature(&[String, Any], false, Any),
            Builtin::Fail => signature(&[String], false, String),
        }
    }

    /// Calls a function that needs nothing but its checked arguments. `callee` is the text of `call`'s first.
    pub fn call(self, args: &[Val], options: &Options, callee: &str) -> Result<Val, String> {
        let flag = |result: Result<bool, String>| result.map(Val::Bool);
        match (self, args) {
            (Builtin::Not, [arg]) => Ok(Val::Bool(!is_true(arg))),
            (Builtin::Index, [item, indexes @ ..]) => index(item, indexes),
            (Builtin::Call, [function, args @ ..]) => call(callee, function, args),
            (Builtin::Eq, [first, rest @ ..]) => flag(compare::eq(first, rest)),
            (Builtin::Ne, [a, b]) => flag(compare::eq(a, std::slice::from_ref(b)).map(|equal| !equal)),
            (Builtin::Lt, [a, b]) => flag(compare::lt(a, b)),
            (Builtin::Le, [a, b]) => flag(compare::le(a, b)),
            (Builtin::Gt, [a, b]) => flag(compare::le(a, b).map(|or_equal| !or_equal)),
            (Builtin::Ge, [a, b]) => flag(compare::lt(a, b).map(|less| !less)),
            (Builtin::Html, args) => escaped(args, html),
            (Builtin::Js, args) => escaped(args, js),
            (Builtin::UrlQuery, args) => escaped(args, url_query),
            (Builtin::Print, args) => printed(|out| fmt::append_print(out, args)),
            (Builtin::Println, args) => printed(|out| fmt::append_println(out, args)),
            (Builtin::Printf, [Val::Str(format), args @ ..]) => printed(|out| fmt::append_printf(out, format, args)),
            (Builtin::Required, [Val::Str(message), value]) => required(message, value, options),
            (Builtin::Fail, [Val::Str(message)]) if options.lint => {
                let _ = message;
                Ok(Val::str(""))
            }
            (Builtin::Fail, [Val::Str(message)]) => Err(warn_wrap(&message.to_text())),
            _ => Err("the executor passed wrong arguments".into()), // it checks them by the signature
        }
    }
}

fn printed(print: impl FnOnce(&mut Vec<u8>) -> Result<(), fmt::Refused>) -> Result<Val, String> {
    let mut out = Vec::new();
    print(&mut out)?;
    Ok(Val::Str(out.into()))
}

/// Helm's `required`: refuses nil and the empty string.
fn required(message: &GoStr, value: &Val, options: &Options) -> Result<Val, String> {
    let missing = match value {
        Val::Nil => true,
        Val::Str(text) => text.is_empty(),
        _ => false,
    };
    match (missing, options.lint) {
        (false, _) => Ok(value.clone()),
        (true, true) => Ok(Val::str("")),
        (true, false) => Err(warn_wrap(&message.to_text())),
    }
}

/// `len`: the one function for which a nil interface and no value differ.
pub(super) fn len(item: &Rv) -> Result<Val, String> {
    let length = match &item.val {
        Val::Nil if item.iface => return Err("len of nil pointer".into()),
        Val::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Val::Str(text) => text.len(),
        Val::Bytes(bytes) => bytes.len(),
        Val::List(list) => list.items.len(),
        Val::Map(map) => map.entries.borrow().len(),
        val => match val {
            Val::Object(object) if let Some(items) = object.items() => items.len(),
            Val::Object(object) if let Some(entries) = object.entries() => entries.len(),
            _ => return Err(format!("len of type {}", pointed(val))),
        },
    };
    Ok(Val::int(length as i64))
}

/// The type that Go finds where a pointer leads.
fn pointed(val: &Val) -> &'static str {
    val.type_name().trim_start_matches('*')
}

/// Go's `indexArg`: an index from 0 to `cap`.
fn index_arg(index: &Val, cap: usize) -> Result<usize, String> {
    let number = match index {
        Val::Int(number, _) => *number,
        Val::Uint(number, _) => *number as i64,
        Val::Nil => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    match usize::try_from(number) {
        Ok(place) if place <= cap => Ok(place),
        _ => Err(format!("index out of range: {number}")),
    }
}

fn index(item: &Val, indexes: &[Val]) -> Result<Val, String> {
    if let Val::Nil = item {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match &item {
            Val::Nil => return Err("index of nil pointer".into()),
            Val::Map(map) => {
                let key = map_key(index)?;
                let found = map.entries.borrow().get(&*key).cloned();
                found.unwrap_or_else(|| super::exec_field::zero_element(map.ty).val)
            }
            Val::Str(text) => {
                let place = index_arg(index, text.len())?;
                let byte = text.get(place).ok_or("reflect: string index out of range")?;
                Val::Uint(u64::from(*byte), GoType::Uint8)
            }
            Val::Bytes(bytes) => {
                let place = index_arg(index, bytes.len())?;
                let byte = bytes.get(place).ok_or("reflect: slice index out of range")?;
                Val::Uint(u64::from(*byte), GoType::Uint8)
            }
            Val::List(list) => {
                let place = index_arg(index, list.items.len())?;
                list.items.get(place).ok_or("reflect: slice index out of range")?.clone()
            }
            Val::Object(object) => match (object.items(), object.entries()) {
                (Some(items), _) => {
                    let place = index_arg(index, items.len())?;
                    items.get(place).ok_or("reflect: slice index out of range")?.clone()
                }
                (_, Some(entries)) => {
                    let key = map_key(index)?;
                    let found = entries.into_iter().find(|(other, _)| *other == key);
                    found.map_or_else(|| Val::Bytes(Rc::from([])), |(_, val)| val)
                }
                _ => return Err(format!("can't index item of type {}", pointed(&item))),
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// Go's `prepareArg` for a map's string key.
fn map_key(index: &Val) -> Result<GoStr, String> {
    match index {
        Val::Str(text) => Ok(text.clone()),
        Val::Nil => Err("value is nil; should be of type string".into()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// `slice`, whose indexes may not be held by interfaces.
pub(super) fn slice(item: &Val, indexes: &[Rv]) -> Result<Val, String> {
    if let Val::Nil = item {
        return Err("slice of untyped nil".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Val::Str(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Val::Str(text) => text.len(),
        Val::Bytes(bytes) => bytes.len(),
        Val::List(list) => list.items.len(),
        other => return Err(format!("can't slice item of type {}", pointed(other))),
    };
    let mut places = [0, length, length];
    for (place, index) in places.iter_mut().zip(indexes) {
        if index.iface {
            return Err("cannot index slice/array with type interface {}".into());
        }
        *place = index_arg(&index.val, length)?;
    }
    let [from, to, cap] = places;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > cap {
        return Err(format!("invalid slice index: {to} > {cap}"));
    }
    Ok(match item {
        Val::Str(text) => Val::Str(GoStr::from_bytes(&text[from..to])),
        Val::Bytes(bytes) => Val::Bytes(bytes[from..to].into()),
        Val::List(list) => Val::List(super::List { ty: list.ty, items: Rc::new(list.items[from..to].to_vec()) }),
        other => other.clone(),
    })
}

/// `call`: templates meet functions as values only where data brings them.
fn call(callee: &str, function: &Val, args: &[Val]) -> Result<Val, String> {
    match function {
        Val::Nil => Err("call of nil".into()),
        Val::Object(object) if object.kind() == "func" => {
            let args = match object.signature("") {
                Some(signature) => call_args(callee, &signature, args)?,
                None => args.to_vec(),
            };
            object.call("", &args).unwrap_or_else(|| Err("call of nil".into()))
        }
        other => Err(format!("non-function {callee} of type {}", other.type_name())),
    }
}

/// The arguments as the called function's parameters want them (Go's `prepareArg`).
fn call_args(callee: &str, signature: &Signature, args: &[Val]) -> Result<Vec<Val>, String> {
    let (got, want) = (args.len(), signature.params.len());
    if signature.variadic && got < want - 1 {
        return Err(format!("wrong number of args for {callee}: got {got} want at least {}", want - 1));
    }
    if !signature.variadic && got != want {
        return Err(format!("wrong number of args for {callee}: got {got} want {want}"));
    }
    let prepare = |(place, arg): (usize, &Val)| {
        let ty = signature.params[place.min(want - 1)];
        let (own, wanted) = (arg.type_name(), ty.name());
        if let Val::Nil = arg {
            return match zero_of_nil(ty) {
                Some(zero) => Ok(zero.val),
                None => Err(format!("arg {place}: value is nil; should be of type {wanted}")),
            };
        }
        let converted = assign(arg.clone(), ty).or_else(|| convert_int(arg, ty));
        converted.ok_or_else(|| format!("arg {place}: value has type {own}; should be {wanted}"))
    };
    args.iter().enumerate().map(prepare).collect()
}

/// One integer type to another, as Go converts.
fn convert_int(arg: &Val, ty: GoType) -> Option<Val> {
    let bits = match arg {
        Val::Int(number, _) => *number as u64,
        Val::Uint(number, _) => *number,
        _ => return None,
    };
    Some(match ty {
        GoType::Int8 => Val::Int(i64::from(bits as i8), ty),
        GoType::Int16 => Val::Int(i64::from(bits as i16), ty),
        GoType::Int32 => Val::Int(i64::from(bits as i32), ty),
        GoType::Int | GoType::Int64 | GoType::Duration => Val::Int(bits as i64, ty),
        GoType::Uint8 => Val::Uint(u64::from(bits as u8), ty),
        GoType::Uint16 => Val::Uint(u64::from(bits as u16), ty),
        GoType::Uint32 => Val::Uint(u64::from(bits as u32), ty),
        GoType::Uint | GoType::Uint64 => Val::Uint(bits, ty),
        _ => return None,
    })
}

/// Go's `evalArgs`, escaped: one string as it is, else what `Sprint` makes of the arguments.
fn escaped(args: &[Val], escape: fn(&[u8]) -> Vec<u8>) -> Result<Val, String> {
    if let [Val::Str(text)] = args {
        return Ok(Val::Str(escape(text).into()));
    }
    // No value prints as `<no value>` here, like in an action.
    let args: Vec<Val> = args
        .iter()
        .map(|arg| if let Val::Nil = arg { Val::str("<no value>") } else { arg.clone() })
        .collect();
    let mut text = Vec::new();
    fmt::append_print(&mut text, &args)?;
    Ok(Val::Str(escape(&text).into()))
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend("\u{FFFD}".bytes()),
            b'"' => out.extend(b"&#34;"),
            b'\'' => out.extend(b"&#39;"),
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            _ => out.push(*byte),
        }
    }
    out
}

fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, rune, width) in utf8::runes(text) {
        match rune {
            '\\' => out.extend(b"\\\\"),
            '\'' => out.extend(b"\\'"),
            '"' => out.extend(b"\\\""),
            '<' | '>' | '&' | '=' => out.extend(format!("\\u{:04X}", rune as u32).bytes()),
            rune if rune < ' ' => out.extend(format!("\\u{:04X}", rune as u32).bytes()),
            rune if rune.is_ascii() => out.push(rune as u8),
            // Go takes an invalid byte for U+FFFD, which is printable, and writes the byte.
            rune if utf8::is_print(rune) => out.extend_from_slice(&text[at..at + width]),
            rune => out.extend(format!("\\u{:04X}", rune as u32).bytes()),
        }
    }
    out
}

/// `url.QueryEscape`
fn url_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            _ => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}
