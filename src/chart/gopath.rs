//! Go's `path` functions, on strings with `/`.

/// `path.Clean`: the shortest equal path, by text alone.
pub fn clean(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// `path.Join`: joined with `/` and cleaned; empty elements are left out.
pub fn join(parts: &[&str]) -> String {
    let joined = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    if joined.is_empty() { joined } else { clean(&joined) }
}

/// `path.Base`: the last element, `.` for nothing, `/` for slashes alone.
pub fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

/// `path.Ext`: from the last dot of the last element on, or nothing.
pub fn extension(path: &str) -> &str {
    let name_start = path.rfind('/').map_or(0, |slash| slash + 1);
    path[name_start..].rfind('.').map_or("", |dot| &path[name_start + dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: Go's path package documentation examples and path_test.go.
    #[test]
    fn paths_as_go() {
        for (path, want) in [
            ("", "."),
            ("a//b/../c/.", "a/c"),
            ("../../a", "../../a"),
            ("/../a", "/a"),
            ("a/..", "."),
            ("/", "/"),
            ("a/../../b", "../b"),
        ] {
            assert_eq!(clean(path), want, "clean {path:?}");
        }
        assert_eq!(join(&["a", "", "b/../c"]), "a/c");
        assert_eq!(join(&["", ""]), "");
        assert_eq!((base(""), base("//"), base("a/b/"), base("x")), (".", "/", "b", "x"));
        assert_eq!((extension("a.b/c"), extension("c.tar.gz"), extension(".x")), ("", ".gz", ".x"));
    }
}
