//! E-mail addresses and URLs by `github.com/asaskevich/govalidator` v0.0.0-20230301143203 (`validator.go`, `patterns.go`): its
//! expressions, put together from their parts.

use crate::template::funcs::{GoRegex, host_and_path, is_absolute};
use std::sync::LazyLock;

/// `maxURLRuneCount`
const MAX_URL_CHARACTERS: usize = 2083;
/// `minURLRuneCount`, which counts bytes.
const MIN_URL_BYTES: usize = 3;

/// `govalidator.IsRequestURL`
pub(super) fn is_request_url(text: &str) -> bool {
    is_absolute(text.as_bytes())
}

/// `govalidator.IsURL`
pub(super) fn is_url(text: &str) -> bool {
    static URL: LazyLock<GoRegex> = LazyLock::new(|| GoRegex::new(&url()).expect("the expression is a constant"));
    if text.chars().count() >= MAX_URL_CHARACTERS || text.len() <= MIN_URL_BYTES || text.starts_with('.') {
        return false;
    }
    let parsed = match text.contains(':') && !text.contains("://") {
        true => host_and_path(format!("http://{text}").as_bytes()),
        false => host_and_path(text.as_bytes()),
    };
    let Some((host, path)) = parsed else { return false };
    if host.starts_with(b".") || host.is_empty() && !path.is_empty() && !path.contains(&b'.') {
        return false;
    }
    URL.is_match(text)
}

/// `govalidator.IsEmail`
pub(super) fn is_email(text: &str) -> bool {
    static EMAIL: LazyLock<GoRegex> = LazyLock::new(|| GoRegex::new(&email()).expect("the expression is a constant"));
    EMAIL.is_match(text)
}

/// The expression `URL`.
fn url() -> String {
    const SCHEMA: &str = r"((ftp|tcp|udp|wss?|https?):\/\/)";
    const USERNAME: &str = r"(\S+(:\S*)?@)";
    const PATH: &str = r"((\/|\?|#)[^\s]*)";
    const PORT: &str = r"(:(\d{1,5}))";
    const IPV4: &str = r"([1-9]\d?|1\d\d|2[01]\d|22[0-3]|24\d|25[0-5])(\.(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])){2}(?:\.([0-9]\d?|1\d\d|2[0-4]\d|25[0-5]))";
    const SUBDOMAIN: &str = r"((www\.)|([a-zA-Z0-9]+([-_\.]?[a-zA-Z0-9])*[a-zA-Z0-9]\.[a-zA-Z0-9]+))";
    const LABEL: &str = r"[a-zA-Z0-9]([a-zA-Z0-9-_]+)?[a-zA-Z0-9]([-\.][a-zA-Z0-9]+)*";
    const NAME: &str = r"([a-zA-Z\x{00a1}-\x{ffff}0-9]+-?-?)*[a-zA-Z\x{00a1}-\x{ffff}0-9]+";
    const TOP: &str = r"(?:\.([a-zA-Z\x{00a1}-\x{ffff}]{1,}))?";
    let address = ip();
    format!(r"^{SCHEMA}?{USERNAME}?({IPV4}|(\[{address}\])|((({LABEL})|({SUBDOMAIN}?))?({NAME}){TOP}))\.?{PORT}?{PATH}?$")
}

/// The expression `IP`: an address of IPv6, or of IPv4 in one.
fn ip() -> String {
    const H: &str = "[0-9a-fA-F]{1,4}";
    const FOUR: &str = r"((25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])\.){3,3}(25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])";
    let forms = [
        format!("({H}:){{7,7}}{H}"),
        format!("({H}:){{1,7}}:"),
        format!("({H}:){{1,6}}:{H}"),
        format!("({H}:){{1,5}}(:{H}){{1,2}}"),
        format!("({H}:){{1,4}}(:{H}){{1,3}}"),
        format!("({H}:){{1,3}}(:{H}){{1,4}}"),
        format!("({H}:){{1,2}}(:{H}){{1,5}}"),
        format!("{H}:((:{H}){{1,6}})"),
        format!(":((:{H}){{1,7}}|:)"),
        "fe80:(:[0-9a-fA-F]{0,4}){0,4}%[0-9a-zA-Z]{1,}".to_owned(),
        format!("::(ffff(:0{{1,4}}){{0,1}}:){{0,1}}{FOUR}"),
        format!("({H}:){{1,4}}:{FOUR}"),
    ];
    format!("({})", forms.join("|"))
}

/// The expression `Email`.
fn email() -> String {
    const WIDE: &str = r"[\x{00A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}]";
    const SPACE: &str = r"(((\x20|\x09)*(\x0d\x0a))?(\x20|\x09)+)?";
    let atom = format!(r"([a-zA-Z]|\d|[!#\$%&'\*\+\-\/=\?\^_`{{\|}}~]|{WIDE})+");
    let plain = format!(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]|\x21|[\x23-\x5b]|[\x5d-\x7e]|{WIDE}");
    let escaped = format!(r"\([\x01-\x09\x0b\x0c\x0d-\x7f]|{WIDE}");
    // As it stands there: the repetition takes the opening quote with it, so that one character at most can be quoted.
    let quoted = format!(r"((\x22)({SPACE}(({plain})|({escaped}))))*{SPACE}(\x22)");
    let end = format!(r"([a-zA-Z]|\d|{WIDE})");
    let label = format!(r"({end}|({end}([a-zA-Z]|\d|-|\.|_|~|{WIDE})*{end}))\.");
    let letter = format!(r"([a-zA-Z]|{WIDE})");
    let top = format!(r"({letter}|({letter}([a-zA-Z]|\d|-|_|~|{WIDE})*{letter}))");
    format!(r"^((({atom}(\.{atom})*)|{quoted}))@({label})+{top}\.?$")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: a Go program calling govalidator of the version above, go1.26.
    #[test]
    fn addresses_as_govalidator_has_them() {
        for (text, email, url, request) in include!("addresses.cases") {
            assert_eq!((is_email(text), is_url(text), is_request_url(text)), (email, url, request), "{text:?}");
        }
    }
}
