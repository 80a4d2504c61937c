//! A Go string: immutable bytes that are usually, but not certainly, UTF-8, and cheap to clone.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// Immutable bytes with Go's `string` semantics: indexed, compared and cut by byte, UTF-8 by convention only
/// (`b64dec`, `trunc` and `substr` can produce anything). Cloning copies a pointer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoStr(Arc<[u8]>);

impl GoStr {
    /// The string of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        GoStr(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text for people: each invalid byte becomes U+FFFD, as when Go ranges over a string.
    pub fn to_text(&self) -> String {
        match self.as_str() {
            Some(text) => text.to_owned(),
            None => bstr::BStr::new(&*self.0).to_string(),
        }
    }
}

impl Default for GoStr {
    fn default() -> Self {
        GoStr(Arc::from(&b""[..]))
    }
}

impl Deref for GoStr {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for GoStr {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for GoStr {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for GoStr {
    fn from(text: &str) -> Self {
        GoStr(text.as_bytes().into())
    }
}

impl From<String> for GoStr {
    fn from(text: String) -> Self {
        GoStr(text.into_bytes().into())
    }
}

impl From<&[u8]> for GoStr {
    fn from(bytes: &[u8]) -> Self {
        GoStr(bytes.into())
    }
}

impl From<Arc<[u8]>> for GoStr {
    fn from(bytes: Arc<[u8]>) -> Self {
        GoStr(bytes)
    }
}

impl From<Vec<u8>> for GoStr {
    fn from(bytes: Vec<u8>) -> Self {
        GoStr(bytes.into())
    }
}

impl PartialEq<str> for GoStr {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for GoStr {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl fmt::Display for GoStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(bstr::BStr::new(&*self.0), f)
    }
}

impl fmt::Debug for GoStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(bstr::BStr::new(&*self.0), f)
    }
}
