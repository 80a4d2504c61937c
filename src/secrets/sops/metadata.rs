//! What sops notes beside the values (`stores/stores.go`): for whom the data key is wrapped, which values are encrypted, the MAC.

use super::{Format, SopsError};
use crate::yaml::Ordered;
use regex::Regex;

/// The metadata of a file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The data key, wrapped for each recipient.
    pub wrapped: Vec<Wrapped>,
    pub(super) mac: String,
    pub(super) last_modified: String,
    pub(super) mac_only_encrypted: bool,
    /// Name of the rule and its text.
    rules: Vec<(String, String)>,
    groups: bool,
}

/// The data key, wrapped for one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrapped {
    /// `age`, `pgp`, `kms` …, as sops calls it.
    pub kind: String,
    /// The age recipient, the PGP fingerprint, the key's name.
    pub recipient: String,
    /// The wrapped key, armored where it is age's or PGP's.
    pub text: String,
}

/// Which values are encrypted.
pub(super) enum Rule {
    Suffix { suffix: String, encrypted: bool },
    Pattern { pattern: Regex, encrypted: bool },
}

impl Rule {
    /// Whether the rule names this key.
    pub(super) fn names(&self, key: &str) -> bool {
        match self {
            Rule::Suffix { suffix, .. } => key.ends_with(suffix.as_str()),
            Rule::Pattern { pattern, .. } => pattern.is_match(key),
        }
    }

    /// Whether a value is encrypted, below a named key or not.
    pub(super) fn encrypts(&self, named: bool) -> bool {
        let (Rule::Suffix { encrypted, .. } | Rule::Pattern { encrypted, .. }) = self;
        named == *encrypted
    }
}

/// What recipients of each kind are called by.
const KINDS: &[(&str, &str)] = &[
    ("age", "recipient"), ("pgp", "fp"), ("kms", "arn"), ("gcp_kms", "resource_id"), ("azure_kv", "name"), ("hc_vault", "key_name"), ("hckms", "key_id"),
];

/// sops's own rules for what is encrypted.
const RULES: &[&str] = &["unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex", "unencrypted_comment_regex", "encrypted_comment_regex"];

/// How large a pattern's automaton may become.
const MAX_PATTERN: usize = 1 << 20;

impl Metadata {
    /// Takes the metadata out of a tree; none where there is none.
    pub(super) fn take(format: Format, tree: Ordered) -> Result<(Ordered, Option<Metadata>), String> {
        let Ordered::Map(mut pairs) = tree else { return Err("it is no mapping".to_owned()) };
        let found = match format {
            Format::Dotenv => {
                let (flat, plain): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key.starts_with("sops_"));
                pairs = plain;
                (!flat.is_empty()).then(|| unflattened(flat))
            }
            _ => {
                let at = pairs.iter().position(|(key, _)| key == "sops");
                at.map(|at| pairs.remove(at).1)
            }
        };
        let metadata = found.map(|found| Metadata::read(&found)).transpose()?;
        // Values may well have a key `sops` of their own: the MAC makes it sops's.
        Ok((Ordered::Map(pairs), metadata.filter(|metadata| !metadata.mac.is_empty())))
    }

    fn read(tree: &Ordered) -> Result<Metadata, String> {
        if !matches!(tree, Ordered::Map(_)) {
            return Err("its key sops is no mapping".to_owned());
        }
        let mut metadata = Metadata {
            mac: text(tree, "mac"),
            last_modified: text(tree, "lastmodified"),
            mac_only_encrypted: text(tree, "mac_only_encrypted").eq_ignore_ascii_case("true"),
            groups: matches!(get(tree, "key_groups"), Some(Ordered::List(groups)) if groups.len() > 1),
            ..Metadata::default()
        };
        for rule in RULES {
            let value = text(tree, rule);
            if !value.is_empty() {
                metadata.rules.push(((*rule).to_owned(), value));
            }
        }
        let single = match get(tree, "key_groups") {
            Some(Ordered::List(groups)) if groups.len() == 1 => groups.first(),
            _ => None,
        };
        for place in [Some(tree), single].into_iter().flatten() {
            for (kind, name) in KINDS {
                let Some(Ordered::List(entries)) = get(place, kind) else { continue };
                metadata.wrapped.extend(entries.iter().map(|entry| Wrapped {
                    kind: (*kind).to_owned(),
                    recipient: text(entry, name),
                    text: text(entry, "enc"),
                }));
            }
        }
        Ok(metadata)
    }

    /// Which values are encrypted.
    pub(super) fn rule(&self) -> Result<Rule, SopsError> {
        if self.groups {
            let why = "it has several key groups (Shamir's secret sharing): encrypt it for one group, any key of which opens it";
            return Err(SopsError::Unsupported(why.to_owned()));
        }
        let (name, value) = match self.rules.as_slice() {
            [] => return Ok(Rule::Suffix { suffix: "_unencrypted".to_owned(), encrypted: false }),
            [(name, value)] => (name.as_str(), value),
            _ => return Err(SopsError::Unsupported("it has more than one rule for what is encrypted, which sops refuses, too".to_owned())),
        };
        let encrypted = name.starts_with("encrypted");
        if name.ends_with("_suffix") {
            return Ok(Rule::Suffix { suffix: value.clone(), encrypted });
        }
        if name.contains("comment") {
            return Err(SopsError::Unsupported(format!("its {name} selects values by comments: use encrypted_regex or a suffix")));
        }
        let pattern = regex::RegexBuilder::new(value).size_limit(MAX_PATTERN).build();
        let pattern = pattern.map_err(|_| SopsError::Unsupported(format!("its {name} is no regular expression that is understood here")))?;
        Ok(Rule::Pattern { pattern, encrypted })
    }
}

fn get<'t>(tree: &'t Ordered, name: &str) -> Option<&'t Ordered> {
    let Ordered::Map(pairs) = tree else { return None };
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn text(tree: &Ordered, name: &str) -> String {
    match get(tree, name) {
        Some(Ordered::Text(text) | Ordered::Time(text)) => text.clone(),
        Some(Ordered::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// `sops_age__list_0__map_enc` and so on to what they stand for (`stores/flatten.go`), as far as metadata goes: lists of
/// mappings of texts.
fn unflattened(flat: Vec<(String, Ordered)>) -> Ordered {
    let mut pairs: Vec<(String, Ordered)> = Vec::new();
    for (key, value) in flat {
        let key = key.trim_start_matches("sops_");
        let Some((list, rest)) = key.split_once("__list_") else {
            pairs.push((key.to_owned(), value));
            continue;
        };
        let Some((index, field)) = rest.split_once("__map_") else { continue };
        let Ok(index) = index.parse::<usize>() else { continue };
        let at = pairs.iter().position(|(name, _)| name == list).unwrap_or_else(|| {
            pairs.push((list.to_owned(), Ordered::List(Vec::new())));
            pairs.len() - 1
        });
        if let Ordered::List(entries) = &mut pairs[at].1 {
            // Entries stand in order, each with all its fields.
            if index == entries.len() {
                entries.push(Ordered::Map(Vec::new()));
            }
            if let Some(Ordered::Map(fields)) = entries.get_mut(index) {
                fields.push((field.to_owned(), value));
            }
        }
    }
    Ordered::Map(pairs)
}
