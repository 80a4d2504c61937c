//! Values as text, for the functions that print: `toString`, `cat`, `quote` and others.

use super::FuncError;
use crate::template::{Val, fmt};
use crate::value::GoStr;

/// sprig's `strval`: a string as it is, everything else as `%v` prints it.
pub(super) fn strval(value: &Val) -> Result<GoStr, FuncError> {
    match value {
        Val::Str(text) => Ok(text.clone()),
        Val::Bytes(bytes) => Ok(GoStr::from_bytes(bytes)),
        other => Ok(sprint(other)?.into()),
    }
}

/// `fmt.Sprintf("%v", value)`.
pub(super) fn sprint(value: &Val) -> Result<Vec<u8>, FuncError> {
    let mut out = Vec::new();
    fmt::append_print(&mut out, std::slice::from_ref(value))?;
    Ok(out)
}
