//! Base64 as Go's `StdEncoding` reads and as its YAML library writes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The bytes; line breaks anywhere are passed over, anything else must be right.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|c| !matches!(c, b'\r' | b'\n')).collect();
    STANDARD.decode(text).ok()
}

/// Go's `encodeBase64` (`resolve.go`): lines of 70 characters where one does not suffice.
pub(super) fn encode_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    if !text.is_empty() {
        lines.push('\n');
    }
    lines
}
