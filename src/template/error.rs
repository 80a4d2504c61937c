//! Errors of execution, and how Helm rewrites them.

use std::{collections::VecDeque, fmt};

/// One link of an error's chain: its text up to where the error that it wraps begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub text: String,
    /// Whether it is Go's `template.ExecError`.
    pub exec: bool,
}

/// Why a template failed while it ran: Go's text, and the chain of errors that it wraps (an `include` in an `include`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecError {
    /// Outermost first; never empty. The whole text is all of them in a row.
    links: VecDeque<Link>,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.links.iter().try_for_each(|link| f.write_str(&link.text))
    }
}

impl std::error::Error for ExecError {}

/// What `required` and `fail` put around their messages, so that the message can be found again (Helm's `warnWrap`).
const WARN_START: &str = "HELM_ERR_START";
const WARN_END: &str = "HELM_ERR_END";

/// Helm's `warnWrap`.
pub(super) fn warn_wrap(message: &str) -> String {
    format!("{WARN_START}{message}{WARN_END}")
}

impl ExecError {
    pub(super) fn new(text: String, exec: bool) -> Box<Self> {
        Box::new(ExecError { links: VecDeque::from([Link { text, exec }]) })
    }

    /// Wraps the error, as `fmt.Errorf("…%w", err)`.
    pub(super) fn wrap(mut self: Box<Self>, text: String, exec: bool) -> Box<Self> {
        self.links.push_front(Link { text, exec });
        self
    }

    /// The error as `helm template` reports it (Helm's `reformatExecErrorMsg`): the message alone for `required` and
    /// `fail`, a trace of places where every link is the executor's, else Go's text.
    pub fn for_helm(&self, file: &str) -> String {
        let full = self.to_string();
        if !self.links.iter().any(|link| link.exec) {
            return full;
        }
        let mut tokens = full.splitn(3, ": ");
        let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next()) else {
            return format!("execution error in ({file}): {full}");
        };
        if let Some(message) = warning(rest) {
            return format!("execution error at ({location}): {message}");
        }
        match self.trace() {
            Some(trace) => trace,
            None => full,
        }
    }

    fn trace(&self) -> Option<String> {
        let mut places: Vec<Place> = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            // The text of this error goes on with those it wraps, but Helm cuts it where the next begins.
            let next = self.links.get(index + 1).map_or("", |next| next.text.as_str());
            let place = parse_place(&format!("{}{next}", link.text))?;
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
        let text: String = places.iter().map(Place::to_string).collect();
        Some(text.trim().to_owned())
    }
}

/// What stands between the first start mark and the last end mark.
fn warning(text: &str) -> Option<&str> {
    let start = text.find(WARN_START)? + WARN_START.len();
    let end = text.rfind(WARN_END)?;
    text.get(start..end)
}

/// Helm's `TraceableError`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    location: String,
    message: String,
    executing: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}\n  ", self.location)?;
        }
        if !self.executing.is_empty() {
            write!(f, "{}\n    ", self.executing)?;
        }
        if !self.message.is_empty() {
            writeln!(f, "{}", self.message)?;
        }
        Ok(())
    }
}

/// Helm's `parseTemplateExecErrorString`.
fn parse_place(text: &str) -> Option<Place> {
    let rest = text.strip_prefix("template: ")?;
    if rest.starts_with("no template ") {
        return Some(Place { message: text.to_owned(), ..Place::default() });
    }
    if let Some(place) = parse_executing(rest) {
        return Some(place);
    }
    let (location, message) = rest.rsplit_once(": ")?;
    Some(Place { location: location.into(), message: cut_chained(message).into(), executing: String::new() })
}

/// `NAME:LINE:COLUMN: executing "FUNCTION" at <CONTEXT>: MESSAGE[ template:…]`
fn parse_executing(rest: &str) -> Option<Place> {
    let (location, after) = rest.split_once(": executing ")?;
    let (function, after) = after.strip_prefix('"')?.split_once('"')?;
    let (context, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
    Some(Place {
        location: location.into(),
        message: cut_chained(message).into(),
        executing: format!("executing \"{function}\" at <{context}>:"),
    })
}

fn cut_chained(message: &str) -> &str {
    message.find(" template:").map_or(message, |cut| &message[..cut])
}

/// A parse error as `helm template` reports it (Helm's `cleanupParseError`).
pub fn parse_error_for_helm(file: &str, error: &super::ParseError) -> String {
    let tokens: Vec<&str> = error.message.split(": ").collect();
    match tokens.as_slice() {
        [_, location, .., last] => format!("parse error at ({location}): {last}"),
        [_, location] => format!("parse error at ({location}): {location}"),
        _ => format!("parse error in ({file}): {}", error.message),
    }
}
