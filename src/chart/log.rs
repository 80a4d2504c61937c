//! What Helm says on stderr while it goes on: the lines that its `slog` text handler prints.

use std::fmt;

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Information; Go's `log.Printf` comes out at this level too.
    Info,
    /// A warning.
    Warn,
    /// An error that does not by itself end the command.
    Error,
}

/// One line: a message with attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// How grave it is.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Keys and values after the message.
    pub attributes: Vec<(&'static str, String)>,
}

/// The notices of one command, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The notices, oldest first.
    pub notices: Vec<Notice>,
}

impl Log {
    /// Go's `log.Printf`.
    pub fn print(&mut self, message: impl Into<String>) {
        self.add(Level::Info, message, &[]);
    }

    /// `slog.Warn`.
    pub fn warn(&mut self, message: impl Into<String>, attributes: &[(&'static str, &str)]) {
        self.add(Level::Warn, message, attributes);
    }

    /// `slog.Info`.
    pub fn info(&mut self, message: impl Into<String>, attributes: &[(&'static str, &str)]) {
        self.add(Level::Info, message, attributes);
    }

    /// `slog.Error`.
    pub fn error(&mut self, message: impl Into<String>, attributes: &[(&'static str, &str)]) {
        self.add(Level::Error, message, attributes);
    }

    fn add(&mut self, level: Level, message: impl Into<String>, attributes: &[(&'static str, &str)]) {
        let attributes = attributes.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        self.notices.push(Notice { level, message: message.into(), attributes });
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        };
        write!(f, "level={level} msg={}", text(&self.message))?;
        for (key, value) in &self.attributes {
            write!(f, " {}={}", text(key), text(value))?;
        }
        Ok(())
    }
}

/// A value as `slog.TextHandler` writes it: quoted where it holds spaces, quotes, `=` or what does not print.
fn text(value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '=' && c != '\\' || !c.is_ascii() && printable(c);
    if !value.is_empty() && value.chars().all(plain) { value.to_owned() } else { quote(value) }
}

/// `strconv.Quote`.
pub fn quote(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if printable(c) => out.push(c),
            c if (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn printable(c: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    c == ' '
        || !matches!(
            get_general_category(c),
            G::Control
                | G::Format
                | G::Surrogate
                | G::PrivateUse
                | G::Unassigned
                | G::LineSeparator
                | G::ParagraphSeparator
                | G::SpaceSeparator
        )
}
