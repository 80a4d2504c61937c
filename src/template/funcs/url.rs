//! URLs: sprig's `urlParse` and `urlJoin` over a port of Go's `net/url`.

use super::args::{map, text};
use super::ip;
use super::{FuncDef, FuncError, FuncResult, Host};
use crate::template::{GoType as T, Val, quote::quote};
use bstr::ByteSlice;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("urlJoin", &[T::MapAny], T::String, url_join, "The URL of a dict as `urlParse` gives it."),
    FuncDef::new("urlParse", &[T::String], T::MapAny, url_parse,
        "A dict of the URL's `scheme host hostname path query opaque fragment userinfo`."),
];

/// What a percent sign may hide, by part of the URL (`encoding` in Go's table).
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

impl Part {
    /// Whether the byte must be escaped in this part.
    fn escapes(self, byte: u8) -> bool {
        let plain: &[u8] = match self {
            Part::Path => b"$&+,-./:;=@_~",
            Part::Host | Part::Zone => b"!\"$&'()*+,-.:;<=>[]_~",
            Part::User => b"$&+,-.;=_~",
            Part::Fragment => b"!$&()*+,-./:;=?@_~",
        };
        !byte.is_ascii_alphanumeric() && !plain.contains(&byte)
    }
}

/// A URL in its parts, as far as sprig shows them.
#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    /// User name and password, unescaped.
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

/// Whether `url.ParseRequestURI` takes the text and finds a scheme in it.
pub(crate) fn is_absolute(raw: &[u8]) -> bool {
    Url::parse_head(raw).is_ok_and(|url| !url.scheme.is_empty())
}

/// Host and path by `url.Parse`, where it takes the text.
pub(crate) fn host_and_path(raw: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    Url::parse(raw).ok().map(|url| (url.host, url.path))
}

fn url_parse(_: &dyn Host, args: &[Val]) -> FuncResult {
    let url = Url::parse(text(args, 0)).map_err(|error| format!("unable to parse url: {error}"))?;
    let (hostname, userinfo) = (url.hostname().to_vec(), url.userinfo());
    let entries = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", userinfo),
    ];
    Ok(Val::map(entries.into_iter().map(|(key, value)| (key.into(), Val::str(value))).collect()))
}

fn url_join(_: &dyn Host, args: &[Val]) -> FuncResult {
    let map = map(args, 0);
    let part = |key: &str| -> Result<Vec<u8>, FuncError> {
        match map.entries.borrow().get(key.as_bytes()) {
            None => Ok(Vec::new()),
            Some(Val::Str(text)) => Ok(text.to_vec()),
            // reflect.TypeOf(nil).Kind()
            Some(Val::Nil) => Err("runtime error: invalid memory address or nil pointer dereference".into()),
            Some(other) => {
                let kind = other.kind();
                Err(format!("unable to parse {key} key, must be of type string, but {kind} found").into())
            }
        }
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let userinfo = part("userinfo")?;
    if !userinfo.is_empty() {
        let whole = [b"proto://", &*userinfo, b"@host"].concat();
        url.user = Url::parse(&whole).map_err(|error| format!("unable to parse userinfo in dict: {error}"))?.user;
    }
    Ok(Val::str(url.join()))
}

fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.find_byte(at) {
        Some(place) => (&bytes[..place], Some(&bytes[place + 1..])),
        None => (bytes, None),
    }
}

impl Url {
    /// `url.Parse`
    fn parse(raw: &[u8]) -> Result<Url, String> {
        let (head, fragment) = cut(raw, b'#');
        let failed = |shown: &[u8], error: String| format!("parse {}: {error}", quote(shown));
        let mut url = Url::parse_head(head).map_err(|error| failed(head, error))?;
        url.fragment = unescape(fragment.unwrap_or_default(), Part::Fragment).map_err(|error| failed(raw, error))?;
        Ok(url)
    }

