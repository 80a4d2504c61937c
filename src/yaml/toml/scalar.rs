//! Numbers, booleans and dates (`lex.go`, `parse.go`).

use super::lex::{Lexer, Mistake, quoted, rune};
use super::{Moment, Toml};
use crate::{value::Value, yaml::resolve::is_timestamp};

type Done = Result<Toml, Mistake>;

impl Lexer<'_> {
    fn span(&self, start: usize) -> String {
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    /// Passes over the characters that `keep` wants.
    fn run(&mut self, keep: impl Fn(char) -> bool) -> Result<(), Mistake> {
        while keep(self.peek()?) {
            self.next()?;
        }
        Ok(())
    }

    /// A value that starts with a digit.
    pub(super) fn number_or_date(&mut self) -> Done {
        let start = self.at;
        if self.next()? == '0' {
            let c = self.peek()?;
            let (name, digit): (&str, fn(char) -> bool) = match c {
                'b' => ("a binary", |c| matches!(c, '0' | '1')),
                'o' => ("an octal", |c| ('0'..='7').contains(&c)),
                'x' => ("a hexadecimal", |c| c.is_ascii_hexdigit()),
                _ => ("", |_| false),
            };
            if !name.is_empty() {
                self.next()?;
                let after = self.peek()?;
                if !digit(after) {
                    return self.wrong(format!("not {name} number: '{}{after}'", self.span(start)));
                }
                self.run(|c| digit(c) || c == '_')?;
                return self.integer(start);
            }
            if matches!(c, '-' | ':') {
                return self.integer(start);
            }
        }
        self.run(|c| c.is_ascii_digit())?;
        match self.peek()? {
            '-' | ':' => {
                self.run(|c| c.is_ascii_digit() || "-:Tt .Zz+".contains(c))?;
                self.date(start)
            }
            '_' => self.decimal(start),
            '.' | 'e' | 'E' => self.float(start),
            _ => self.integer(start),
        }
    }

    fn decimal(&mut self, start: usize) -> Done {
        self.run(|c| c.is_ascii_digit() || c == '_')?;
        match self.peek()? {
            '.' | 'e' | 'E' => self.float(start),
            _ => self.integer(start),
        }
    }

    /// A value after its sign.
    pub(super) fn signed(&mut self, start: usize) -> Done {
        let c = self.next()?;
        match c {
            'i' | 'n' => {
                let (a, b) = if c == 'i' { ('n', 'f') } else { ('a', 'n') };
                if !self.accept(a)? || !self.accept(b)? {
                    return self.wrong(format!("invalid float: '{}'", self.span(start)));
                }
                self.check_float(start)
            }
            '0' if matches!(self.peek()?, 'b' | 'o' | 'x') => {
                let base = self.peek()?;
                self.wrong(format!("cannot use sign with non-decimal numbers: '{}{base}'", self.span(start)))
            }
            '.' => self.wrong("floats must start with a digit, not '.'"),
            c if c.is_ascii_digit() => self.decimal(start),
            _ => self.wrong(format!("expected a digit but got {}", rune(c))),
        }
    }

    fn integer(&mut self, start: usize) -> Done {
        let text = self.span(start);
        if !underscores_fit(&text) {
            return self.wrong(format!("Invalid integer {}: underscores must be surrounded by digits", quoted(text.as_bytes())));
        }
        if has_leading_zero(&text) {
            return self.wrong(format!("Invalid integer {}: cannot have leading zeroes", quoted(text.as_bytes())));
        }
        let plain = text.replace('_', "");
        let parsed = match plain.get(..2) {
            Some("0x") => i64::from_str_radix(&plain[2..], 16),
            Some("0o") => i64::from_str_radix(&plain[2..], 8),
            Some("0b") => i64::from_str_radix(&plain[2..], 2),
            _ => plain.parse(),
        };
        parsed.map(|number| Value::Int(number).into()).or_else(|_| self.wrong(format!("{text} is out of range for int64")))
    }

    fn float(&mut self, start: usize) -> Done {
        self.run(|c| c.is_ascii_digit() || "_.-+eE".contains(c))?;
        self.check_float(start)
    }

    pub(super) fn check_float(&mut self, start: usize) -> Done {
        let text = self.span(start);
        let shown = quoted(text.as_bytes());
        let parts: Vec<&str> = text.split(['.', 'e', 'E']).filter(|part| !part.is_empty()).collect();
        if !parts.iter().all(|part| underscores_fit(part)) {
            return self.wrong(format!("Invalid float {shown}: underscores must be surrounded by digits"));
        }
        if parts.first().is_some_and(|part| has_leading_zero(part)) {
            return self.wrong(format!("Invalid float {shown}: cannot have leading zeroes"));
        }
        if text.as_bytes().windows(2).any(|pair| pair[0] == b'.' && !pair[1].is_ascii_digit()) || text.ends_with('.') {
            return self.wrong(format!("Invalid float {shown}: '.' must be followed by one or more digits"));
        }
        match text.replace('_', "").trim_start_matches('+') {
            "nan" | "-nan" => Ok(Value::Float(f64::NAN).into()),
            "inf" => Ok(Value::Float(f64::INFINITY).into()),
            "-inf" => Ok(Value::Float(f64::NEG_INFINITY).into()),
            plain => match plain.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Float(number).into()),
                Ok(_) => self.wrong(format!("{text} is out of range for float64")),
                Err(_) => self.wrong(format!("Invalid float value: {shown}")),
            },
        }
    }

    /// A word in place of a value.
    pub(super) fn boolean(&mut self) -> Done {
        let start = self.at;
        self.run(char::is_alphabetic)?;
        match self.span(start).as_str() {
            "true" => Ok(Value::Bool(true).into()),
            "false" => Ok(Value::Bool(false).into()),
            other => self.wrong(format!("expected value but found {} instead", quoted(other.as_bytes()))),
        }
    }

    /// A date or time.
    fn date(&mut self, start: usize) -> Done {
        let text = self.span(start).trim().replace(['t', ' '], "T").replace('z', "Z");
        match date_text(&text) {
            Some(json) => Ok(Toml::Time(Moment { text, json })),
            None => self.wrong(format!("invalid datetime: {}", quoted(text.as_bytes()))),
        }
    }
}

