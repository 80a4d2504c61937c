//! The functions that Helm gives to templates: one table of name, document, parameters and body, a file per family.
//!
//! The executor checks and converts arguments after the table's parameter types before it calls a body, with Go's error
//! texts (`wrong number of args for trunc: want 2 got 1`, `wrong type for value; expected string; got int`), so a body
//! receives what its parameters promise.

mod args;
mod cast;
mod crypto;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod durations;
mod encodings;
mod ip;
mod hashes;
mod lists;
mod merge;
mod network;
mod numbers;
#[cfg(test)]
mod oracle_tests;
mod parse;
mod paths;
mod printing;
mod random;
mod reflection;
mod regex;
mod semver;
mod serial;
mod strings;
mod text;
mod unicode;
mod url;
mod words;
mod xstrings;

pub(crate) use regex::GoRegex;
pub(crate) use url::{host_and_path, is_absolute};

use super::{GoType, Val};
use crate::value::Value;
use std::sync::OnceLock;

/// Every function, a family per file. A new family adds its `FUNCS` here and nothing else.
static FAMILIES: &[&[FuncDef]] = &[
    strings::FUNCS,
    words::FUNCS,
    printing::FUNCS,
    numbers::FUNCS,
    lists::FUNCS,
    dicts::FUNCS,
    defaults::FUNCS,
    reflection::FUNCS,
    regex::FUNCS,
    dates::FUNCS,
    durations::FUNCS,
    hashes::FUNCS,
    crypto::FUNCS,
    random::FUNCS,
    network::FUNCS,
    paths::FUNCS,
    url::FUNCS,
    encodings::FUNCS,
    semver::FUNCS,
    serial::FUNCS,
];

/// The function of this name, if Helm gives it to templates.
pub fn lookup(name: &str) -> Option<&'static FuncDef> {
    let table = all();
    table.binary_search_by(|def| def.name.cmp(name)).ok().map(|place| table[place])
}

/// All functions, sorted by name.
pub fn all() -> &'static [&'static FuncDef] {
    static TABLE: OnceLock<Vec<&'static FuncDef>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: Vec<_> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
        table.sort_by_key(|def| def.name);
        table
    })
}

/// What a function refused or panicked with: Go's text, without `error calling NAME:` before it.
#[derive(Clone, Debug, PartialEq)]
pub struct FuncError {
    /// Go's error or panic text.
    pub message: String,
}

impl From<String> for FuncError {
    fn from(message: String) -> Self {
        FuncError { message }
    }
}

impl From<&str> for FuncError {
    fn from(message: &str) -> Self {
        FuncError { message: message.to_owned() }
    }
}

/// What a function's body returns.
pub type FuncResult = Result<Val, FuncError>;

/// What lint does not let fail a render, with the template's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerated {
    /// `required` of nil.
    Nil,
    /// `required` of an empty string.
    Empty,
    /// `fail`
    Fail,
}

/// What functions may ask of the world, injected so that rendering stays pure and testable.
pub trait Host {
    /// Nanoseconds since the Unix epoch, UTC.
    fn now(&self) -> i128;
    /// The name of the local time zone, as the TZ database spells it (`UTC` in a container).
    fn zone(&self) -> String;
    /// Fills the buffer with random bytes fit for keys.
    fn random(&self, buffer: &mut [u8]);
    /// `lookup apiVersion kind namespace name`: the object, a list, or an empty map. Offline: always an empty map.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String>;
    /// `getHostByName`: an address, or the empty string where it is not allowed.
    fn resolve(&self, name: &str) -> String;
    /// Hears what lint does not let fail a render.
    fn tolerated(&self, what: Tolerated, text: &str) {
        let _ = (what, text);
    }
    /// Whether something of the process is used up, such as the memory that a render may hold: a sentence that ends the execution.
    fn exhausted(&self) -> Option<String> {
        None
    }
}

/// A body: gets the host and the checked arguments (variadic ones flattened at the end).
pub type Body = fn(&dyn Host, &[Val]) -> FuncResult;

/// One function of the table.
pub struct FuncDef {
    /// The name in templates.
    pub name: &'static str,
    /// One sentence for the reference page.
    pub doc: &'static str,
    /// Go types of the parameters; with `variadic` the last one repeats, zero times or more.
    pub params: &'static [GoType],
    /// Whether the last parameter repeats.
    pub variadic: bool,
    /// Go type of the result.
    pub result: GoType,
    /// The body.
    pub body: Body,
}

/// The longest string that a function builds. helm would go on until the machine's memory is gone.
const MAX_BYTES: usize = 64 << 20;

/// The longest list that a function builds.
const MAX_ITEMS: usize = 1 << 20;

/// How deep the functions that walk values go down. helm dies of a dict that contains itself.
const MAX_DEPTH: usize = 100_000;

fn too_deep() -> FuncError {
    format!("the value is nested more than {MAX_DEPTH} deep, or contains itself").into()
}

/// After so many values that a walk looks at the host is asked whether something is used up.
const ASK_AFTER: usize = 4096;

/// A walk over values within one call: what stands in many places of a value is walked in each, so that a small value can
/// keep a function busy for ever, or make it fill the memory.
struct Walk<'h> {
    host: &'h dyn Host,
    values: usize,
}

impl<'h> Walk<'h> {
    fn new(host: &'h dyn Host) -> Self {
        Walk { host, values: 0 }
    }

    /// Counts a value.
    fn step(&mut self) -> Result<(), FuncError> {
        self.values += 1;
        match self.values.is_multiple_of(ASK_AFTER).then(|| self.host.exhausted()).flatten() {
            Some(why) => Err(why.into()),
            None => Ok(()),
        }
    }
}

/// Refuses to build a string of more than [`MAX_BYTES`].
fn fits(bytes: usize) -> Result<(), FuncError> {
    match bytes > MAX_BYTES {
        true => Err(format!("the result would have {bytes} bytes, more than the {MAX_BYTES} that windlass allows").into()),
        false => Ok(()),
    }
}

impl FuncDef {
    /// A function with a fixed number of parameters.
    pub(crate) const fn new(
        name: &'static str,
        params: &'static [GoType],
        result: GoType,
        body: Body,
        doc: &'static str,
    ) -> FuncDef {
        FuncDef { name, doc, params, variadic: false, result, body }
    }

    /// A function whose last parameter repeats.
    pub(crate) const fn variadic(
        name: &'static str,
        params: &'static [GoType],
        result: GoType,
        body: Body,
        doc: &'static str,
    ) -> FuncDef {
        FuncDef { name, doc, params, variadic: true, result, body }
    }
}
