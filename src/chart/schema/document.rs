//! A schema's document: its resources (`$id`), anchors and drafts (`roots.go`, `root.go`, `draft.go`).

use super::error::escape;
use super::json::Json;
use super::metaschema;
use crate::template::deep;
use std::collections::BTreeMap;

/// The drafts by year or number, as they are compared.
pub(super) type Draft = u16;

/// What is used where a schema does not say.
const LATEST: Draft = 2020;

/// Places of subschemas: those of a draft and all before it. `*`: each member; `[]`: each item.
const PLACES: [(Draft, &[&str]); 5] = [
    (
        4,
        &[
            "definitions/*",
            "not",
            "allOf/[]",
            "anyOf/[]",
            "oneOf/[]",
            "properties/*",
            "additionalProperties",
            "patternProperties/*",
            "items",
            "items/[]",
            "additionalItems",
            "dependencies/*",
        ],
    ),
    (6, &["propertyNames", "contains"]),
    (7, &["if", "then", "else"]),
    (
        2019,
        &["$defs/*", "dependentSchemas/*", "unevaluatedProperties", "unevaluatedItems", "contentSchema"],
    ),
    (2020, &["prefixItems/[]"]),
];

/// A part of a document with its own URL.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub pointer: String,
    pub url: String,
    pub draft: Draft,
    pub anchors: BTreeMap<String, String>,
    pub dynamic_anchors: Vec<String>,
}

/// A schema's document.
#[derive(Debug)]
pub(super) struct Document {
    pub url: String,
    pub json: Json,
    /// The root's resource comes first.
    pub resources: Vec<Resource>,
    /// Whether `format` is checked whatever the draft says: in the schemas of schemas.
    pub assert_format: bool,
}

impl Document {
    /// Reads the resources and anchors of a schema.
    pub fn new(url: &str, json: Json) -> Result<Document, String> {
        let assert_format = url.starts_with("http");
        let mut document = Document { url: url.to_owned(), json: Json::Null, resources: Vec::new(), assert_format };
        document.collect(&json, url, "", LATEST)?;
        document.json = json;
        Ok(document)
    }

    fn collect(&mut self, schema: &Json, base: &str, pointer: &str, fallback: Draft) -> Result<(), String> {
        let Json::Object(_) = schema else {
            if pointer.is_empty() {
                self.add(pointer, base, fallback);
            }
            return Ok(());
        };
        let mut draft = declared_draft(schema, fallback, &self.url)?;
        let mut id = id_of(schema, draft);
        if id.is_empty() && !pointer.is_empty() {
            draft = fallback;
            id = id_of(schema, draft);
        }
        let mut base = base.to_owned();
        if !id.is_empty() || pointer.is_empty() {
            if !id.is_empty() {
                base = join(&base, &id).0;
            }
            if let Some(other) = self.resources.iter().find(|resource| resource.url == base) {
                let quote = crate::chart::log::quote;
                let (id, url, a, b) = (quote(&base), quote(&self.url), quote(pointer), quote(&other.pointer));
                return Err(format!("duplicate id {id} in {url} at {a} and {b}"));
            }
            let own = if schema.text("$schema").is_some() { draft } else { fallback };
            self.add(pointer, &base, own);
        }
        let place = self.resources.iter().position(|resource| resource.url == base).unwrap_or(0);
        self.anchors(schema, pointer, place)?;
        let inner = self.resources[place].draft;
        for (path, subschema) in subschemas(schema, draft, pointer) {
            deep(|| self.collect(subschema, &base, &path, inner))?;
        }
        Ok(())
    }

    fn add(&mut self, pointer: &str, url: &str, draft: Draft) {
        self.resources.push(Resource {
            pointer: pointer.to_owned(),
            url: url.to_owned(),
            draft,
            anchors: BTreeMap::new(),
            dynamic_anchors: Vec::new(),
        });
    }