/// As JSON shows Go's `time.Time` of it where local time is UTC.
fn date_text(text: &str) -> Option<String> {
    let two = |part: &str| part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit());
    let full_clock = |clock: &str| match clock.matches(':').count() {
        1 => format!("{clock}:00"),
        _ => clock.to_owned(),
    };
    if let Some((date, rest)) = text.split_once('T') {
        let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let (clock, zone) = rest.split_at(end);
        let zone = match zone {
            "" | "+00:00" | "-00:00" => "Z",
            other => other,
        };
        let moment = format!("{date}T{}{zone}", full_clock(clock));
        let strict = clock.split('.').next()?.split(':').all(two) && date.len() == 10;
        return (strict && is_timestamp(moment.as_bytes())).then(|| trim_fraction(&moment));
    }
    if text.contains(':') {
        let moment = format!("0000-01-01T{}Z", full_clock(text));
        let strict = text.split('.').next()?.split(':').all(two);
        return (strict && is_timestamp(moment.as_bytes())).then(|| trim_fraction(&moment));
    }
    (text.len() == 10 && is_timestamp(text.as_bytes())).then(|| format!("{text}T00:00:00Z"))
}

/// RFC 3339 with nanoseconds at most and without trailing zeros.
fn trim_fraction(moment: &str) -> String {
    let Some((whole, rest)) = moment.split_once('.') else { return moment.to_owned() };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let digits = rest[..end.min(9)].trim_end_matches('0');
    match digits {
        "" => format!("{whole}{}", &rest[end..]),
        _ => format!("{whole}.{digits}{}", &rest[end..]),
    }
}

fn underscores_fit(text: &str) -> bool {
    if matches!(text.trim_start_matches(['+', '-']), "nan" | "inf") {
        return true;
    }
    let mut digit = false;
    for c in text.chars() {
        if c == '_' && !digit {
            return false;
        }
        digit = c.is_ascii_hexdigit();
    }
    digit
}

fn has_leading_zero(text: &str) -> bool {
    match text.as_bytes() {
        [b'0', b'b' | b'o' | b'x', ..] => false,
        [b'0', _, ..] | [b'-' | b'+', b'0', _, ..] => true,
        _ => false,
    }
}
