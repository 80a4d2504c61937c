//! A chart to an archive: `Save` in Helm's `pkg/chart/v2/util/save.go`, the same tar bytes as Go's `archive/tar` writes.

use super::{Chart, SourceFile, archive::MAX_ARCHIVE_ENTRIES, gopath, log::quote};
use crate::yaml;
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// Helm's mark in the gzip header (`headerBytes`).
const GZIP_EXTRA: &[u8] = b"rr\x28\x00aHR0cHM6Ly95b3V0dS5iZS96OVV6MWljandyTQo=";

/// Longest name, and longest folder before it, of a USTAR header.
const USTAR: (usize, usize) = (100, 155);

/// When files were last modified, in seconds since the Unix epoch: part of the archive.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// One time for all (`SOURCE_DATE_EPOCH`).
    All(i64),
    /// By path below the chart's folder; what is not in the map is of `now`.
    Files {
        /// Seconds since the epoch, by path.
        files: BTreeMap<String, i64>,
        /// For what has none.
        now: i64,
    },
}

/// The name of a chart's archive.
pub fn file_name(chart: &Chart) -> String {
    format!("{}-{}.tgz", chart.name(), chart.metadata.version)
}

/// The gzipped tar archive of a chart.
///
/// # Errors
/// What Helm refuses to save, with its text: names with slashes, a schema that is no JSON.
pub fn archive(chart: &Chart, times: &Times) -> Result<Vec<u8>, String> {
    let encoder = flate2::GzBuilder::new().extra(GZIP_EXTRA).comment("Helm").operating_system(255);
    let mut writer = Writer { out: encoder.write(Vec::new(), flate2::Compression::default()) };
    match times {
        Times::All(time) => writer.chart(chart, "", &|_| *time, Some(*time))?,
        Times::Files { files, now } => writer.chart(chart, "", &|path| files.get(path).copied().unwrap_or(*now), None)?,
    }
    writer.bytes(&[0; 1024]);
    writer.out.finish().map_err(|error| error.to_string())
}

/// Writing to memory cannot fail, so its results are let go.
struct Writer {
    out: flate2::write::GzEncoder<Vec<u8>>,
}

