//! The `format` keyword (`format.go`).

/// Checks a text against a format; unknown formats take everything.
pub(super) fn check(name: &str, text: &str) -> Result<(), String> {
    match name {
        "regex" => super::validate::pattern(text).map(|_| ()),
        "json-pointer" => json_pointer(text),
        "relative-json-pointer" => relative_json_pointer(text),
        "uuid" => uuid(text),
        "ipv4" => ipv4(text),
        "ipv6" => ipv6(text),
        "hostname" => hostname(text),
        "email" => email(text),
        "duration" => duration(text),
        "date" => date(text),
        "time" => time(text),
        "date-time" => date_time(text),
        "uri" | "iri" => uri(text, true),
        "uri-reference" | "iri-reference" if text.contains('\\') => refuse("contains \\"),
        "uri-reference" | "iri-reference" => uri(text, false),
        _ => Ok(()),
    }
}

fn refuse(text: impl Into<String>) -> Result<(), String> {
    Err(text.into())
}

fn quote_char(c: char) -> String {
    format!("'{c}'")
}

fn json_pointer(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    if !text.starts_with('/') {
        return refuse("not starting with /");
    }
    let escaped = |token: &str| token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if text.split('/').all(escaped) { Ok(()) } else { refuse("~ must be followed by 0 or 1") }
}

fn relative_json_pointer(text: &str) -> Result<(), String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return refuse("must start with non-negative integer");
    }
    if digits > 1 && text.starts_with('0') {
        return refuse("starts with zero");
    }
    match &text[digits..] {
        "#" => Ok(()),
        rest => json_pointer(rest),
    }
}

fn uuid(text: &str) -> Result<(), String> {
    let lengths = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != lengths.len() {
        return refuse("must have 5 elements");
    }
    for (place, (group, length)) in groups.iter().zip(lengths).enumerate() {
        if group.len() != length {
            return refuse(format!("element {} must be {length} characters long", place + 1));
        }
        if let Some(c) = group.chars().find(|c| !c.is_ascii_hexdigit()) {
            return refuse(format!("non-hex character {}", quote_char(c)));
        }
    }
    Ok(())
}

fn ipv4(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split('.').collect();
    if groups.len() != 4 {
        return refuse("expected four decimals");
    }
    for group in groups {
        if group.len() > 1 && group.starts_with('0') {
            return refuse("leading zeros");
        }
        let Ok(number) = group.parse::<i64>() else {
            return refuse(format!("strconv.Atoi: parsing {}: invalid syntax", crate::chart::log::quote(group)));
        };
        if !(0..=255).contains(&number) {
            return refuse("decimal must be between 0 and 255");
        }
    }
    Ok(())
}

fn ipv6(text: &str) -> Result<(), String> {
    if !text.contains(':') {
        return refuse("missing colon");
    }
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    if address.parse::<std::net::Ipv6Addr>().is_err() {
        return refuse(format!("ParseAddr({}): unable to parse IP", crate::chart::log::quote(text)));
    }
    if zone.is_some() { refuse("zone id is not a part of ipv6 address") } else { Ok(()) }
}

fn hostname(text: &str) -> Result<(), String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() > 253 {
        return refuse("more than 253 characters long");
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return refuse("label must be 1 to 63 characters long");
        }
        if label.starts_with('-') {
            return refuse("label starts with hyphen");
        }
        if label.ends_with('-') {
            return refuse("label ends with hyphen");
        }
        if let Some(c) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return refuse(format!("invalid character {}", quote_char(c)));
        }
    }
    Ok(())
}

fn email(text: &str) -> Result<(), String> {
    if text.len() > 254 {
        return refuse("more than 255 characters long");
    }
    let Some((local, domain)) = text.rsplit_once('@') else { return refuse("missing @") };
    if local.len() > 64 {
        return refuse("local part more than 64 characters long");
    }
    if local.len() > 1 && local.starts_with('"') && local.ends_with('"') {
        if local[1..local.len() - 1].contains(['\\', '"']) {
            return refuse("backslash and quote are not allowed within quoted local part");
        }
    } else {
        if local.starts_with('.') {
            return refuse("starts with dot");
        }
        if local.ends_with('.') {
            return refuse("ends with dot");
        }
        if local.contains("..") {
            return refuse("consecutive dots");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        if let Some(c) = local.chars().find(|&c| !allowed(c)) {
            return refuse(format!("invalid character {}", quote_char(c)));
        }
    }
    if let Some(address) = domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
        return match address.strip_prefix("IPv6:") {
            Some(address) => ipv6(address).map_err(|error| format!("invalid ipv6 address: {error}")),
            None => ipv4(address).map_err(|error| format!("invalid ipv4 address: {error}")),
        };
    }
    hostname(domain).map_err(|error| format!("invalid domain: {error}"))
}

