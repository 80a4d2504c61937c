//! Sets of associated templates, as Go's `template.Template` keeps them in common.

use super::{
    builtins::Builtin,
    funcs,
    parse::{self, ParseError, Tree},
    parse_node::Callee,
};
use crate::value::GoStr;
use std::{collections::BTreeMap, sync::Arc};

/// Which functions templates may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Functions {
    /// Those of Go's `text/template` alone.
    Go,
    /// Helm's: Go's, sprig's and its own.
    Helm,
}

impl Functions {
    pub(super) fn find(self, name: &str) -> Option<Callee> {
        if self == Functions::Helm {
            if let Some(own) = Builtin::of_helm(name) {
                return Some(Callee::Builtin(own));
            }
            if let Some(def) = funcs::lookup(name) {
                return Some(Callee::Table(def));
            }
        }
        Builtin::of_go(name).map(Callee::Builtin)
    }
}

/// One file's templates: itself, and one for each `define` and `block` in it. Immutable and shared: parse once, use in
/// many sets and threads.
#[derive(Clone, Debug)]
pub struct Parsed {
    trees: Vec<Arc<Tree>>,
}

impl Parsed {
    /// Parses a file. `name` becomes the template's name and stands in every error.
    pub fn parse(functions: Functions, name: &str, text: &GoStr) -> Result<Parsed, ParseError> {
        let trees = parse::parse(functions, name, text)?;
        Ok(Parsed { trees: trees.into_iter().map(Arc::new).collect() })
    }
}

pub(super) type Templates = BTreeMap<GoStr, Arc<Tree>>;

/// Templates that can call each other by name.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    pub(super) functions: Functions,
    pub(super) templates: Templates,
}

impl TemplateSet {
    /// An empty set.
    pub fn new(functions: Functions) -> Self {
        TemplateSet { functions, templates: Templates::new() }
    }

    /// Parses a file and adds its templates, as Go's `t.New(name).Parse(text)`.
    pub fn parse(&mut self, name: &str, text: &GoStr) -> Result<(), ParseError> {
        let parsed = Parsed::parse(self.functions, name, text)?;
        self.add(&parsed);
        Ok(())
    }

    /// Adds a parsed file's templates. A later template replaces an earlier one of the same name, unless the later is
    /// blank.
    pub fn add(&mut self, parsed: &Parsed) {
        for tree in &parsed.trees {
            associate(&mut self.templates, |_| false, tree);
        }
    }

    /// The names of the templates, in the order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = &GoStr> {
        self.templates.keys()
    }

    /// A template as Go's `Tree.Root.String` prints it.
    pub fn printed(&self, name: &[u8]) -> Option<String> {
        let tree = self.templates.get(name)?;
        let mut out = String::new();
        tree.root.show(&tree.source, &mut out);
        Some(out)
    }

    /// Whether the set has a template of this name.
    pub fn has(&self, name: &str) -> bool {
        self.templates.contains_key(name.as_bytes())
    }
}


/// Go's `associate`: adds the tree unless it is blank and a template of its name stands already, here or `elsewhere`.
pub(super) fn associate(templates: &mut Templates, elsewhere: impl Fn(&GoStr) -> bool, tree: &Arc<Tree>) {
    let stands = templates.contains_key(&tree.name) || elsewhere(&tree.name);
    if !stands || !tree.root.is_blank(&tree.source) {
        templates.insert(tree.name.clone(), tree.clone());
    }
}

impl Parsed {
    /// Whether both are one parse: the same trees, not only equal ones.
    pub fn shares(&self, other: &Parsed) -> bool {
        self.trees.len() == other.trees.len() && self.trees.iter().zip(&other.trees).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    pub(super) fn trees(&self) -> &[Arc<Tree>] {
        &self.trees
    }
}
