//! The bytes of a document checked and made UTF-8, as `readerc.go` does: in chunks, because a bad byte is an error only
//! once the scanner comes near its chunk, and an earlier mistake of syntax wins.

/// Go's `input_raw_buffer_size`.
const CHUNK: usize = 512;
/// NULs after the text, so that looking ahead needs no bounds: at most eight characters of an escape and a break.
pub(super) const PADDING: usize = 16;

/// A text ready for the scanner.
pub(super) struct Source {
    /// UTF-8 without the byte order mark, padded with [`PADDING`] NULs.
    pub(super) text: Vec<u8>,
    /// Where each chunk ends in `text`.
    pub(super) bounds: Vec<usize>,
    /// What is wrong after the last chunk.
    pub(super) fault: Option<&'static str>,
}

impl Source {
    /// Reads `input` in the encoding that its byte order mark tells, UTF-8 without one.
    pub(super) fn new(input: &[u8]) -> Source {
        // Go's newParser: nothing is taken for an empty line.
        let input = if input.is_empty() { b"\n" } else { input };
        let mut source = match input {
            [0xFF, 0xFE, ..] => utf16(input, u16::from_le_bytes),
            [0xFE, 0xFF, ..] => utf16(input, u16::from_be_bytes),
            [0xEF, 0xBB, 0xBF, ..] => utf8(input, 3),
            _ => utf8(input, 0),
        };
        source.text.extend_from_slice(&[0; PADDING]);
        source
    }
}

fn utf8(input: &[u8], mark: usize) -> Source {
    let mut bounds = Vec::with_capacity(input.len() / CHUNK + 1);
    let (mut fault, mut start, mut at) = (None, 0, mark);
    while at < input.len() {
        let end = (start + CHUNK).min(input.len());
        match check(input, at, end) {
            Ok(next) if next == at => {
                fault = Some("incomplete UTF-8 octet sequence");
                break;
            }
            Ok(next) => (start, at) = (next, next),
            Err(problem) => {
                fault = Some(problem);
                break;
            }
        }
        bounds.push(at - mark);
    }
    let mut text = Vec::with_capacity(at - mark + PADDING);
    text.extend_from_slice(&input[mark..at]);
    Source { text, bounds, fault }
}

/// Checks the characters of `input[at..end]`; the place after the last whole one.
fn check(input: &[u8], mut at: usize, end: usize) -> Result<usize, &'static str> {
    while at < end {
        let octet = input[at];
        if (0x20..0x7F).contains(&octet) || matches!(octet, b'\n' | b'\t' | b'\r') {
            at += 1;
            continue;
        }
        let (width, lead) = match octet {
            0x00..=0x7F => (1, octet & 0x7F),
            0xC0..=0xDF => (2, octet & 0x1F),
            0xE0..=0xEF => (3, octet & 0x0F),
            0xF0..=0xF7 => (4, octet & 0x07),
            _ => return Err("invalid leading UTF-8 octet"),
        };
        if at + width > end {
            return Ok(at);
        }
        let mut value = u32::from(lead);
        for &octet in &input[at + 1..at + width] {
            if octet & 0xC0 != 0x80 {
                return Err("invalid trailing UTF-8 octet");
            }
            value = value << 6 | u32::from(octet & 0x3F);
        }
        match (width, value) {
            (2, ..0x80) | (3, ..0x800) | (4, ..0x10000) => return Err("invalid length of a UTF-8 sequence"),
            (_, 0xD800..=0xDFFF | 0x11_0000..) => return Err("invalid Unicode character"),
            _ => {}
        }
        allowed(value)?;
        at += width;
    }
    Ok(at)
}

/// The characters that YAML 1.1 allows.
fn allowed(value: u32) -> Result<(), &'static str> {
    match value {
        0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0x85 | 0xA0..=0xD7FF | 0xE000..=0xFFFD | 0x10000..=0x10FFFF => Ok(()),
        _ => Err("control characters are not allowed"),
    }
}

fn utf16(input: &[u8], unit: fn([u8; 2]) -> u16) -> Source {
    let mut source = Source { text: Vec::with_capacity(input.len() + PADDING), bounds: Vec::new(), fault: None };
    let (mut start, mut at) = (0, 2);
    while at < input.len() {
        let end = (start + CHUNK).min(input.len());
        match transcode(input, at, end, unit, &mut source.text) {
            Ok(next) if next == at => {
                let whole = input.len() - at >= 2;
                source.fault = Some(if whole { "incomplete UTF-16 surrogate pair" } else { "incomplete UTF-16 character" });
                break;
            }
            Ok(next) => (start, at) = (next, next),
            Err(problem) => {
                source.fault = Some(problem);
                break;
            }
        }
        source.bounds.push(source.text.len());
    }
    // Characters of a chunk before its bad one never reach the scanner.
    source.text.truncate(source.bounds.last().copied().unwrap_or(0));
    source
}

/// Appends the characters of `input[at..end]` to `text`; the place after the last whole one.
fn transcode(
    input: &[u8],
    mut at: usize,
    end: usize,
    unit: fn([u8; 2]) -> u16,
    text: &mut Vec<u8>,
) -> Result<usize, &'static str> {
    while at + 2 <= end {
        let mut value = u32::from(unit([input[at], input[at + 1]]));
        let mut width = 2;
        if value & 0xFC00 == 0xDC00 {
            return Err("unexpected low surrogate area");
        }
        if value & 0xFC00 == 0xD800 {
            width = 4;
            if at + 4 > end {
                return Ok(at);
            }
            let low = u32::from(unit([input[at + 2], input[at + 3]]));
            if low & 0xFC00 != 0xDC00 {
                return Err("expected low surrogate area");
            }
            value = 0x10000 + ((value & 0x3FF) << 10) + (low & 0x3FF);
        }
        allowed(value)?;
        let letter = char::from_u32(value).expect("surrogates and values beyond U+10FFFF are sorted out above");
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        at += width;
    }
    Ok(at)
}
