//! Values as text: quoting, joining, turning into strings.

use super::args::{any, text};
use super::reflection::elements;
use super::text::{sprint, strval};
use super::{FuncDef, FuncError, FuncResult, Host, fits};
use crate::template::{GoType as T, List, Val, quote::quote};
use crate::value::GoStr;
use std::rc::Rc;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::variadic("cat", &[T::Any], T::String,
        |_, a| spaced(a, sprint),
        "The values as text with spaces between, nil ones left out."),
    FuncDef::new("hello", &[], T::String, |_, _| Ok(Val::str("Hello!")), "`Hello!`"),
    FuncDef::new("join", &[T::String, T::Any], T::String, join, "The list's elements as text with the string between."),
    FuncDef::variadic("quote", &[T::Any], T::String,
        |_, a| spaced(a, |value| Ok(quote(&strval(value)?).into_bytes())),
        "The values as text in double quotes, with escapes; nil ones left out."),
    FuncDef::new("sortAlpha", &[T::Any], T::ListString, sort_alpha, "The list's elements as text, sorted by bytes."),
    FuncDef::variadic("squote", &[T::Any], T::String,
        |_, a| spaced(a, |value| Ok([b"'", &*sprint(value)?, b"'"].concat())),
        "The values as text in single quotes, without escapes; nil ones left out."),
    FuncDef::new("toString", &[T::Any], T::String, |_, a| Ok(Val::Str(strval(any(a, 0))?)), "The value as text."),
    FuncDef::new("toStrings", &[T::Any], T::ListString, |_, a| Ok(list(to_strings(any(a, 0))?)),
        "The list's elements as text, nil ones left out; a list of one for what is no list."),
];

fn present(args: &[Val]) -> impl Iterator<Item = &Val> {
    args.iter().filter(|value| !matches!(value, Val::Nil))
}

/// The values' texts with spaces between, nil ones left out.
fn spaced(args: &[Val], print: fn(&Val) -> Result<Vec<u8>, FuncError>) -> FuncResult {
    let mut out = Vec::new();
    for (place, value) in present(args).enumerate() {
        let text = print(value)?;
        fits(out.len() + text.len())?;
        out.extend_from_slice(if place > 0 { b" " } else { b"" });
        out.extend_from_slice(&text);
    }
    Ok(Val::str(out))
}

/// sprig's `strslice`.
fn to_strings(value: &Val) -> Result<Vec<GoStr>, FuncError> {
    match elements(value) {
        // a []string keeps its elements as they are; in other lists nil ones are left out
        Some(items) => present(&items).map(strval).collect(),
        None if matches!(value, Val::Nil) => Ok(Vec::new()),
        None => Ok(vec![strval(value)?]),
    }
}

fn list(texts: Vec<GoStr>) -> Val {
    Val::List(List { ty: T::ListString, items: Rc::new(texts.into_iter().map(Val::Str).collect()) })
}

fn join(_: &dyn Host, args: &[Val]) -> FuncResult {
    let (texts, separator) = (to_strings(any(args, 1))?, text(args, 0));
    match &*texts {
        [] => Ok(Val::str("")),
        [one] => Ok(Val::Str(one.clone())),
        texts => {
            fits(texts.iter().map(|text| text.len() + separator.len()).fold(0, usize::saturating_add))?;
            Ok(Val::str(texts.join(separator)))
        }
    }
}

fn sort_alpha(_: &dyn Host, args: &[Val]) -> FuncResult {
    let value = any(args, 0);
    if value.kind() != "slice" {
        return Ok(list(vec![strval(value)?]));
    }
    let mut texts = to_strings(value)?;
    texts.sort();
    Ok(list(texts))
}

