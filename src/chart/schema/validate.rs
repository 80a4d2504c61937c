//! A value against a schema, keyword by keyword in the library's order (`validator.go`).

use super::MAX_SCHEMA_STEPS;
use super::document::{Node, Store};
use super::error::{Finding, Kind, display, join_quoted, quote};
use super::format;
use super::json::Json;
use super::number::{Number, print_count};
use crate::template::{deep, funcs::GoRegex};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Validates; the finding is the whole report.
pub(super) fn run(store: &Store<'_>, root: Node<'_>, value: &Json) -> Result<(), Box<Finding>> {
    let context = Context { store, steps: Cell::new(0), patterns: RefCell::default() };
    let scope = Scope { node: root.clone(), keyword: "", value: 0, parent: None };
    let mut uneval = Uneval::of(value, &root, false);
    let result = Validator { context: &context, value, location: &[], scope: &scope, quiet: false }.validate(&mut uneval);
    result.map_err(|finding| {
        let kind = Kind::Schema(root.url());
        let causes = match finding.kind {
            Kind::Group => finding.causes,
            _ => vec![finding],
        };
        Box::new(Finding { location: Vec::new(), kind, causes })
    })
}

/// Compiles a pattern as Go's regexp does.
pub(super) fn pattern(text: &str) -> Result<GoRegex, String> {
    GoRegex::new(text)
}

struct Context<'s, 'd> {
    store: &'s Store<'d>,
    steps: Cell<u64>,
    patterns: RefCell<BTreeMap<String, Option<Rc<GoRegex>>>>,
}

impl Context<'_, '_> {
    fn matches(&self, pattern_text: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern_text.to_owned()).or_insert_with(|| pattern(pattern_text).ok().map(Rc::new));
        compiled.as_ref().is_some_and(|compiled| compiled.is_match(text))
    }
}

/// The schemas that led here.
struct Scope<'a, 'd> {
    node: Node<'d>,
    /// The reference that was followed, if one was.
    keyword: &'static str,
    /// Which value is looked at: equal numbers, equal values.
    value: usize,
    parent: Option<&'a Scope<'a, 'd>>,
}

impl<'d> Scope<'_, 'd> {
    /// The same schema on the same value further up.
    fn cycle(&self) -> Option<&Scope<'_, 'd>> {
        let mut scope = self.parent;
        while let Some(above) = scope {
            if above.value != self.value {
                return None;
            }
            if above.node.same(&self.node) {
                return Some(above);
            }
            scope = above.parent;
        }
        None
    }

    fn path(&self) -> String {
        let mut path = String::new();
        let mut scope = self;
        while let Some(parent) = scope.parent {
            let step = match scope.keyword {
                "" => scope.node.pointer.strip_prefix(&parent.node.pointer).unwrap_or_default().to_owned(),
                keyword => format!("/{keyword}"),
            };
            path = format!("{step}{path}");
            scope = parent;
        }
        path
    }
}

/// What no keyword has looked at yet, for `unevaluatedProperties` and `unevaluatedItems`.
#[derive(Default)]
struct Uneval {
    properties: BTreeSet<String>,
    items: BTreeSet<usize>,
}

impl Uneval {
    fn of(value: &Json, node: &Node<'_>, caller_needs: bool) -> Uneval {
        let schema = node.json;
        let has = |key: &str| schema.get(key).is_some();
        let mut uneval = Uneval::default();
        match value {
            Json::Object(map) => {
                if !has("additionalProperties") && (caller_needs || has("unevaluatedProperties")) {
                    uneval.properties = map.keys().cloned().collect();
                }
            }
            Json::List(list) => {
                let (all, some) = if node.draft() < 2020 {
                    match schema.get("items") {
                        Some(Json::List(items)) => (has("additionalItems"), items.len()),
                        Some(_) => (true, 0),
                        None => (false, 0),
                    }
                } else {
                    (has("items"), schema.list("prefixItems").map_or(0, <[Json]>::len))
                };
                if !all && (caller_needs || has("unevaluatedItems")) {
                    uneval.items = (some..list.len()).collect();
                }
            }
            _ => {}
        }
        uneval
    }

    fn merge(&mut self, other: &Uneval) {
        self.properties.retain(|name| other.properties.contains(name));
        self.items.retain(|place| other.items.contains(place));
    }

    fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.items.is_empty()
    }
}

