//! Nodes to values: `interface{}` as go.yaml.in/yaml v2's decoder fills it (the second half of `decode.go`), made JSON
//! as `sigs.k8s.io/yaml` does it, numbers as float64.

use super::{
    base64,
    deep::deeper,
    go::Raw,
    number::{Bits, format_g},
    resolve::{Rules, Scalar, resolve},
    text::{Document, Fault, Kind, NodeId},
};
use crate::value::{GoStr, Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How deep a value may nest. Go stops at 10,000 collections; values are walked by recursion everywhere, and no chart
/// comes near.
pub(super) const MAX_DEPTH: usize = 1_000;
/// Decode steps up to which nearly all may come from aliases (Go's `alias_ratio_range_low`).
const ALIAS_RATIO_LOW: u64 = 400_000;
/// Decode steps from which only a tenth may (Go's `alias_ratio_range_high`).
const ALIAS_RATIO_HIGH: u64 = 4_000_000;
/// What numbers, booleans and null are in the error texts of tags.
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// How to decode.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Whether a key that stands twice is an error.
    pub(super) strict: bool,
    /// Whether integers stay integers (Go's own decoding) or become floats (by way of JSON).
    pub(super) integers: bool,
}

/// A text decoded as `interface{}`.
pub(super) fn decode(input: &[u8], options: Options) -> Result<Value, String> {
    let done = Document::read(input, |document| {
        let Some(document) = document else { return Ok(Value::Null) };
        let mut decoder = Decoder { options, ..Decoder::new(document) };
        let value = decoder.value(0, 0)?;
        if !decoder.duplicates.is_empty() {
            return Err(format!("yaml: unmarshal errors:\n  {}", decoder.duplicates.join("\n  ")));
        }
        match decoder.suspect {
            true => recheck(document, options),
            false => Ok(value),
        }
    });
    done.map_err(|fault: Fault| fault.text()).flatten()
}

struct Decoder<'d, 't> {
    document: &'d Document<'t>,
    options: Options,
    /// Aliases being followed.
    aliases: BTreeSet<NodeId>,
    decoded: u64,
    from_aliases: u64,
    /// Go's `TypeError`: keys that stand twice.
    duplicates: Vec<String>,
    /// Whether there was a key or number that JSON cannot have. It may have been overwritten since, so this asks for a
    /// second look.
    suspect: bool,
}

/// A mapping under way.
struct Filling {
    map: Map,
    /// With the kind of key, `1` and `"1"` being two; only kept when duplicates are errors.
    seen: BTreeSet<(&'static str, GoStr)>,
}

impl<'d, 't> Decoder<'d, 't> {
    fn new(document: &'d Document<'t>) -> Self {
        Decoder {
            document,
            options: Options::default(),
            aliases: BTreeSet::new(),
            decoded: 0,
            from_aliases: 0,
            duplicates: Vec::new(),
            suspect: false,
        }
    }

    /// Counts a step and refuses documents that are mostly aliases (Go's `unmarshal`).
    fn step(&mut self) -> Result<(), String> {
        self.decoded += 1;
        if self.aliases.is_empty() {
            return Ok(());
        }
        self.from_aliases += 1;
        self.check_ratio()
    }

