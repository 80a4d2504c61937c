//! Regular expressions (sprig 3.3 `regex.go`, Go 1.26 `regexp`): Go's syntax, error texts, templates and iteration.

mod class;
mod matcher;
mod syntax;
mod tree;

use super::args::{int, string, text};
use super::{FuncDef, FuncError, FuncResult, MAX_BYTES, fits};
use crate::template::{GoType as T, List, Val};
use crate::value::GoStr;
use matcher::Regex;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use syntax::Refused;

/// A compiled expression for other parts of the engine (`pattern` in values.schema.json).
pub(crate) struct GoRegex(Regex);

impl GoRegex {
    /// Compiles an expression as Go's `regexp.Compile`, with its error text.
    pub(crate) fn new(pattern: &str) -> Result<GoRegex, String> {
        Regex::new(pattern.as_bytes()).map(GoRegex).map_err(|refused| refused.to_string())
    }

    /// `MatchString`
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("mustRegexFind", &[T::String, T::String], T::String, |_, a| find(must(a)?, a), "As `regexFind`."),
    FuncDef::new("mustRegexFindAll", &[T::String, T::String, T::Int], T::ListString, |_, a| find_all(must(a)?, a),
        "As `regexFindAll`."),
    FuncDef::new("mustRegexMatch", &[T::String, T::String], T::Bool, |_, a| Ok(Val::Bool(must(a)?.is_match(text(a, 1)))),
        "As `regexMatch`, but an invalid expression is an error."),
    FuncDef::new("mustRegexReplaceAll", &[T::String, T::String, T::String], T::String, |_, a| replace(must(a)?, a),
        "As `regexReplaceAll`."),
    FuncDef::new("mustRegexReplaceAllLiteral", &[T::String, T::String, T::String], T::String, |_, a| literal(must(a)?, a),
        "As `regexReplaceAllLiteral`."),
    FuncDef::new("mustRegexSplit", &[T::String, T::String, T::Int], T::ListString, |_, a| split(must(a)?, a),
        "As `regexSplit`."),
    FuncDef::new("regexFind", &[T::String, T::String], T::String, |_, a| find(compile(a)?, a),
        "The first match of an expression in a string."),
    FuncDef::new("regexFindAll", &[T::String, T::String, T::Int], T::ListString, |_, a| find_all(compile(a)?, a),
        "At most so many matches of an expression in a string (-1: all)."),
    FuncDef::new("regexMatch", &[T::String, T::String], T::Bool, |_, a| Ok(Val::Bool(cached(a).is_ok_and(|r| r.is_match(text(a, 1))))),
        "Whether the string has a match of the expression."),
    FuncDef::new("regexQuoteMeta", &[T::String], T::String, |_, a| Ok(Val::str(quote_meta(text(a, 0)))),
        "The string with everything escaped that has a meaning in expressions."),
    FuncDef::new("regexReplaceAll", &[T::String, T::String, T::String], T::String, |_, a| replace(compile(a)?, a),
        "The string (second) with matches replaced by a template (third) in which `$1` is the first group."),
    FuncDef::new("regexReplaceAllLiteral", &[T::String, T::String, T::String], T::String, |_, a| literal(compile(a)?, a),
        "The string (second) with matches replaced by a text (third)."),
    FuncDef::new("regexSplit", &[T::String, T::String, T::Int], T::ListString, |_, a| split(compile(a)?, a),
        "The string split at matches into at most so many pieces (-1: all)."),
];

/// How many compiled expressions are kept. Charts use a few dozen, again and again.
const MAX_CACHED: usize = 128;

/// A compiled expression, or why it is refused.
type Compiled = Result<Rc<Regex>, Refused>;

thread_local! {
    /// Compiling costs far more than matching a short string, and loops use the same expression.
    static CACHE: RefCell<BTreeMap<GoStr, Compiled>> = const { RefCell::new(BTreeMap::new()) };
}

/// The compiled first argument.
fn cached(args: &[Val]) -> Compiled {
    let pattern = string(args, 0);
    if let Some(known) = CACHE.with_borrow(|cache| cache.get(&pattern).cloned()) {
        return known;
    }
    let compiled = Regex::new(&pattern).map(Rc::new);
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(pattern, compiled.clone());
    });
    compiled
}

/// As `regexp.Compile`.
fn must(args: &[Val]) -> Result<Rc<Regex>, FuncError> {
    cached(args).map_err(|refused| refused.to_string().into())
}

/// As `regexp.MustCompile`, whose panic names the expression.
fn compile(args: &[Val]) -> Result<Rc<Regex>, FuncError> {
    cached(args).map_err(|refused| format!("regexp: Compile({}): {refused}", quote(text(args, 0))).into())
}

/// Go's `regexp.quote`: in backquotes where that is possible (`strconv.CanBackquote`).
fn quote(pattern: &[u8]) -> String {
    let plain = |c: char| (c >= ' ' || c == '\t') && !matches!(c, '`' | '\x7f' | '\u{feff}');
    match std::str::from_utf8(pattern) {
        Ok(text) if text.chars().all(plain) => format!("`{text}`"),
        _ => crate::template::quote::quote(pattern),
    }
}

fn find(regex: Rc<Regex>, args: &[Val]) -> FuncResult {
    Ok(Val::str(regex.find(text(args, 1))))
}

fn find_all(regex: Rc<Regex>, args: &[Val]) -> FuncResult {
    let found = regex.find_all(text(args, 1), int(args, 2));
    Ok(match found.is_empty() {
        true => Val::List(List::nil(T::ListString)),
        false => strings(&found),
    })
}

fn split(regex: Rc<Regex>, args: &[Val]) -> FuncResult {
    Ok(match regex.split(text(args, 1), int(args, 2)) {
        None => Val::List(List::nil(T::ListString)),
        Some(pieces) => strings(&pieces),
    })
}

fn strings(pieces: &[&[u8]]) -> Val {
    Val::strings(pieces.iter().map(|piece| Val::str(*piece)).collect())
}

fn replace(regex: Rc<Regex>, args: &[Val]) -> FuncResult {
    bounded(regex.replace_template(text(args, 1), text(args, 2), MAX_BYTES))
}

fn literal(regex: Rc<Regex>, args: &[Val]) -> FuncResult {
    bounded(regex.replace_literal(text(args, 1), text(args, 2), MAX_BYTES))
}

fn bounded(result: Result<Vec<u8>, usize>) -> FuncResult {
    match result {
        Ok(text) => Ok(Val::str(text)),
        Err(size) => fits(size).map(|()| Val::Nil),
    }
}

/// `regexp.QuoteMeta`.
fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if br"\.+*?()|[]{}^$".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}
