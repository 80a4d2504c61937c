//! Chart archives (`.tgz`) to files in memory: `LoadArchiveFiles` in Helm's `pkg/chart/loader/archive/archive.go`.

use super::{LoadError, SourceFile, gopath};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read};

/// Helm's `MaxDecompressedChartSize`: the most bytes that all files of an archive may have together.
pub const MAX_DECOMPRESSED_CHART_BYTES: u64 = 100 * 1024 * 1024;

/// The most entries that an archive may have. Helm has no such bound; real charts stay below a few thousand.
pub const MAX_ARCHIVE_ENTRIES: usize = 100_000;

/// Bytes that an archive may unpack to, headers, padding and skipped entries counted: a gzip bomb of empty tar blocks ends here.
const MAX_TAR_BYTES: u64 = 2 * MAX_DECOMPRESSED_CHART_BYTES;

/// The files of a gzipped tar archive, the top folder taken off their paths.
///
/// # Errors
/// What Helm refuses (absolute paths, `..`, content outside the base folder, too much content), with its texts.
pub fn read_archive(bytes: &[u8]) -> Result<Vec<SourceFile>, LoadError> {
    if bytes.len() < 10 || bytes[..2] != [0x1f, 0x8b] || bytes[2] != 8 {
        // Go's reader wants the ten bytes of a header before it looks at them.
        let text = match bytes.len() {
            0 => "EOF",
            1..10 => "unexpected EOF",
            _ => "gzip: invalid header",
        };
        return Err(LoadError::new(text));
    }
    let mut tar = tar::Archive::new(MultiGzDecoder::new(bytes).take(MAX_TAR_BYTES));
    let mut files = Vec::new();
    let mut remaining = MAX_DECOMPRESSED_CHART_BYTES;
    for (count, entry) in tar.entries().map_err(read_error)?.enumerate() {
        if count >= MAX_ARCHIVE_ENTRIES {
            return Err(LoadError::new(format!("chart archive has more than {MAX_ARCHIVE_ENTRIES} entries")));
        }
        let mut entry = entry.map_err(read_error)?;
        let kind = entry.header().entry_type();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind.is_dir() || name.ends_with('/') || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let path = inner_path(&name)?;
        let size = entry.size();
        if size > remaining {
            return Err(too_large());
        }
        let mut data = Vec::new();
        let copied = entry.by_ref().take(remaining).read_to_end(&mut data).map_err(read_error)? as u64;
        remaining -= copied;
        if copied < size || remaining == 0 {
            return Err(too_large());
        }
        files.push(SourceFile { path, bytes: without_bom(&data).into() });
    }
    if files.is_empty() {
        return Err(LoadError::new("no files in chart archive"));
    }
    Ok(files)
}

/// The bytes without a UTF-8 byte order mark.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes)
}

/// The path below the archive's top folder, checked as Helm checks it.
fn inner_path(name: &str) -> Result<String, LoadError> {
    // An archive made on Windows may hold backslashes.
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let (top, rest) = name.split_once(delimiter).unwrap_or((name, ""));
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return Err(LoadError::new("chart illegally contains absolute paths"));
    }
    let path = gopath::clean(&rest);
    if path == "." {
        let name = super::log::quote(name);
        return Err(LoadError::new(format!("chart illegally contains content outside the base directory: {name}")));
    }
    if path.starts_with("..") {
        return Err(LoadError::new("chart illegally references parent directory"));
    }
    let start = path.as_bytes();
    if start.len() > 2 && start[0].is_ascii_alphabetic() && start[1] == b':' && start[2] == b'/' {
        return Err(LoadError::new("chart contains illegally named files"));
    }
    if top == "Chart.yaml" {
        return Err(LoadError::new("chart yaml not in base directory"));
    }
    Ok(path)
}

fn too_large() -> LoadError {
    LoadError::new(format!("decompressed chart is larger than the maximum size {MAX_DECOMPRESSED_CHART_BYTES}"))
}

fn read_error(error: io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => LoadError::new("unexpected EOF"),
        _ => LoadError::new(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, data) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            let name = header.as_gnu_mut().unwrap();
            name.name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *data).unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    fn refused(entries: &[(&str, &[u8])]) -> String {
        read_archive(&archive(entries)).unwrap_err().to_string()
    }

    #[test]
    fn archive_paths_lose_their_top_folder() {
        let files = read_archive(&archive(&[("c/Chart.yaml", b"\xEF\xBB\xBFname: c"), ("c/a/./b", b"")])).unwrap();
        assert_eq!(files[0].path, "Chart.yaml");
        assert_eq!(&*files[0].bytes, b"name: c");
        assert_eq!(files[1].path, "a/b");
    }

    // Texts: helm v4.3.1, pkg/chart/loader/archive/archive.go
    #[test]
    fn hostile_archives_are_refused() {
        assert_eq!(refused(&[("c//etc/passwd", b"")]), "chart illegally contains absolute paths");
        assert_eq!(refused(&[("c/../x", b"")]), "chart illegally references parent directory");
        assert_eq!(refused(&[("x", b"")]), "chart illegally contains content outside the base directory: \"x\"");
        assert_eq!(refused(&[("c/c:/foo", b"")]), "chart contains illegally named files");
        assert_eq!(refused(&[("Chart.yaml/x", b"")]), "chart yaml not in base directory");
        assert_eq!(refused(&[]), "no files in chart archive");
        assert_eq!(read_archive(b"name: not an archive").unwrap_err().to_string(), "gzip: invalid header");
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let zeros = vec![0; (MAX_DECOMPRESSED_CHART_BYTES + 1) as usize];
        let want = "decompressed chart is larger than the maximum size 104857600";
        assert_eq!(refused(&[("c/bomb", &zeros)]), want);
    }
}