    fn check_ratio(&self) -> Result<(), String> {
        let ratio = self.from_aliases as f64 / self.decoded as f64;
        if self.from_aliases > 100 && self.decoded > 1000 && ratio > allowed_ratio(self.decoded) {
            return Err("yaml: document contains excessive aliasing".to_owned());
        }
        Ok(())
    }

    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("yaml: exceeded max depth of {MAX_DEPTH}"));
        }
        self.step()?;
        let document = self.document;
        match &document.node(id).kind {
            Kind::Alias(name, target) => {
                let (name, target) = (name.clone(), *target);
                self.follow(id, &name, |this| deeper(|| this.value(target, depth + 1)))
            }
            Kind::Scalar { .. } => {
                let scalar = scalar(document, id)?;
                Ok(self.plain(scalar))
            }
            Kind::Sequence => {
                let items = document.children(id).map(|child| deeper(|| self.value(child, depth + 1)));
                Ok(Value::List(items.collect::<Result<_, _>>()?))
            }
            Kind::Mapping => {
                let mut filling = Filling { map: Map::new(), seen: BTreeSet::new() };
                self.fill(id, &mut filling, depth)?;
                Ok(Value::Map(filling.map))
            }
        }
    }

    fn follow<R>(&mut self, id: NodeId, name: &[u8], then: impl FnOnce(&mut Self) -> Result<R, String>) -> Result<R, String> {
        if !self.aliases.insert(id) {
            return Err(format!("yaml: anchor '{}' value contains itself", String::from_utf8_lossy(name)));
        }
        let done = then(self);
        self.aliases.remove(&id);
        done
    }

    /// A scalar as JSON has it.
    fn plain(&mut self, scalar: Raw) -> Value {
        match scalar {
            Raw::Nil => Value::Null,
            Raw::Bool(flag) => Value::Bool(flag),
            Raw::Int(number) if self.options.integers => Value::Int(number),
            Raw::Uint(number) if self.options.integers => Value::Uint(number),
            Raw::Int(number) => Value::Float(number as f64),
            Raw::Uint(number) => Value::Float(number as f64),
            Raw::Float(number) => {
                self.suspect |= !number.is_finite();
                Value::Float(number)
            }
            Raw::Str(text) => Value::String(text),
            Raw::List(_) | Raw::Map(_) => unreachable!("scalar() makes no collections"),
        }
    }

    /// Puts the mapping's pairs into a map, merges where they stand (Go's `mapping`).
    fn fill(&mut self, id: NodeId, filling: &mut Filling, depth: usize) -> Result<(), String> {
        let document = self.document;
        for (key, value) in document.pairs(id) {
            if is_merge(document, key) {
                self.merge(value, filling, depth)?;
                continue;
            }
            let key = self.key(key, depth)?;
            let datum = deeper(|| self.value(value, depth + 1))?;
            if self.options.strict {
                let (kind, name) = key.identity();
                if !filling.seen.insert((kind, name)) {
                    let line = document.node(value).line + 1;
                    self.duplicates.push(format!("line {line}: key {} already set in map", key.go_top()));
                    continue;
                }
            }
            let Some(name) = key.json_key() else {
                self.suspect = true;
                continue;
            };
            filling.map.insert(name, datum);
        }
        Ok(())
    }

    /// A key, with its Go type; collections are none.
    fn key(&mut self, id: NodeId, depth: usize) -> Result<Raw, String> {
        self.step()?;
        let document = self.document;
        match &document.node(id).kind {
            Kind::Scalar { .. } => scalar(document, id),
            Kind::Alias(name, target) => {
                let (name, target) = (name.clone(), *target);
                self.follow(id, &name, |this| deeper(|| this.key(target, depth + 1)))
            }
            Kind::Sequence | Kind::Mapping => {
                // Go decodes the collection first: a mistake in it comes before the key's.
                self.decoded -= 1;
                self.value(id, depth)?;
                Err(format!("yaml: invalid map key: {}", raw(document, id, self.options, depth)?.go()))
            }
        }
    }

    /// `<<`: a mapping, an alias of one, or a sequence of these, the earlier ones taking precedence.
    fn merge(&mut self, id: NodeId, filling: &mut Filling, depth: usize) -> Result<(), String> {
        let document = self.document;
        match &document.node(id).kind {
            Kind::Mapping | Kind::Alias(..) => self.merge_one(id, filling, depth),
            Kind::Sequence => {
                let items: Vec<NodeId> = document.children(id).collect();
                items.into_iter().rev().try_for_each(|item| self.merge_one(item, filling, depth))
            }
            Kind::Scalar { .. } => Err(WANT_MAP.to_owned()),
        }
    }

    fn merge_one(&mut self, id: NodeId, filling: &mut Filling, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("yaml: exceeded max depth of {MAX_DEPTH}"));
        }
        let document = self.document;
        match &document.node(id).kind {
            Kind::Mapping => {
                self.step()?;
                deeper(|| self.fill(id, filling, depth + 1))
            }
            Kind::Alias(name, target) if matches!(document.node(*target).kind, Kind::Mapping) => {
                let (name, target) = (name.clone(), *target);
                self.step()?;
                self.follow(id, &name, |this| {
                    this.step()?;
                    deeper(|| this.fill(target, filling, depth + 1))
                })
            }
            _ => Err(WANT_MAP.to_owned()),
        }
    }
}

