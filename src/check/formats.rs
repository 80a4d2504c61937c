//! Texts of a certain form, and whether the API server takes them.

use base64::Engine as _;

/// Whether a text has a format; formats that the server does not check are all right. The word for what is expected.
pub(super) fn problem(format: &str, text: &str) -> Option<&'static str> {
    let ok = match format {
        "byte" => is_base64(text),
        // `metav1.Time` reads RFC 3339 with a zone (`UnmarshalJSON` in apimachinery's `time.go`).
        "date-time" => text.parse::<jiff::Timestamp>().is_ok() && text.as_bytes().get(10) == Some(&b'T'),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        _ => return None,
    };
    let expected = match format {
        "byte" => "base64",
        "date-time" => "a time as RFC 3339 has it, such as 2006-01-02T15:04:05Z",
        "date" => "a date such as 2006-01-02",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        _ => "a UUID",
    };
    (!ok).then_some(expected)
}

/// What Go's `base64.StdEncoding` decodes: line breaks are passed over, padding is asked for.
fn is_base64(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    // Go does not mind bits left over in the last digit.
    let lax = base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, lax).decode(plain).is_ok()
}

/// `resource.ParseQuantity`: a number with a suffix of one family.
pub(super) fn is_quantity(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, suffix) = rest.split_at(digits);
    if number.is_empty() || number == "." || number.bytes().filter(|byte| *byte == b'.').count() > 1 {
        return false;
    }
    match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
        _ => suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| exponent.parse::<i32>().is_ok()),
    }
}