    fn anchors(&mut self, schema: &Json, pointer: &str, place: usize) -> Result<(), String> {
        let draft = self.resources[place].draft;
        let mut found = Vec::new();
        if draft < 2019 {
            if schema.get("$ref").is_some() {
                return Ok(());
            }
            let fragment = schema.text(id_key(draft)).and_then(|id| id.split_once('#')).map(|(_, fragment)| fragment);
            found.extend(fragment.filter(|fragment| !fragment.is_empty() && !fragment.starts_with('/')));
        } else {
            found.extend(schema.text("$anchor"));
        }
        if draft >= 2020
            && let Some(anchor) = schema.text("$dynamicAnchor")
        {
            found.push(anchor);
            self.resources[place].dynamic_anchors.push(anchor.to_owned());
        }
        for anchor in found {
            let old = self.resources[place].anchors.insert(anchor.to_owned(), pointer.to_owned());
            if let Some(old) = old.filter(|old| old != pointer) {
                let quote = crate::chart::log::quote;
                let (anchor, url) = (quote(anchor), quote(&self.url));
                return Err(format!("duplicate anchor {anchor} in {url} at {} and {}", quote(&old), quote(pointer)));
            }
        }
        Ok(())
    }

    /// The resource that a place belongs to.
    pub fn resource(&self, pointer: &str) -> &Resource {
        let holds = |resource: &&Resource| {
            pointer.strip_prefix(&resource.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let longest = self.resources.iter().filter(holds).max_by_key(|resource| resource.pointer.len());
        longest.unwrap_or(&self.resources[0])
    }

    /// The value at a pointer.
    pub fn lookup(&self, pointer: &str) -> Option<&Json> {
        pointer.split('/').skip(1).try_fold(&self.json, |value, key| {
            let key = key.replace("~1", "/").replace("~0", "~");
            match value {
                Json::Object(map) => map.get(&key),
                Json::List(list) => list.get(key.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }
}

fn id_key(draft: Draft) -> &'static str {
    if draft == 4 { "id" } else { "$id" }
}

fn id_of(schema: &Json, draft: Draft) -> String {
    if draft < 2019 && schema.get("$ref").is_some() {
        return String::new();
    }
    schema.text(id_key(draft)).map_or(String::new(), |id| id.split('#').next().unwrap_or_default().to_owned())
}

/// The draft that `$schema` names.
fn declared_draft(schema: &Json, fallback: Draft, url: &str) -> Result<Draft, String> {
    let Some(declared) = schema.text("$schema") else { return Ok(fallback) };
    let (name, fragment) = declared.split_once('#').unwrap_or((declared, ""));
    let path = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://")).unwrap_or(name);
    if fragment.is_empty() {
        match path {
            "json-schema.org/schema" | "json-schema.org/draft/2020-12/schema" => return Ok(2020),
            "json-schema.org/draft/2019-09/schema" => return Ok(2019),
            "json-schema.org/draft-07/schema" => return Ok(7),
            "json-schema.org/draft-06/schema" => return Ok(6),
            "json-schema.org/draft-04/schema" => return Ok(4),
            _ => {}
        }
    }
    let quoted = crate::chart::log::quote(name);
    if name == url {
        return Err(format!("draft {quoted} is not supported"));
    }
    Err(format!("failing loading {quoted}: windlass reads no schemas from elsewhere"))
}

/// The subschemas of a schema with their pointers, in order.
fn subschemas<'j>(schema: &'j Json, draft: Draft, pointer: &str) -> Vec<(String, &'j Json)> {
    let mut found = BTreeMap::new();
    for place in PLACES.iter().filter(|(since, _)| *since <= draft).flat_map(|(_, places)| *places) {
        let (key, each) = place.split_once('/').map_or((*place, None), |(key, each)| (key, Some(each)));
        let here = format!("{pointer}/{}", escape(key));
        match (each, schema.get(key)) {
            (None, Some(value)) => {
                found.insert(here, value);
            }
            (Some("*"), Some(Json::Object(map))) => {
                found.extend(map.iter().map(|(key, value)| (format!("{here}/{}", escape(key)), value)));
            }
            (Some(_), Some(Json::List(list))) => {
                found.extend(list.iter().enumerate().map(|(place, value)| (format!("{here}/{place}"), value)));
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// Resolves a reference against a URL: the URL without fragment, and the fragment decoded.
pub(super) fn join(base: &str, reference: &str) -> (String, String) {
    let (reference, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    (join_url(base, reference), percent_decode(fragment))
}

fn join_url(base: &str, reference: &str) -> String {
    let scheme = |url: &str| {
        let end = url.find(':')?;
        let valid = url[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        (end > 0 && valid && url.as_bytes()[0].is_ascii_alphabetic()).then_some(end)
    };
    if reference.is_empty() {
        return base.to_owned();
    }
    if scheme(reference).is_some() {
        return reference.to_owned();
    }
    let Some(end) = scheme(base) else { return reference.to_owned() };
    let (start, rest) = base.split_at(end + 1);
    if let Some(network) = reference.strip_prefix("//") {
        return format!("{start}//{network}");
    }
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => return reference.to_owned(),
    };
    let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let joined = if reference.starts_with('/') { reference.to_owned() } else { format!("{folder}{reference}") };
    let cleaned = crate::chart::gopath::clean(&format!("/{}", joined.trim_start_matches('/')));
    let slash = if joined.ends_with('/') && cleaned != "/" { "/" } else { "" };
    format!("{start}//{authority}{cleaned}{slash}")
}

fn percent_decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A place in a document.
#[derive(Clone, Debug)]
pub(super) struct Node<'d> {
    pub document: &'d Document,
    pub pointer: String,
    pub json: &'d Json,
}

impl<'d> Node<'d> {
    pub fn same(&self, other: &Node<'_>) -> bool {
        std::ptr::eq(self.document, other.document) && self.pointer == other.pointer
    }

    pub fn resource(&self) -> &'d Resource {
        self.document.resource(&self.pointer)
    }

    pub fn draft(&self) -> Draft {
        self.resource().draft
    }

    /// The subschema under a keyword.
    pub fn child(&self, key: &str) -> Option<Node<'d>> {
        let json = self.json.get(key)?;
        Some(Node { document: self.document, pointer: format!("{}/{}", self.pointer, escape(key)), json })
    }

    /// A member of this object or list.
    pub fn member(&self, key: &str, json: &'d Json) -> Node<'d> {
        Node { document: self.document, pointer: format!("{}/{}", self.pointer, escape(key)), json }
    }

    /// The subschemas in a list under a keyword.
    pub fn list(&self, key: &str) -> Vec<Node<'d>> {
        let (Some(list), Some(node)) = (self.json.list(key), self.child(key)) else { return Vec::new() };
        list.iter().enumerate().map(|(place, json)| node.member(&place.to_string(), json)).collect()
    }

    pub fn url(&self) -> String {
        format!("{}#{}", self.document.url, self.pointer)
    }
}

/// Where references lead.
pub(super) struct Store<'d> {
    root: &'d Document,
}

impl<'d> Store<'d> {
    pub fn new(root: &'d Document) -> Self {
        Store { root }
    }

    pub fn root(&self) -> Node<'d> {
        Node { document: self.root, pointer: String::new(), json: &self.root.json }
    }

    /// The target of a reference in `from`. `Ok(None)`: a URN that nobody knows, which Helm lets pass.
    pub fn resolve(&self, from: &Node<'d>, reference: &str) -> Result<Option<Node<'d>>, String> {
        let (url, fragment) = join(&from.resource().url, reference);
        let quote = crate::chart::log::quote;
        let inside = |document: &'d Document| {
            document.resources.iter().find(|resource| resource.url == url).map(|resource| (document, resource))
        };
        let own = if url == from.document.url { Some((from.document, &from.document.resources[0])) } else { None };
        let found = own.or_else(|| inside(from.document)).or_else(|| inside(self.root)).or_else(|| {
            let document = metaschema::find(&url)?;
            Some((document, &document.resources[0]))
        });
        let Some((document, resource)) = found else {
            if url.starts_with("urn:") {
                return Ok(None);
            }
            return Err(format!("failing loading {}: windlass reads no schemas from elsewhere", quote(&url)));
        };
        let pointer = match fragment.as_str() {
            "" => resource.pointer.clone(),
            pointer if pointer.starts_with('/') => format!("{}{pointer}", resource.pointer),
            anchor => match resource.anchors.get(anchor) {
                Some(pointer) => pointer.clone(),
                None => {
                    let shown = quote(&format!("{}#{anchor}", resource.url));
                    return Err(format!("anchor in {shown} not found in schema {}", quote(&document.url)));
                }
            },
        };
        match document.lookup(&pointer) {
            Some(json) => Ok(Some(Node { document, pointer, json })),
            None => {
                let shown = quote(&format!("{}#{pointer}", document.url));
                Err(format!("json-pointer in {shown} not found"))
            }
        }
    }
}