const WANT_MAP: &str = "yaml: map merge requires map or sequence of maps as the value";

/// Go's `allowedAliasRatio`.
fn allowed_ratio(decoded: u64) -> f64 {
    match decoded {
        ..=ALIAS_RATIO_LOW => 0.99,
        ALIAS_RATIO_HIGH.. => 0.10,
        _ => 0.99 - 0.89 * ((decoded - ALIAS_RATIO_LOW) as f64 / (ALIAS_RATIO_HIGH - ALIAS_RATIO_LOW) as f64),
    }
}

fn is_merge(document: &Document<'_>, id: NodeId) -> bool {
    match &document.node(id).kind {
        Kind::Scalar { tag, value, implicit, .. } => **value == *b"<<" && (*implicit || **tag == *b"tag:yaml.org,2002:merge"),
        _ => false,
    }
}

/// A key as JSON has it: `y: 1` is a key `true`. Nothing where it is no scalar.
pub(super) fn key_name(document: &Document<'_>, id: NodeId) -> Option<GoStr> {
    match &document.node(id).kind {
        Kind::Scalar { .. } => scalar(document, id).ok()?.json_key(),
        _ => None,
    }
}

/// A scalar node's value (Go's `scalar` and `resolve`).
fn scalar(document: &Document<'_>, id: NodeId) -> Result<Raw, String> {
    let Kind::Scalar { tag, value, implicit, .. } = &document.node(id).kind else {
        unreachable!("scalar() is called for scalars only")
    };
    let string = || Raw::Str(GoStr::from_bytes(value));
    if tag.is_empty() {
        return Ok(match implicit {
            true => meaning(resolve(value, Rules::V2, true), string),
            false => string(),
        });
    }
    let Some(tag) = std::str::from_utf8(tag).ok().and_then(|tag| tag.strip_prefix(TAG_PREFIX)) else { return Ok(string()) };
    match tag {
        "str" => Ok(string()),
        "binary" => base64::decode(value)
            .map(|bytes| Raw::Str(super::json::well_formed(&bytes).into()))
            .ok_or_else(|| "yaml: !!binary value contains invalid base64 data".to_owned()),
        "bool" | "int" | "float" | "null" | "timestamp" => {
            let found = resolve(value, Rules::V2, tag == "timestamp");
            match (found.tag().strip_prefix("!!"), &found) {
                (Some(own), _) if own == tag => Ok(meaning(found, string)),
                (_, Scalar::Int(number)) if tag == "float" => Ok(Raw::Float(*number as f64)),
                _ => Err(format!("yaml: cannot decode {} `{}` as a !!{tag}", found.tag(), String::from_utf8_lossy(value))),
            }
        }
        _ => Ok(string()),
    }
}

fn meaning(scalar: Scalar, string: impl FnOnce() -> Raw) -> Raw {
    match scalar {
        Scalar::Null => Raw::Nil,
        Scalar::Bool(flag) => Raw::Bool(flag),
        Scalar::Int(number) => Raw::Int(number),
        Scalar::Uint(number) => Raw::Uint(number),
        Scalar::Float(number) => Raw::Float(number),
        // A timestamp stays a string in interface{}, "for backward compatibility reasons".
        Scalar::Timestamp | Scalar::Str => string(),
    }
}

/// Decodes again, now as Go does in two steps, to find what JSON cannot have.
fn recheck(document: &Document<'_>, options: Options) -> Result<Value, String> {
    let value = jsonable(raw(document, 0, options, 0)?, options)?;
    if !options.integers {
        check_numbers(&value)?;
    }
    Ok(value)
}

