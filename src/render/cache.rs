//! What need not be parsed again: charts and templates, by their content. A cache changes no result, only the time it takes.

use crate::chart::{Chart, LoadError, Log, SourceFile, load_files};
use crate::template::{Functions, ParseError, Parsed};
use crate::value::GoStr;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes of templates and of charts a generation of the cache holds; there are two of each.
const MAX_GENERATION_BYTES: usize = 32 << 20;

/// Parsed templates and loaded charts, shared by clones and threads. [`Cache::default`] keeps nothing.
#[derive(Clone, Default)]
pub struct Cache(Option<Arc<Shared>>);

#[derive(Default)]
struct Shared {
    templates: Mutex<Generations<(GoStr, Parsed)>>,
    charts: Mutex<Generations<(Chart, Log)>>,
}

/// A cache is no part of what is rendered.
impl PartialEq for Cache {
    fn eq(&self, _: &Cache) -> bool {
        true
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Cache" } else { "Cache(none)" })
    }
}

/// What was used lately, and what was used before that: what nobody asks for goes after two generations.
struct Generations<T> {
    young: BTreeMap<(String, u64), T>,
    old: BTreeMap<(String, u64), T>,
    bytes: usize,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Generations { young: BTreeMap::new(), old: BTreeMap::new(), bytes: 0 }
    }
}

impl<T: Clone> Generations<T> {
    fn get(&mut self, key: &(String, u64), bytes: usize) -> Option<T> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.put(key.clone(), found.clone(), bytes);
        Some(found)
    }

    fn put(&mut self, key: (String, u64), entry: T, bytes: usize) {
        if self.bytes + bytes > MAX_GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.young.insert(key, entry);
    }
}

/// A panic while the lock was held left whole entries behind: each is put in one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// An empty cache that keeps what it is given.
    pub fn new() -> Cache {
        Cache(Some(Arc::default()))
    }

    /// A template of this path, parsed.
    ///
    /// # Errors
    /// As the parser refuses the text.
    pub fn parsed(&self, path: &str, bytes: &Arc<[u8]>) -> Result<Parsed, ParseError> {
        let text = GoStr::from(bytes.clone());
        let Some(shared) = &self.0 else { return Parsed::parse(Functions::Helm, path, &text) };
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        let key = (path.to_owned(), hash.finish());
        if let Some((own, parsed)) = locked(&shared.templates).get(&key, bytes.len())
            && own == text
        {
            return Ok(parsed);
        }
        let parsed = Parsed::parse(Functions::Helm, path, &text)?;
        locked(&shared.templates).put(key, (text, parsed.clone()), bytes.len());
        Ok(parsed)
    }

    /// The chart of these files, with the notices of its loading.
    ///
    /// # Errors
    /// As [`load_files`] refuses them.
    pub fn chart(&self, files: Vec<SourceFile>, log: &mut Log) -> Result<Chart, LoadError> {
        let Some(shared) = &self.0 else { return load_files(files, log) };
        let mut hash = DefaultHasher::new();
        let mut bytes = 0;
        for file in &files {
            hash.write(file.path.as_bytes());
            hash.write_u8(0xff);
            hash.write_usize(file.bytes.len());
            hash.write(&file.bytes);
            bytes += file.bytes.len();
        }
        let key = (String::new(), hash.finish());
        let found = locked(&shared.charts).get(&key, bytes).filter(|(chart, _)| chart.raw == files);
        let (chart, notices) = match found {
            Some(found) => found,
            None => {
                let mut notices = Log::default();
                let loaded = load_files(files, &mut notices);
                if loaded.is_err() {
                    log.notices.append(&mut notices.notices);
                }
                let entry = (loaded?, notices);
                locked(&shared.charts).put(key, entry.clone(), bytes);
                entry
            }
        };
        log.notices.extend(notices.notices);
        Ok(chart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), bytes: text.as_bytes().into() }
    }

    #[test]
    fn the_same_text_is_parsed_once_and_another_anew() {
        let cache = Cache::new();
        let text: Arc<[u8]> = b"{{ .x }}"[..].into();
        let first = cache.parsed("c/templates/a.yaml", &text).unwrap();
        let again = cache.parsed("c/templates/a.yaml", &Arc::from(&b"{{ .x }}"[..])).unwrap();
        assert!(first.shares(&again), "parsed twice");
        let other = cache.parsed("c/templates/a.yaml", &Arc::from(&b"{{ .y }}"[..])).unwrap();
        assert!(!first.shares(&other));
        assert!(cache.parsed("c/templates/b.yaml", &Arc::from(&b"{{ "[..])).is_err());
    }

    #[test]
    fn a_chart_is_loaded_once_and_its_notices_are_told_each_time() {
        let cache = Cache::new();
        let files = vec![
            file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            file("requirements.yaml", "dependencies: []\n"),
            file("values.yaml", "x: 1\n"),
        ];
        let (mut first, mut second) = (Log::default(), Log::default());
        let chart = cache.chart(files.clone(), &mut first).unwrap();
        let again = cache.chart(files.clone(), &mut second).unwrap();
        assert!(Arc::ptr_eq(&chart.values, &again.values), "loaded twice");
        assert_eq!(first, second);
        assert_eq!(first.notices.len(), 1);
        let changed = vec![files[0].clone(), files[1].clone(), file("values.yaml", "x: 2\n")];
        assert_ne!(cache.chart(changed, &mut second).unwrap().values, chart.values);
    }

    #[test]
    fn what_nobody_asks_for_goes() {
        let mut generations = Generations::default();
        for number in 0..10_u64 {
            generations.put((String::new(), number), number, MAX_GENERATION_BYTES / 2);
        }
        assert!(generations.young.len() + generations.old.len() <= 4);
        assert_eq!(generations.get(&(String::new(), 9), 1), Some(9));
        assert_eq!(generations.get(&(String::new(), 0), 1), None);
    }
}
