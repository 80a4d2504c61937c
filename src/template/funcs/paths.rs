//! Paths with slashes (Go's `path`; its `filepath` does the same outside of Windows).

use super::args::text;
use super::{Body, FuncDef};
use crate::template::{GoType as T, Val};

const BASE: Body = |_, a| Ok(Val::str(base(text(a, 0))));
const CLEAN: Body = |_, a| Ok(Val::str(clean(text(a, 0))));
const DIR: Body = |_, a| Ok(Val::str(dir(text(a, 0))));
const EXT: Body = |_, a| Ok(Val::str(ext(text(a, 0))));
const IS_ABS: Body = |_, a| Ok(Val::Bool(text(a, 0).starts_with(b"/")));

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("base", &[T::String], T::String, BASE, "The path's last element."),
    FuncDef::new("clean", &[T::String], T::String, CLEAN, "The shortest path that means the same."),
    FuncDef::new("dir", &[T::String], T::String, DIR, "The path without its last element."),
    FuncDef::new("ext", &[T::String], T::String, EXT, "The path's extension, with its dot."),
    FuncDef::new("isAbs", &[T::String], T::Bool, IS_ABS, "Whether the path starts at the root."),
    FuncDef::new("osBase", &[T::String], T::String, BASE, "As `base`, for file paths."),
    FuncDef::new("osClean", &[T::String], T::String, CLEAN, "As `clean`, for file paths."),
    FuncDef::new("osDir", &[T::String], T::String, DIR, "As `dir`, for file paths."),
    FuncDef::new("osExt", &[T::String], T::String, EXT, "As `ext`, for file paths."),
    FuncDef::new("osIsAbs", &[T::String], T::Bool, IS_ABS, "As `isAbs`, for file paths."),
];

fn last_slash(path: &[u8]) -> Option<usize> {
    path.iter().rposition(|byte| *byte == b'/')
}

fn base(path: &[u8]) -> &[u8] {
    let Some(end) = path.iter().rposition(|byte| *byte != b'/') else {
        return if path.is_empty() { b"." } else { b"/" };
    };
    let path = &path[..=end];
    last_slash(path).map_or(path, |slash| &path[slash + 1..])
}

fn dir(path: &[u8]) -> Vec<u8> {
    clean(last_slash(path).map_or(b"", |slash| &path[..=slash]))
}

fn ext(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| matches!(byte, b'.' | b'/')) {
        Some(place) if path[place] == b'.' => &path[place..],
        _ => b"",
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => [b"/", &*parts.join(&b'/')].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => parts.join(&b'/'),
    }
}