    fn parse_head(raw: &[u8]) -> Result<Url, String> {
        if raw.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            return Err("net/url: invalid control character in URL".into());
        }
        let mut url = Url::default();
        if raw == b"*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = split_scheme(raw)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".into());
            }
        }
        let mut path = rest;
        let authority = !url.scheme.is_empty() || !rest.starts_with(b"///");
        if let Some(tail) = rest.strip_prefix(b"//").filter(|_| authority) {
            let end = tail.find_byte(b'/').unwrap_or(tail.len());
            path = &tail[end..];
            url.parse_authority(&tail[..end])?;
        }
        url.path = unescape(path, Part::Path)?;
        Ok(url)
    }

    fn parse_authority(&mut self, authority: &[u8]) -> Result<(), String> {
        let Some(at) = authority.rfind_byte(b'@') else {
            self.host = parse_host(&self.scheme, authority)?;
            return Ok(());
        };
        self.host = parse_host(&self.scheme, &authority[at + 1..])?;
        let info = &authority[..at];
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !info.iter().all(allowed) {
            return Err("net/url: invalid userinfo".into());
        }
        let (name, password) = cut(info, b':');
        let name = unescape(name, Part::User)?;
        let password = password.map(|password| unescape(password, Part::User)).transpose()?;
        self.user = Some((name, password));
        Ok(())
    }

    /// `URL.Hostname`: the host without port and brackets.
    fn hostname(&self) -> &[u8] {
        let host = match self.host.rfind_byte(b':') {
            Some(colon) if is_port(&self.host[colon..]) => &self.host[..colon],
            _ => &self.host,
        };
        host.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(host)
    }

    /// `Userinfo.String`
    fn userinfo(&self) -> Vec<u8> {
        match &self.user {
            None => Vec::new(),
            Some((name, None)) => escape(name, Part::User),
            Some((name, Some(password))) => [escape(name, Part::User), escape(password, Part::User)].join(&b':'),
        }
    }

    /// `URL.String` of a URL that was put together, not parsed: no hints of its old escapes.
    fn join(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if !self.opaque.is_empty() {
            out.extend_from_slice(&self.opaque);
        } else {
            self.join_hierarchy(&mut out);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Part::Fragment));
        }
        out
    }

    fn join_hierarchy(&self, out: &mut Vec<u8>) {
        let authority = !self.host.is_empty() || self.user.is_some();
        if authority || !self.scheme.is_empty() && !self.path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if self.user.is_some() {
            out.extend(self.userinfo());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Part::Host));
        let path = if self.path == b"*" { b"*".to_vec() } else { escape(&self.path, Part::Path) };
        if !path.is_empty() && path[0] != b'/' && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./"); // or the segment would be taken for a scheme
        }
        out.extend(path);
    }
}

/// `getScheme`: the scheme, empty where there is none, and what follows it.
fn split_scheme(raw: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (place, byte) in raw.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if place > 0 => {}
            b':' if place == 0 => return Err("missing protocol scheme".into()),
            b':' => return Ok((&raw[..place], &raw[place + 1..])),
            _ => break,
        }
    }
    Ok((b"", raw))
}

/// Whether this is nothing, or a colon and digits.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    let bad_port = |port: &[u8]| format!("invalid port {} after host", quote(port));
    match host.rfind_byte(b'[') {
        Some(0) => {
            let end = host.rfind_byte(b']').ok_or("missing ']' in host")?;
            let port = &host[end + 1..];
            if !is_port(port) {
                return Err(bad_port(port));
            }
            let name = match host[1..end].find(b"%25") {
                Some(zone) => [unescape(&host[1..=zone], Part::Host)?, unescape(&host[1 + zone..end], Part::Zone)?].concat(),
                None => unescape(&host[1..end], Part::Host)?,
            };
            if ip::parse(&name).map_err(|error| format!("invalid host: {error}"))?.is_ipv4() {
                return Err("invalid IP-literal".into());
            }
            return Ok([b"[", &*name, b"]", port].concat());
        }
        Some(_) => return Err("invalid IP-literal".into()),
        None => {}
    }
    // Databases list several hosts with their ports: only http and https insist on one colon (Go issue 75223)
    let strict = scheme == b"http" || scheme == b"https";
    let colon = if strict { host.find_byte(b':') } else { host.rfind_byte(b':') };
    if let Some(port) = colon.map(|colon| &host[colon..]).filter(|port| !is_port(port)) {
        return Err(bad_port(port));
    }
    unescape(host, Part::Host)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let bad = |text: &[u8]| format!("invalid URL escape {}", quote(text));
    let (mut out, mut place) = (Vec::with_capacity(text.len()), 0);
    while place < text.len() {
        let byte = text[place];
        if byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte < 0x80 && part.escapes(byte) {
                return Err(format!("invalid character {} in host name", quote(&[byte])));
            }
            out.push(byte);
            place += 1;
            continue;
        }
        let escape = &text[place..text.len().min(place + 3)];
        let [_, high, low] = *escape else { return Err(bad(escape)) };
        let (Some(high), Some(low)) = (hex(high), hex(low)) else { return Err(bad(escape)) };
        let value = high << 4 | low;
        let hidden = match part {
            Part::Host => high < 8 && escape != b"%25",
            Part::Zone => escape != b"%25" && value != b' ' && Part::Host.escapes(value),
            _ => false,
        };
        if hidden {
            return Err(bad(escape));
        }
        out.push(value);
        place += 3;
    }
    Ok(out)
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match part.escapes(*byte) {
            true => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            false => out.push(*byte),
        }
    }
    out
}