impl Writer {
    /// `writeTarContents`: `time` gives the time of a file by its path below this chart; `stamp` is one for all.
    fn chart(&mut self, chart: &Chart, prefix: &str, time: &dyn Fn(&str) -> i64, stamp: Option<i64>) -> Result<(), String> {
        if gopath::base(chart.name()) != chart.name() {
            return Err(format!("invalid chart name {}", quote(chart.name())));
        }
        let base = gopath::join(&[prefix, chart.name()]);
        let path = |name: &str| gopath::join(&[&base, name]);
        let v1 = chart.metadata.api_version == "v1";
        let mut metadata = chart.metadata.clone();
        if v1 {
            metadata.dependencies = None;
        }
        self.file(&path("Chart.yaml"), yaml::to_yaml(&metadata.to_value()).as_bytes(), time("Chart.yaml"));
        if let Some(lock) = chart.lock.as_ref().filter(|_| chart.metadata.api_version == "v2") {
            let mut lock = lock.clone();
            if let Some(stamp) = stamp {
                lock.generated = rfc3339(stamp);
            }
            let time = seconds(&lock.generated).unwrap_or_else(|| time("Chart.lock"));
            self.file(&path("Chart.lock"), yaml::to_yaml(&lock.to_value()).as_bytes(), time);
        }
        for file in chart.raw.iter().filter(|file| file.path == "values.yaml") {
            self.file(&path(&file.path), &file.bytes, time(&file.path));
        }
        if let Some(schema) = &chart.schema {
            if yaml::from_json(schema).is_err() {
                return Err("invalid JSON in values.schema.json".to_owned());
            }
            self.file(&path("values.schema.json"), schema, time("values.schema.json"));
        }
        for file in chart.templates.iter().chain(&chart.files) {
            self.file(&path(&file.path), &file.bytes, time(&file.path));
        }
        for (dependency, (key, inside)) in chart.dependencies.iter().zip(subcharts(&chart.raw)) {
            let charts = path("charts");
            match inside {
                Some(bytes) => {
                    let inner = archive_times(&bytes);
                    let of = |path: &str| stamp.or_else(|| inner.get(path).copied()).unwrap_or_else(|| time(&format!("charts/{key}")));
                    self.chart(dependency, &charts, &of, stamp)?;
                }
                None => self.chart(dependency, &charts, &|path| time(&format!("charts/{key}/{path}")), stamp)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, data: &[u8], time: i64) {
        let ascii = name.bytes().all(|byte| byte.is_ascii() && byte != 0);
        let split = split(name).filter(|_| ascii);
        match split {
            Some((folder, name)) => self.header(name, folder, data.len(), time, b'0'),
            None => {
                let record = pax_record("path", name);
                let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
                let shown: String = gopath::join(&[folder, "PaxHeaders.0", base]).chars().filter(char::is_ascii).collect();
                self.header(cut(&shown), "", record.len(), 0, b'x');
                self.padded(record.as_bytes());
                let plain: String = name.chars().filter(char::is_ascii).collect();
                self.header(cut(&plain), "", data.len(), time, b'0');
            }
        }
        self.padded(data);
    }

    /// A header as Go's `templateV7Plus` fills it; a PAX extension's has no more than Go's `writeRawFile` gives it.
    fn header(&mut self, name: &str, folder: &str, size: usize, time: i64, kind: u8) {
        let mut block = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        let octal = |value: u64, width: usize| format!("{value:0width$o}\0", width = width - 1);
        put(0, name.as_bytes());
        put(100, octal(if kind == b'x' { 0 } else { 0o644 }, 8).as_bytes());
        put(108, octal(0, 8).as_bytes());
        put(116, octal(0, 8).as_bytes());
        put(124, octal(size as u64, 12).as_bytes());
        put(136, octal(time.max(0) as u64, 12).as_bytes());
        put(148, b"        ");
        put(156, &[kind]);
        put(257, b"ustar\x0000");
        if kind != b'x' {
            put(329, octal(0, 8).as_bytes());
            put(337, octal(0, 8).as_bytes());
        }
        put(345, folder.as_bytes());
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes(&block);
    }

    fn padded(&mut self, data: &[u8]) {
        self.bytes(data);
        self.bytes(&[0; 512][..(512 - data.len() % 512) % 512]);
    }

    fn bytes(&mut self, data: &[u8]) {
        let written = self.out.write_all(data);
        debug_assert!(written.is_ok(), "writing to memory");
    }
}

/// What fits a header's name field, as Go cuts it.
fn cut(name: &str) -> &str {
    let end = name.len().min(USTAR.0);
    name[..end].trim_end_matches('/')
}

/// `splitUSTARPath`: the folder's part and the rest, where they fit.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= USTAR.0 {
        return Some(("", name));
    }
    let end = name.len().min(USTAR.1 + 1);
    if !name.is_char_boundary(end) {
        return None;
    }
    let at = name[..end].rfind('/').filter(|at| *at > 0)?;
    let rest = &name[at + 1..];
    (rest.len() <= USTAR.0 && !rest.is_empty() && at <= USTAR.1).then(|| (&name[..at], rest))
}

/// `formatPAXRecord`: the length counts itself.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut size = rest + rest.to_string().len();
    let mut record = format!("{size} {key}={value}\n");
    if record.len() != size {
        size = record.len();
        record = format!("{size} {key}={value}\n");
    }
    record
}

/// The entries of `charts/` that became subcharts, in their order: name, and the bytes where it is an archive.
fn subcharts(raw: &[SourceFile]) -> Vec<(String, Option<std::sync::Arc<[u8]>>)> {
    let mut found: BTreeMap<String, Option<std::sync::Arc<[u8]>>> = BTreeMap::new();
    for file in raw {
        let Some(path) = file.path.strip_prefix("charts/").filter(|path| gopath::extension(path) != ".prov") else { continue };
        let key = path.split('/').next().unwrap_or_default();
        if !key.starts_with(['_', '.']) {
            let bytes = (gopath::extension(key) == ".tgz").then(|| file.bytes.clone());
            found.entry(key.to_owned()).or_insert(bytes);
        }
    }
    found.into_iter().collect()
}

/// When the files of an archive were last modified, by path below its top folder. It was loaded before: what cannot be read is left out.
fn archive_times(bytes: &[u8]) -> BTreeMap<String, i64> {
    let bounded = flate2::read::MultiGzDecoder::new(bytes).take(2 * super::archive::MAX_DECOMPRESSED_CHART_BYTES);
    let mut tar = tar::Archive::new(bounded);
    let Ok(entries) = tar.entries() else { return BTreeMap::new() };
    let times = entries.take(MAX_ARCHIVE_ENTRIES).flatten().filter_map(|entry| {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (_, path) = name.split_once('/')?;
        Some((gopath::clean(path), entry.header().mtime().ok()? as i64))
    });
    times.collect()
}

/// Seconds since the epoch of a time in RFC 3339, rounded as Go's `Round(time.Second)`.
fn seconds(time: &str) -> Option<i64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some((time.as_nanosecond() + 500_000_000).div_euclid(1_000_000_000) as i64)
}

/// A time as Go writes it in YAML and JSON.
pub fn rfc3339(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