struct Validator<'a, 's, 'd> {
    context: &'a Context<'s, 'd>,
    value: &'a Json,
    location: &'a [String],
    scope: &'a Scope<'a, 'd>,
    /// Only whether it is valid matters.
    quiet: bool,
}

type Checked = Result<(), Finding>;

impl<'d> Validator<'_, '_, 'd> {
    fn node(&self) -> &Node<'d> {
        &self.scope.node
    }

    fn finding(&self, kind: Kind, causes: Vec<Finding>) -> Finding {
        Finding { location: self.location.to_vec(), kind, causes }
    }

    fn text(&self, text: impl Into<String>) -> Finding {
        self.finding(Kind::Text(text.into()), Vec::new())
    }

    fn validate(&self, uneval: &mut Uneval) -> Checked {
        let steps = self.context.steps.get() + 1;
        self.context.steps.set(steps);
        if steps > MAX_SCHEMA_STEPS {
            return Err(self.text(format!("the schema takes more than {MAX_SCHEMA_STEPS} steps")));
        }
        match self.node().json {
            Json::Bool(true) => return Ok(()),
            Json::Bool(false) => return Err(self.text("false schema")),
            Json::Object(schema) if schema.is_empty() => return Ok(()),
            _ => {}
        }
        if let Some(above) = self.scope.cycle() {
            let url = crate::chart::log::quote(&self.node().url());
            let (here, above) = (self.scope.path(), above.path());
            return Err(self.text(format!("both {here} and {above} resolve to {url} causing reference cycle")));
        }
        let draft = self.node().draft();
        let mut findings = Vec::new();
        let reference = self.node().json.text("$ref");
        if draft < 2019 && reference.is_some() {
            return self.reference(reference, "$ref", uneval);
        }
        self.simple()?;
        if let Err(finding) = self.reference(reference, "$ref", uneval) {
            findings.push(finding);
        }
        match self.value {
            Json::Object(map) => self.object(map, uneval, &mut findings),
            Json::List(list) => self.list(list, uneval, &mut findings),
            Json::Text(text) => self.string(text, &mut findings),
            Json::Number(number) => self.number(number, &mut findings),
            _ => {}
        }
        if findings.is_empty() || !self.quiet {
            if draft >= 2019 {
                self.dynamic_references(uneval, &mut findings);
            }
            self.combinations(uneval, &mut findings);
            if draft >= 2019 {
                self.unevaluated(uneval, &mut findings);
            }
        }
        match findings.len() {
            0 => Ok(()),
            1 => Err(findings.remove(0)),
            _ => Err(self.finding(Kind::Group, findings)),
        }
    }

    /// `type const enum format`: the first that fails ends it.
    fn simple(&self) -> Checked {
        let schema = self.node().json;
        let got = type_name(self.value);
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Json::Text(name)) => vec![name.as_str()],
            _ => schema.texts("type").unwrap_or_default(),
        };
        let known = ["null", "boolean", "number", "integer", "string", "array", "object"];
        let wanted: Vec<&str> = known.into_iter().filter(|name| wanted.contains(name)).collect();
        if !wanted.is_empty() {
            let integer = || matches!(self.value, Json::Number(text) if Number::parse(text).is_some_and(|n| n.is_integer()));
            if !wanted.contains(&got) && !(wanted.contains(&"integer") && integer()) {
                return Err(self.text(format!("got {got}, want {}", wanted.join(" or "))));
            }
        }
        if let Some(want) = schema.get("const").filter(|_| self.node().draft() >= 6)
            && !equal(self.value, want)
        {
            return Err(self.text(match want {
                Json::List(_) | Json::Object(_) => "'const' failed".to_owned(),
                want => format!("value must be {}", display(want)),
            }));
        }
        if let Some(options) = schema.list("enum")
            && !options.iter().any(|option| equal(self.value, option))
        {
            return Err(self.text(match options {
                _ if options.iter().any(|option| matches!(option, Json::List(_) | Json::Object(_))) => {
                    "'enum' failed".to_owned()
                }
                [only] => format!("value must be {}", display(only)),
                _ => format!("value must be one of {}", options.iter().map(display).collect::<Vec<_>>().join(", ")),
            }));
        }
        if let Some(name) = schema.text("format").filter(|_| self.node().draft() < 2019 || self.node().document.assert_format)
            && let Json::Text(text) = self.value
            && let Err(error) = format::check(name, text)
        {
            return Err(self.text(format!("{} is not valid {name}: {error}", display(self.value))));
        }
        Ok(())
    }

    fn reference(&self, reference: Option<&str>, keyword: &'static str, uneval: &mut Uneval) -> Checked {
        let Some(reference) = reference else { return Ok(()) };
        match self.context.store.resolve(self.node(), reference) {
            Ok(Some(target)) => self.follow(target, keyword, uneval),
            // A schema whose references do not hold was refused before.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    fn follow(&self, target: Node<'d>, keyword: &'static str, uneval: &mut Uneval) -> Checked {
        self.itself(target, keyword, false, uneval).map_err(|finding| {
            let causes = match finding.kind {
                Kind::Group => finding.causes,
                _ => vec![finding],
            };
            self.finding(Kind::Reference, causes)
        })
    }

    fn dynamic_references(&self, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let schema = self.node().json;
        let resolve = |reference: &str| self.context.store.resolve(self.node(), reference).ok().flatten();
        if let Some(mut target) = schema.text("$recursiveRef").and_then(resolve) {
            if target.json.flag("$recursiveAnchor") == Some(true) {
                self.each_scope(|scope| {
                    let resource = scope.node.resource();
                    let root = scope.node.document.lookup(&resource.pointer);
                    if root.and_then(|root| root.flag("$recursiveAnchor")) == Some(true) {
                        target = scope.node.clone();
                    }
                });
            }
            findings.extend(self.follow(target, "$recursiveRef", uneval).err());
        }
        if self.node().draft() < 2020 {
            return;
        }
        let reference = schema.text("$dynamicRef");
        if let Some(mut target) = reference.and_then(resolve) {
            let anchor = reference.and_then(|text| text.split_once('#')).map_or("", |(_, anchor)| anchor);
            if !anchor.is_empty() && !anchor.starts_with('/') && target.json.text("$dynamicAnchor") == Some(anchor) {
                self.each_scope(|scope| {
                    let (document, resource) = (scope.node.document, scope.node.resource());
                    let pointer = resource.anchors.get(anchor).filter(|_| resource.dynamic_anchors.iter().any(|a| a == anchor));
                    if let Some((pointer, json)) = pointer.and_then(|pointer| Some((pointer, document.lookup(pointer)?))) {
                        target = Node { document, pointer: pointer.clone(), json };
                    }
                });
            }
            findings.extend(self.follow(target, "$dynamicRef", uneval).err());
        }
    }

    /// From here outwards.
    fn each_scope(&self, mut visit: impl FnMut(&Scope<'_, 'd>)) {
        let mut scope = Some(self.scope);
        while let Some(here) = scope {
            visit(here);
            scope = here.parent;
        }
    }

    fn object(&self, map: &BTreeMap<String, Json>, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let node = self.node();
        let schema = node.json;
        let length = map.len() as i64;
        self.bounds("minProperties", "maxProperties", length, findings);
        let missing = |names: Vec<&str>| -> Vec<String> {
            names.into_iter().filter(|name| !map.contains_key(*name)).map(str::to_owned).collect()
        };
        if let Some(names) = schema.texts("required") {
            let missing = missing(names);
            match missing.as_slice() {
                [] => {}
                [one] => findings.push(self.text(format!("missing property {}", quote(one)))),
                many => findings.push(self.text(format!("missing properties {}", join_quoted(many)))),
            }
        }
        if self.quiet && !findings.is_empty() {
            return;
        }
        self.dependencies("dependencies", map, uneval, findings);
        self.properties(map, uneval, findings);
        if node.draft() == 4 {
            return;
        }
        if let Some(names) = node.child("propertyNames") {
            for name in map.keys() {
                let value = Json::Text(name.clone());
                let run = Validator {
                    context: self.context,
                    value: &value,
                    location: &[],
                    scope: &Scope { node: names.clone(), keyword: "", value: self.scope.value + 1, parent: Some(self.scope) },
                    quiet: self.quiet,
                };
                if let Err(finding) = deep(|| run.validate(&mut Uneval::default())) {
                    let causes = match finding.kind {
                        Kind::Group => finding.causes,
                        _ => vec![finding],
                    };
                    let kind = Kind::Text(format!("invalid propertyName {}", quote(name)));
                    findings.push(self.finding(kind, causes));
                }
            }
        }
        if node.draft() >= 2019 {
            self.dependencies("dependentSchemas", map, uneval, findings);
            self.dependencies("dependentRequired", map, uneval, findings);
        }
    }

    fn dependencies(&self, keyword: &str, map: &BTreeMap<String, Json>, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let (Some(members), Some(parent)) = (self.node().json.object(keyword), self.node().child(keyword)) else { return };
        for (name, member) in members.iter().filter(|(name, _)| map.contains_key(*name)) {
            match member {
                Json::List(names) => {
                    let missing: Vec<&str> = names
                        .iter()
                        .filter_map(|name| if let Json::Text(name) = name { Some(name.as_str()) } else { None })
                        .filter(|name| !map.contains_key(*name))
                        .collect();
                    if !missing.is_empty() {
                        let missing = join_quoted(&missing);
                        findings.push(self.text(format!("properties {missing} required, if {} exists", quote(name))));
                    }
                }
                _ if keyword == "dependentRequired" => {}
                _ => findings.extend(self.itself(parent.member(name, member), "", false, uneval).err()),
            }
        }
    }

    fn properties(&self, map: &BTreeMap<String, Json>, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let node = self.node();
        let schema = node.json;
        let properties = schema.object("properties").zip(node.child("properties"));
        let patterns = schema.object("patternProperties").zip(node.child("patternProperties"));
        let additional = node.child("additionalProperties");
        let mut unwanted = Vec::new();
        for (name, value) in map {
            if self.quiet && !findings.is_empty() {
                return;
            }
            let mut evaluated = false;
            if let Some((member, parent)) = properties.as_ref().and_then(|(all, parent)| Some((all.get(name)?, parent))) {
                evaluated = true;
                findings.extend(self.inner(parent.member(name, member), value, name).err());
            }
            if let Some((members, parent)) = &patterns {
                for (pattern, member) in members.iter().filter(|(pattern, _)| self.context.matches(pattern, name)) {
                    evaluated = true;
                    findings.extend(self.inner(parent.member(pattern, member), value, name).err());
                }
            }
            if let Some(additional) = additional.as_ref().filter(|_| !evaluated) {
                evaluated = true;
                match additional.json {
                    Json::Bool(true) => {}
                    Json::Bool(false) => unwanted.push(name),
                    _ => findings.extend(self.inner(additional.clone(), value, name).err()),
                }
            }
            if evaluated {
                uneval.properties.remove(name);
            }
        }
        if !unwanted.is_empty() {
            findings.push(self.text(format!("additional properties {} not allowed", join_quoted(&unwanted))));
        }
    }

    /// `minX` and `maxX` of a length.
    fn bounds(&self, least: &str, most: &str, got: i64, findings: &mut Vec<Finding>) {
        for (keyword, low) in [(least, true), (most, false)] {
            if let Some(want) = count(self.node().json, keyword)
                && (low && got < want || !low && got > want)
            {
                let (got, want) = (print_count(got), print_count(want));
                findings.push(self.text(format!("{keyword}: got {got}, want {want}")));
            }
        }
    }

    fn list(&self, list: &[Json], uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let node = self.node();
        let schema = node.json;
        self.bounds("minItems", "maxItems", list.len() as i64, findings);
        if schema.flag("uniqueItems") == Some(true)
            && let Some((first, second)) = duplicates(list)
        {
            let (first, second) = (print_count(first as i64), print_count(second as i64));
            findings.push(self.text(format!("items at {first} and {second} are equal")));
        }
        let each = |node: &Node<'d>, from: usize, findings: &mut Vec<Finding>| {
            for (place, item) in list.iter().enumerate().skip(from) {
                findings.extend(self.inner(node.clone(), item, &place.to_string()).err());
            }
        };
        let tuple = |nodes: Vec<Node<'d>>, findings: &mut Vec<Finding>| {
            for (place, (node, item)) in nodes.iter().zip(list).enumerate() {
                findings.extend(self.inner(node.clone(), item, &place.to_string()).err());
            }
            nodes.len().min(list.len())
        };
        if node.draft() < 2020 {
            match (schema.get("items"), node.child("items")) {
                (Some(Json::List(_)), _) => {
                    let evaluated = tuple(node.list("items"), findings);
                    match node.child("additionalItems") {
                        Some(more) if matches!(more.json, Json::Bool(false)) => {
                            if evaluated < list.len() {
                                let count = print_count((list.len() - evaluated) as i64);
                                findings.push(self.text(format!("last {count} additionalItem(s) not allowed")));
                            }
                        }
                        Some(more) => each(&more, evaluated, findings),
                        None => {}
                    }
                }
                (_, Some(items)) => each(&items, 0, findings),
                _ => {}
            }
        } else {
            let evaluated = tuple(node.list("prefixItems"), findings);
            if let Some(items) = node.child("items") {
                each(&items, evaluated, findings);
            }
        }
        self.contains(list, uneval, findings);
    }

    fn contains(&self, list: &[Json], uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let node = self.node();
        let Some(wanted) = node.child("contains").filter(|_| node.draft() >= 6) else { return };
        let (mut causes, mut matched) = (Vec::new(), Vec::new());
        for (place, item) in list.iter().enumerate() {
            match self.inner(wanted.clone(), item, &place.to_string()) {
                Err(finding) => causes.push(finding),
                Ok(()) => {
                    matched.push(place.to_string());
                    if node.draft() >= 2020 {
                        uneval.items.remove(&place);
                    }
                }
            }
        }
        let bound = |keyword| count(node.json, keyword).filter(|_| node.draft() >= 2019);
        let got = matched.len() as i64;
        let (number, places) = (print_count(got), matched.join(" "));
        match bound("minContains") {
            Some(want) if got < want => {
                let want = print_count(want);
                let text = match got {
                    0 => format!("min {want} items required to match contains schema, but none matched"),
                    _ => format!("min {want} items required to match contains schema, but matched {number} items at {places}"),
                };
                findings.push(self.finding(Kind::Text(text), causes));
            }
            None if got == 0 => {
                findings.push(self.finding(Kind::Text("no items match contains schema".to_owned()), causes));
            }
            _ => {}
        }
        if let Some(want) = bound("maxContains").filter(|want| got > *want) {
            let want = print_count(want);
            let text = format!("max {want} items required to match contains schema, but matched {number} items at {places}");
            findings.push(self.text(text));
        }
    }

    fn string(&self, text: &str, findings: &mut Vec<Finding>) {
        let schema = self.node().json;
        if schema.get("minLength").is_some() || schema.get("maxLength").is_some() {
            self.bounds("minLength", "maxLength", text.chars().count() as i64, findings);
        }
        if let Some(pattern) = schema.text("pattern")
            && !self.context.matches(pattern, text)
        {
            findings.push(self.text(format!("{} does not match pattern {}", quote(text), quote(pattern))));
        }
    }

    fn number(&self, text: &str, findings: &mut Vec<Finding>) {
        let schema = self.node().json;
        let Some(got) = Number::parse(text) else { return };
        // In draft 4 the exclusive bounds are flags on the others.
        let exclusive = |flag: &str| schema.flag(flag) == Some(true);
        for (keyword, flag, low) in [("minimum", "exclusiveMinimum", true), ("maximum", "exclusiveMaximum", false)] {
            let (plain, strict) = match exclusive(flag) {
                true => (None, number(schema, keyword)),
                false => (number(schema, keyword), number(schema, flag)),
            };
            for (name, want, open) in [(keyword, plain, false), (flag, strict, true)] {
                let Some(want) = want else { continue };
                let order = if low { got.compare(&want) } else { want.compare(&got) };
                if order.is_lt() || open && order.is_eq() {
                    findings.push(self.text(format!("{name}: got {}, want {}", got.print(), want.print())));
                }
            }
        }
        findings.sort_by_key(|finding| match &finding.kind {
            Kind::Text(text) => ["minimum", "maximum", "exclusiveMinimum"].iter().position(|k| text.starts_with(k)).unwrap_or(3),
            _ => 0,
        });
        if let Some(want) = number(schema, "multipleOf").filter(|want| !want.is_zero())
            && !got.is_multiple_of(&want)
        {
            findings.push(self.text(format!("multipleOf: got {}, want {}", got.print(), want.print())));
        }
    }

    /// `not allOf anyOf oneOf if`
    fn combinations(&self, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let node = self.node();
        if let Some(not) = node.child("not")
            && self.itself(not, "", true, uneval).is_ok()
        {
            findings.push(self.text("'not' failed"));
        }
        let mut causes = Vec::new();
        for part in node.list("allOf") {
            causes.extend(self.itself(part, "", false, uneval).err());
            if self.quiet && !causes.is_empty() {
                break;
            }
        }
        if !causes.is_empty() {
            findings.push(self.finding(Kind::Text("'allOf' failed".to_owned()), causes));
        }
        self.any_of(uneval, findings);
        self.one_of(uneval, findings);
        if let Some(condition) = node.child("if").filter(|_| node.draft() >= 7) {
            let holds = self.itself(condition, "", true, uneval).is_ok();
            if let Some(branch) = node.child(if holds { "then" } else { "else" }) {
                findings.extend(self.itself(branch, "", false, uneval).err());
            }
        }
    }

    fn any_of(&self, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let options = self.node().list("anyOf");
        let (mut matched, mut causes) = (options.is_empty(), Vec::new());
        for option in options {
            match self.itself(option, "", false, uneval) {
                Err(finding) => causes.push(finding),
                Ok(()) => {
                    matched = true;
                    if uneval.is_empty() {
                        break;
                    }
                }
            }
        }
        if !matched {
            findings.push(self.finding(Kind::Text("'anyOf' failed".to_owned()), causes));
        }
    }

    fn one_of(&self, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        let options = self.node().list("oneOf");
        if options.is_empty() {
            return;
        }
        let (mut matched, mut causes) = (None, Vec::new());
        for (place, option) in options.into_iter().enumerate() {
            match (self.itself(option, "", matched.is_some(), uneval), matched) {
                (Err(finding), None) => causes.push(finding),
                (Err(_), Some(_)) => {}
                (Ok(()), None) => matched = Some(place),
                (Ok(()), Some(first)) => {
                    findings.push(self.text(format!("'oneOf' failed, subschemas {first}, {place} matched")));
                    break;
                }
            }
        }
        if matched.is_none() {
            findings.push(self.finding(Kind::Text("'oneOf' failed, none matched".to_owned()), causes));
        }
    }

    fn unevaluated(&self, uneval: &mut Uneval, findings: &mut Vec<Finding>) {
        match self.value {
            Json::Object(map) => {
                if let Some(node) = self.node().child("unevaluatedProperties") {
                    for name in std::mem::take(&mut uneval.properties) {
                        if let Some(value) = map.get(&name) {
                            findings.extend(self.inner(node.clone(), value, &name).err());
                        }
                    }
                }
            }
            Json::List(list) => {
                if let Some(node) = self.node().child("unevaluatedItems") {
                    for place in std::mem::take(&mut uneval.items) {
                        findings.extend(self.inner(node.clone(), &list[place], &place.to_string()).err());
                    }
                }
            }
            _ => {}
        }
    }

    /// The same value against another schema.
    fn itself(&self, node: Node<'d>, keyword: &'static str, quiet: bool, uneval: &mut Uneval) -> Checked {
        let mut own = Uneval::of(self.value, &node, !uneval.is_empty());
        let scope = Scope { node, keyword, value: self.scope.value, parent: Some(self.scope) };
        let quiet = self.quiet || quiet;
        let inner = Validator { context: self.context, value: self.value, location: self.location, scope: &scope, quiet };
        deep(|| inner.validate(&mut own))?;
        uneval.merge(&own);
        Ok(())
    }

    /// A part of the value against a schema.
    fn inner(&self, node: Node<'d>, value: &Json, key: &str) -> Checked {
        let mut own = Uneval::of(value, &node, false);
        let scope = Scope { node, keyword: "", value: self.scope.value + 1, parent: Some(self.scope) };
        let mut location = self.location.to_vec();
        location.push(key.to_owned());
        let inner = Validator { context: self.context, value, location: &location, scope: &scope, quiet: self.quiet };
        deep(|| inner.validate(&mut own))
    }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::Text(_) => "string",
        Json::List(_) => "array",
        Json::Object(_) => "object",
    }
}

fn number(schema: &Json, keyword: &str) -> Option<Number> {
    match schema.get(keyword) {
        Some(Json::Number(text)) => Number::parse(text),
        _ => None,
    }
}

fn count(schema: &Json, keyword: &str) -> Option<i64> {
    number(schema, keyword)?.as_count()
}

fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (Number::parse(a), Number::parse(b)) {
            (Some(a), Some(b)) => a.compare(&b).is_eq(),
            _ => false,
        },
        (Json::List(a), Json::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The first two equal items.
fn duplicates(list: &[Json]) -> Option<(usize, usize)> {
    (1..list.len()).find_map(|second| {
        (0..second).find(|&first| equal(&list[first], &list[second])).map(|first| (first, second))
    })
}
