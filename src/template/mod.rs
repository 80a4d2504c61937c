//! Go's `text/template`, whole: values, lexer, parser, executor and the functions that Helm gives to templates.
//!
//! [`Parsed::parse`] reads a file once, a [`TemplateSet`] puts files together so that they can call each other, and
//! [`TemplateSet::execute`] runs one of them. Semantics, order of evaluation and error texts are Go's.

mod builtins;
mod compare;
mod duration;
mod error;
mod exec;
mod exec_call;
mod exec_eval;
mod exec_field;
pub mod fmt;
mod fmt_float;
mod fmt_verb;
pub mod funcs;
mod helm;
pub mod jsonpath;
mod lex;
mod number;
mod options;
mod parse;
mod parse_node;
pub mod quote;
pub mod semver;
mod set;
#[cfg(test)]
mod tests;
pub mod utf8;
mod val;
mod values;

pub use error::{ExecError, parse_error_for_helm};
pub use fmt_float::append_float;
pub use funcs::Host;
pub use options::{Limits, MissingKey, Options};
pub use parse::ParseError;
pub use set::{Functions, Parsed, TemplateSet};
/// How many items the lexer makes of a text, the last one, an error or the end, among them.
pub fn count_items(text: &[u8]) -> usize {
    let mut lexer = lex::Lexer::new(text);
    let mut count = 1;
    while !matches!(lexer.next_item().kind, lex::Kind::Eof | lex::Kind::Error) {
        count += 1;
    }
    count
}

pub use val::{GoType, List, MapRef, Object, Printing, Signature, Val, deep};