/// Go's `convertToJSONableObject`.
fn jsonable(raw: Raw, options: Options) -> Result<Value, String> {
    Ok(match raw {
        Raw::Nil => Value::Null,
        Raw::Bool(flag) => Value::Bool(flag),
        Raw::Int(number) if options.integers => Value::Int(number),
        Raw::Uint(number) if options.integers => Value::Uint(number),
        Raw::Int(number) => Value::Float(number as f64),
        Raw::Uint(number) => Value::Float(number as f64),
        Raw::Float(number) => Value::Float(number),
        Raw::Str(text) => Value::String(text),
        Raw::List(items) => {
            Value::List(items.into_iter().map(|item| deeper(|| jsonable(item, options))).collect::<Result<_, _>>()?)
        }
        Raw::Map(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let Some(name) = key.json_key() else {
                    let (go_type, key, value) = (key.type_name(), key.go_top(), value.go_top());
                    return Err(format!("unsupported map key of type: {go_type}, key: {key}, value: {value}"));
                };
                map.insert(name, deeper(|| jsonable(value, options))?);
            }
            Value::Map(map)
        }
    })
}

fn check_numbers(value: &Value) -> Result<(), String> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Err(format!("json: unsupported value: {}", format_g(*number, Bits::B64)))
        }
        Value::List(items) => items.iter().try_for_each(|item| deeper(|| check_numbers(item))),
        Value::Map(map) => map.values().try_for_each(|item| deeper(|| check_numbers(item))),
        _ => Ok(()),
    }
}

/// A node as Go's decoder leaves it before JSON. It was decoded once, so nothing can fail but depth.
fn raw(document: &Document<'_>, id: NodeId, options: Options, depth: usize) -> Result<Raw, String> {
    if depth > MAX_DEPTH {
        return Err(format!("yaml: exceeded max depth of {MAX_DEPTH}"));
    }
    match &document.node(id).kind {
        Kind::Scalar { .. } => scalar(document, id),
        Kind::Alias(_, target) => deeper(|| raw(document, *target, options, depth + 1)),
        Kind::Sequence => {
            let items = document.children(id).map(|child| deeper(|| raw(document, child, options, depth + 1)));
            Ok(Raw::List(items.collect::<Result<_, _>>()?))
        }
        Kind::Mapping => {
            let mut pairs = Pairs { keep: options.strict, ..Pairs::default() };
            raw_pairs(document, id, options, depth, &mut pairs)?;
            Ok(Raw::Map(pairs.list))
        }
    }
}

/// A Go map in order of insertion.
#[derive(Default)]
struct Pairs {
    list: Vec<(Raw, Raw)>,
    places: BTreeMap<(&'static str, GoStr), usize>,
    /// Whether a key that is there already keeps its value, as strict decoding leaves it.
    keep: bool,
}

impl Pairs {
    fn insert(&mut self, key: Raw, value: Raw) {
        let place = *self.places.entry(key.identity()).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some(_) if self.keep => {}
            Some((_, old)) => *old = value,
            None => self.list.push((key, value)),
        }
    }
}

fn raw_pairs(
    document: &Document<'_>,
    id: NodeId,
    options: Options,
    depth: usize,
    pairs: &mut Pairs,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("yaml: exceeded max depth of {MAX_DEPTH}"));
    }
    for (key, value) in document.pairs(id) {
        if is_merge(document, key) {
            let target = |id: NodeId| match document.node(id).kind {
                Kind::Alias(_, target) => target,
                _ => id,
            };
            let merged: Vec<NodeId> = match document.node(value).kind {
                Kind::Sequence => document.children(value).map(target).collect(),
                _ => vec![target(value)],
            };
            for id in merged.into_iter().rev() {
                deeper(|| raw_pairs(document, id, options, depth + 1, pairs))?;
            }
            continue;
        }
        let key = raw(document, key, options, depth + 1)?;
        let value = deeper(|| raw(document, value, options, depth + 1))?;
        pairs.insert(key, value);
    }
    Ok(())
}
