//! Random values (sprig 3.3 `strings.go`, Masterminds/goutils 1.1, google/uuid 1.6), all from the host's source.

use super::args::int;
use super::{FuncDef, FuncError, FuncResult, Host, fits};
use crate::template::{GoType as T, Val};
use base64::Engine as _;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("randAlpha", &[T::Int], T::String, |h, a| characters(h, int(a, 0), u8::is_ascii_alphabetic), "So many random letters."),
    FuncDef::new("randAlphaNum", &[T::Int], T::String, |h, a| characters(h, int(a, 0), u8::is_ascii_alphanumeric),
        "So many random letters and digits."),
    FuncDef::new("randAscii", &[T::Int], T::String, |h, a| characters(h, int(a, 0), |byte| (b' '..=b'~').contains(byte)),
        "So many random printable ASCII characters."),
    FuncDef::new("randBytes", &[T::Int], T::String, bytes, "So many random bytes, in base64."),
    FuncDef::new("randInt", &[T::Int, T::Int], T::Int, |h, a| between(h, int(a, 0), int(a, 1)),
        "A random integer from the first number on, below the second."),
    FuncDef::new("randNumeric", &[T::Int], T::String, |h, a| characters(h, int(a, 0), u8::is_ascii_digit), "So many random digits."),
    FuncDef::new("uuidv4", &[], T::String, |h, _| Ok(Val::str(uuid(h))), "A random UUID."),
];

/// So many characters of a class, each as likely as the others. A count below zero gives none, as sprig drops the error.
fn characters(host: &dyn Host, count: i64, class: fn(&u8) -> bool) -> FuncResult {
    let count = usize::try_from(count).unwrap_or(0);
    fits(count)?;
    let (mut out, mut pool) = (Vec::with_capacity(count), [0; 256]);
    while out.len() < count {
        host.random(&mut pool);
        let missing = count - out.len();
        // Bytes above 127 are no ASCII; those of the class are evenly likely.
        out.extend(pool.iter().copied().filter(class).take(missing));
    }
    Ok(Val::str(out))
}

fn bytes(host: &dyn Host, args: &[Val]) -> FuncResult {
    let Ok(count) = usize::try_from(int(args, 0)) else {
        return Err("runtime error: makeslice: len out of range".into());
    };
    fits(count)?;
    let mut buffer = vec![0; count];
    host.random(&mut buffer);
    Ok(Val::str(base64::engine::general_purpose::STANDARD.encode(buffer)))
}

/// `rand.Intn(max-min)+min`
fn between(host: &dyn Host, min: i64, max: i64) -> FuncResult {
    let span = max.wrapping_sub(min);
    if span <= 0 {
        return Err(FuncError::from("invalid argument to Intn"));
    }
    let span = span as u64;
    let limit = u64::MAX - u64::MAX % span; // beyond the last whole multiple: try again
    loop {
        let mut buffer = [0; 8];
        host.random(&mut buffer);
        let drawn = u64::from_le_bytes(buffer);
        if drawn < limit {
            return Ok(Val::int(min.wrapping_add((drawn % span) as i64)));
        }
    }
}

fn uuid(host: &dyn Host) -> String {
    let mut bytes = [0; 16];
    host.random(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
