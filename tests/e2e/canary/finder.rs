//! What is looked for, and how: values that nothing else has, in each form in which they could come out.

use base64::{Engine as _, engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD}};
use regex::bytes::Regex;
use std::{collections::BTreeMap, fmt};

/// How many letters each half of a value has: enough that nothing has them by chance.
const HALF: usize = 12;
/// Letters beside a find that are shown.
const BESIDE: usize = 60;

/// A secret that is nowhere but where it was put.
#[derive(Clone, Debug)]
pub struct Canary {
    /// What it is, for reports.
    pub name: &'static str,
    /// The whole value.
    pub value: String,
    /// Something of it that would be a leak: all of it, or a line.
    pub leak: String,
    /// Parts of it, each of which gives it away.
    parts: Vec<String>,
}

impl Canary {
    /// One made by chance. What stands between its halves differs between the alphabets of base64 (`+/` and `-_`).
    pub fn new(name: &'static str) -> Canary {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let half = || (0..HALF).map(|_| LETTERS[rand::random::<u8>() as usize % LETTERS.len()] as char).collect::<String>();
        let (one, two) = (half(), half());
        let value = format!("{one}?>~{two}");
        Canary { name, leak: value.clone(), value, parts: vec![one, two] }
    }

    /// A given text, such as a private key: the middle of each of its long lines.
    pub fn of(name: &'static str, text: &str) -> Canary {
        let secret = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("-----"));
        let long: Vec<&str> = secret.filter(|line| line.len() >= 4 * HALF).collect();
        let parts = long.iter().map(|line| line[line.len() / 2 - HALF..line.len() / 2 + HALF].to_owned()).collect();
        Canary { name, value: text.to_owned(), leak: (*long.last().expect("a key has a long line")).to_owned(), parts }
    }
}

/// A secret that came out.
pub struct Leak {
    /// Which one, and in which form.
    pub what: String,
    /// Where it was found.
    pub place: String,
    excerpt: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: …{}…", self.what, self.place, self.excerpt)
    }
}

/// Finds canaries in anything.
pub struct Finder {
    all: Regex,
    forms: BTreeMap<Vec<u8>, String>,
}

impl Finder {
    /// For these: their parts as they are, in lower case (a kind stands so in a path) and in hexadecimal, parts and whole in base64
    /// (both alphabets, all three alignments), and in base64 of base64.
    pub fn new(canaries: &[Canary]) -> Finder {
        let mut forms = BTreeMap::new();
        for canary in canaries {
            for text in canary.parts.iter().chain([&canary.value]) {
                for (form, bytes) in Self::forms(text.as_bytes()) {
                    forms.insert(bytes, format!("{}, {form}", canary.name));
                }
            }
        }
        let mut words: Vec<String> = forms.keys().map(|bytes| regex::escape(&String::from_utf8_lossy(bytes))).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let all = regex::bytes::RegexBuilder::new(&words.join("|")).size_limit(64 << 20).build().expect("escaped words are a pattern");
        Finder { all, forms }
    }

    fn forms(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![("as it is", text.to_vec()), ("in hexadecimal", hex.to_uppercase().into_bytes()), ("in hexadecimal", hex.into_bytes())];
        forms.push(("in lower case", text.to_ascii_lowercase()));
        for once in aligned(text) {
            forms.extend(aligned(&once).into_iter().map(|twice| ("in base64 twice", twice)));
            forms.push(("in base64", once));
        }
        forms
    }

    /// Every leak in a text, at most one a form.
    pub fn find(&self, place: &str, text: &[u8]) -> Vec<Leak> {
        let mut found = BTreeMap::new();
        for hit in self.all.find_iter(text) {
            let what = self.forms.get(hit.as_bytes()).cloned().unwrap_or_default();
            let around = &text[hit.start().saturating_sub(BESIDE)..(hit.end() + BESIDE).min(text.len())];
            found.entry(what).or_insert_with(|| String::from_utf8_lossy(around).replace('\n', "⏎"));
        }
        found.into_iter().map(|(what, excerpt)| Leak { what, place: place.to_owned(), excerpt }).collect()
    }
}

/// A text inside of a longer one in base64, wherever it begins: the letters that it alone decides, in both alphabets.
fn aligned(text: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for shift in 0..3 {
        let padded = [vec![0; shift], text.to_vec()].concat();
        let (first, end) = ([0, 2, 3][shift], padded.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            forms.push(encoded.as_bytes()[first..end].to_vec());
        }
    }
    forms
}

/// The finder finds what is planted, however it is written, and nothing else.
#[test]
fn a_planted_leak_is_found_in_every_form() {
    let canary = Canary::new("the planted one");
    let finder = Finder::new(&[canary.clone(), Canary::new("another")]);
    let innocent = format!("{} {}", "lorem ipsum 0123456789abcdef ".repeat(200), Canary::new("a stranger").value);
    assert!(finder.find("a log", innocent.as_bytes()).is_empty());
    let value = canary.value.as_str();
    let mut planted = vec![value.to_owned(), format!("{value:?}"), value.replace('>', "\\u003e"), value[..HALF].to_owned()];
    planted.push(value.bytes().map(|byte| format!("{byte:02X}")).collect());
    for before in ["", "x", "xy", "xyz", "user:"] {
        let once = STANDARD_NO_PAD.encode(format!("{before}{value}\n"));
        planted.extend([once.clone(), URL_SAFE_NO_PAD.encode(format!("{before}{value} and on")), STANDARD_NO_PAD.encode(format!("{{\"auth\":\"{once}\"}}"))]);
    }
    assert!(planted.iter().any(|text| text.contains('-') || text.contains('_')), "the URL-safe alphabet is among them");
    for text in planted {
        let log = format!("{innocent}{text}\n{innocent}");
        let found = finder.find("a log", log.as_bytes());
        assert!(!found.is_empty() && found.iter().all(|leak| leak.what.starts_with("the planted one")), "{text} was not found");
    }
}