fn duration(text: &str) -> Result<(), String> {
    let Some(text) = text.strip_prefix('P') else { return refuse("must start with P") };
    if text.is_empty() {
        return refuse("nothing after P");
    }
    if let Some(weeks) = text.strip_suffix('W') {
        return match weeks {
            "" => refuse("no number in week"),
            weeks if weeks.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            _ => refuse("invalid week"),
        };
    }
    for (place, mut part) in text.split('T').enumerate() {
        if place != 0 && part.is_empty() {
            return refuse("no time elements");
        }
        let Some(&all) = ["YMD", "HMS"].get(place) else { return refuse("more than one T") };
        let mut units = all;
        while !part.is_empty() {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return refuse("missing number");
            }
            part = &part[digits..];
            let Some(unit) = part.chars().next() else { return refuse("missing unit") };
            match units.find(unit) {
                Some(found) => units = &units[found + 1..],
                None if all.contains(unit) => return refuse(format!("unit {} out of order", quote_char(unit))),
                None => return refuse(format!("invalid unit {}", quote_char(unit))),
            }
            part = &part[unit.len_utf8()..];
        }
    }
    Ok(())
}

/// `time.Parse("2006-01-02", text)`
fn date(text: &str) -> Result<(), String> {
    let quoted = crate::chart::log::quote(text);
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        let part = bytes.get(range)?;
        part.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(part).ok()?.parse().ok())?
    };
    let shaped = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let (Some(year), Some(month), Some(day), true) = (number(0..4), number(5..7), number(8..10), shaped) else {
        return refuse(format!("parsing time {quoted} as \"2006-01-02\": cannot parse {quoted} as \"2006\""));
    };
    if !(1..=12).contains(&month) {
        return refuse(format!("parsing time {quoted}: month out of range"));
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day < 1 || day > days { refuse(format!("parsing time {quoted}: day out of range")) } else { Ok(()) }
}

fn time(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    if bytes.len() < 9 {
        return refuse("less than 9 characters long");
    }
    if bytes[2] != b':' || bytes[5] != b':' {
        return refuse("missing colon in correct place");
    }
    let number = |part: &[u8]| std::str::from_utf8(part).ok().and_then(|part| part.parse::<i32>().ok());
    let (Some(mut hour), Some(mut minute), Some(second)) = (number(&bytes[..2]), number(&bytes[3..5]), number(&bytes[6..8]))
    else {
        return refuse("invalid hour/min/sec");
    };
    if hour < 0 || minute < 0 || second < 0 {
        return refuse("non-positive hour/min/sec");
    }
    if hour > 23 || minute > 59 || second > 60 {
        return refuse("hour/min/sec out of range");
    }
    let mut rest = &bytes[8..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return refuse("no digits in second fraction");
        }
        rest = &fraction[digits..];
    }
    if rest != b"z" && rest != b"Z" {
        if rest.len() != 6 {
            return refuse("offset must be 6 characters long");
        }
        let sign = match rest[0] {
            b'+' => -1,
            b'-' => 1,
            _ => return refuse("offset must begin with plus/minus"),
        };
        if rest[3] != b':' {
            return refuse("missing colon in offset in correct place");
        }
        let (Some(hours), Some(minutes)) = (number(&rest[1..3]), number(&rest[4..6])) else {
            return refuse("invalid hour/min in offset");
        };
        if hours < 0 || minutes < 0 {
            return refuse("non-positive hour/min in offset");
        }
        if hours > 23 || minutes > 59 {
            return refuse("hour/min in offset out of range");
        }
        let total = (hour * 60 + minute) + sign * (hours * 60 + minutes);
        let total = if total < 0 { total + 24 * 60 } else { total };
        (hour, minute) = (total / 60, total % 60);
    }
    if second >= 60 && (hour != 23 || minute != 59) { refuse("invalid leap second") } else { Ok(()) }
}

fn date_time(text: &str) -> Result<(), String> {
    if text.len() < 20 {
        return refuse("less than 20 characters long");
    }
    if !matches!(text.as_bytes()[10], b't' | b'T') {
        return refuse("11th character must be t or T");
    }
    let (Some(day), Some(clock)) = (text.get(..10), text.get(11..)) else {
        return refuse("invalid date element");
    };
    date(day).map_err(|error| format!("invalid date element: {error}"))?;
    time(clock).map_err(|error| format!("invalid time element: {error}"))
}

/// What Go's `net/url` takes, as far as schemas use it.
fn uri(text: &str, absolute: bool) -> Result<(), String> {
    let quoted = crate::chart::log::quote(text);
    if text.chars().any(|c| c.is_ascii_control()) {
        return refuse(format!("parse {quoted}: net/url: invalid control character in URL"));
    }
    if text.starts_with(':') {
        return refuse(format!("parse {quoted}: missing protocol scheme"));
    }
    let scheme = text.find(':').filter(|&end| {
        let scheme = &text[..end];
        scheme.as_bytes()[0].is_ascii_alphabetic()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    if absolute && scheme.is_none() {
        return refuse("relative url");
    }
    Ok(())
}
