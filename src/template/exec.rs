//! The executor: walks a template's nodes (Go's `text/template/exec.go`, first half).

use super::{
    GoType, Host, Limits, List as ListVal, MissingKey, Options, Val, deep,
    error::ExecError,
    fmt,
    parse::Tree,
    parse_node::{Branch, Command, List, Node, Pipe, TemplateCall},
    quote,
    set::{TemplateSet, Templates},
};
use crate::value::GoStr;
use std::{collections::BTreeMap, sync::Arc};

/// A value as Go's executor holds it (`reflect.Value`): the value, and whether its static type is `interface {}`, as it
/// comes out of a map or slice. Nil without that is no value at all (`reflect.Value{}`).
#[derive(Clone)]
pub(super) struct Rv {
    pub val: Val,
    pub iface: bool,
}

impl Rv {
    /// No value.
    pub const INVALID: Rv = Rv { val: Val::Nil, iface: false };
    /// The nil interface.
    pub const NIL: Rv = Rv { val: Val::Nil, iface: true };

    pub fn is_invalid(&self) -> bool {
        matches!(self.val, Val::Nil) && !self.iface
    }

    /// The static type's name, for errors.
    pub fn type_name(&self) -> &'static str {
        if self.iface { "interface {}" } else { self.val.type_name() }
    }
}

impl From<Val> for Rv {
    fn from(val: Val) -> Rv {
        Rv { val, iface: false }
    }
}

/// Where the executor stands, for errors.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Node(&'t Node),
    List(&'t List),
    Pipe(&'t Pipe),
    Command(&'t Command),
}

/// What execution of a node leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

pub(super) type Fail = Box<ExecError>;

/// The templates in sight: a set, and on top of it those that `tpl` texts define.
pub(super) struct Scope<'s> {
    pub outer: Option<&'s Scope<'s>>,
    pub own: &'s Templates,
}

impl<'s> Scope<'s> {
    pub fn find(&self, name: &[u8]) -> Option<&'s Arc<Tree>> {
        let mut scope = self;
        loop {
            if let Some(tree) = scope.own.get(name) {
                return Some(tree);
            }
            scope = scope.outer?;
        }
    }
}

/// After so many steps the host is asked whether something is used up.
const ASK_AFTER: u64 = 256;

/// What all templates of one execution share.
pub(super) struct Machine<'h> {
    pub host: &'h dyn Host,
    pub limits: &'h Limits,
    pub options: Options,
    pub set: &'h TemplateSet,
    pub out: Vec<u8>,
    /// The stack of variables: number of the name, value.
    pub vars: Vec<(u32, Rv)>,
    /// The stack of arguments under evaluation.
    pub args: Vec<Val>,
    pub steps: u64,
    /// Bytes that functions have produced.
    pub produced: usize,
    /// Helm's `includedNames`.
    pub included: BTreeMap<GoStr, usize>,
    /// How deep `include` and `tpl` nest at present.
    pub nested: usize,
    pub tpls: usize,
}

/// The execution of one template (Go's `state`).
pub(super) struct State<'m, 'h, 't> {
    pub m: &'m mut Machine<'h>,
    pub scope: &'t Scope<'t>,
    pub tree: &'t Tree,
    pub at: At<'t>,
    /// Where this template's variables begin.
    pub base: usize,
    pub depth: usize,
}

impl TemplateSet {
    /// Runs the template `name` with `dot` and returns what it writes (Go's `ExecuteTemplate`).
    pub fn execute(
        &self,
        name: &str,
        dot: &Val,
        host: &dyn Host,
        limits: &Limits,
        options: Options,
    ) -> Result<Vec<u8>, ExecError> {
        let scope = Scope { outer: None, own: &self.templates };
        let mut machine = Machine {
            host,
            limits,
            options,
            set: self,
            out: Vec::new(),
            vars: Vec::new(),
            args: Vec::new(),
            steps: limits.steps,
            produced: 0,
            included: BTreeMap::new(),
            nested: 0,
            tpls: 0,
        };
        machine.execute(&scope, name.as_bytes(), dot.clone(), 0).map_err(|fail| *fail)?;
        let mut out = machine.out;
        if options.erase_no_value {
            super::helm::erase_no_value(&mut out, 0);
        }
        Ok(out)
    }
}

impl<'h> Machine<'h> {
    /// Runs the template `name` and appends what it writes to `out`.
    pub fn execute(&mut self, scope: &Scope<'_>, name: &[u8], dot: Val, depth: usize) -> Result<(), Fail> {
        let Some(tree) = scope.find(name) else {
            let (name, own) = (quote::quote(name), super::helm::ROOT_NAME);
            let text = format!("template: no template {name} associated with template \"{own}\"");
            return Err(ExecError::new(text, false));
        };
        self.run(scope, tree, Rv::from(dot), depth)
    }

    /// Runs a tree with only `$` for a variable.
    pub fn run<'t>(&mut self, scope: &'t Scope<'t>, tree: &'t Tree, dot: Rv, depth: usize) -> Result<(), Fail> {
        let base = self.vars.len();
        self.vars.push((0, dot.clone()));
        let at = At::List(&tree.root);
        let mut state = State { m: self, scope, tree, at, base, depth };
        deep(|| state.walk_list(&dot, &tree.root))?;
        self.vars.truncate(base);
        Ok(())
    }
}

impl<'t> State<'_, '_, 't> {
    /// An error at the present node, as Go's `state.errorf`.
    pub fn error<T>(&self, message: impl AsRef<str>) -> Result<T, Fail> {
        Err(ExecError::new(self.place() + message.as_ref(), true))
    }

    /// `template: FILE:LINE:COLUMN: executing "NAME" at <NODE>: `
    pub fn place(&self) -> String {
        let source = &self.tree.source;
        let mut context = String::new();
        let pos = match self.at {
            At::Node(node) => {
                node.show(source, &mut context);
                node.pos()
            }
            At::List(list) => list.pos,
            At::Pipe(pipe) => {
                pipe.show(source, &mut context);
                pipe.pos
            }
            At::Command(command) => {
                command.show(source, &mut context);
                command.pos
            }
        };
        let before = &source[..pos as usize];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        let (file, name) = (&self.tree.parse_name, quote::quote(&self.tree.name));
        format!("template: {file}:{line}:{column}: executing {name} at <{context}>: ")
    }

    /// Counts a step.
    pub fn step(&mut self) -> Result<(), Fail> {
        match self.m.steps.checked_sub(1) {
            Some(left) => self.m.steps = left,
            None => return self.error(format!("the template took more than {} steps", self.m.limits.steps)),
        }
        if self.m.steps.is_multiple_of(ASK_AFTER) {
            self.check_host()?;
        }
        Ok(())
    }

    /// Refuses to go on once something of the process is used up.
    pub fn check_host(&self) -> Result<(), Fail> {
        match self.m.host.exhausted() {
            Some(why) => self.error(why),
            None => Ok(()),
        }
    }

    /// Refuses to go on once the output is too long.
    pub fn check_output(&self) -> Result<(), Fail> {
        if self.m.out.len() > self.m.limits.output {
            return self.error(format!("the output grew over {} bytes", self.m.limits.output));
        }
        Ok(())
    }

    fn walk_list(&mut self, dot: &Rv, list: &'t List) -> Result<Flow, Fail> {
        self.at = At::List(list);
        for node in &list.nodes {
            let flow = self.walk(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn walk(&mut self, dot: &Rv, node: &'t Node) -> Result<Flow, Fail> {
        self.at = At::Node(node);
        self.step()?;
        match node {
            Node::Text { pos, end } => {
                self.m.out.extend_from_slice(&self.tree.source[*pos as usize..*end as usize]);
                self.check_output()?;
            }
            Node::Action { pipe, .. } => {
                let value = self.eval_pipeline(dot, pipe)?;
                if pipe.decl.is_empty() {
                    self.at = At::Node(node);
                    self.print_value(&value)?;
                }
            }
            Node::If(branch) => return deep(|| self.walk_if_or_with(false, dot, branch)),
            Node::With(branch) => return deep(|| self.walk_if_or_with(true, dot, branch)),
            Node::Range(branch) => return deep(|| self.walk_range(dot, branch)),
            Node::Template(call) => self.walk_template(dot, call)?,
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
            _ => return self.error("unknown node"), // the parser puts no other node into a list
        }
        Ok(Flow::Next)
    }

    fn walk_if_or_with(&mut self, with: bool, dot: &Rv, branch: &'t Branch) -> Result<Flow, Fail> {
        let mark = self.m.vars.len();
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let flow = if is_true(&value.val) {
            self.walk_list(if with { &value } else { dot }, &branch.list)?
        } else if let Some(otherwise) = &branch.otherwise {
            self.walk_list(dot, otherwise)?
        } else {
            Flow::Next
        };
        self.m.vars.truncate(mark);
        Ok(flow)
    }

    fn walk_range(&mut self, dot: &Rv, branch: &'t Branch) -> Result<Flow, Fail> {
        let outer_mark = self.m.vars.len();
        let over = self.eval_pipeline(dot, &branch.pipe)?.val;
        let mut looped = false;
        let mut flow = Flow::Next;
        self.each(branch, over, &mut looped, &mut flow)?;
        if !looped && let Some(otherwise) = &branch.otherwise {
            // A break there belongs to this loop's own recovery in Go, a continue to the loop around it.
            flow = self.walk_list(dot, otherwise)?;
        }
        self.m.vars.truncate(outer_mark);
        Ok(if flow == Flow::Continue { flow } else { Flow::Next })
    }

    /// Runs the body for each element. `looped` tells whether there was one.
    fn each(&mut self, branch: &'t Branch, over: Val, looped: &mut bool, flow: &mut Flow) -> Result<(), Fail> {
        let mut pass = |state: &mut Self, index: Val, elem: Rv| -> Result<bool, Fail> {
            *looped = true;
            *flow = state.iteration(branch, index, elem)?;
            let go_on = *flow != Flow::Break;
            *flow = Flow::Next;
            Ok(go_on)
        };
        let variables = branch.pipe.decl.len();
        match over {
            Val::Nil => {}
            Val::Int(..) | Val::Uint(..) if variables > 1 => {
                let shown = fmt::sprint(&[over]);
                return self.error(format!("can't use {shown} to iterate over more than one variable"));
            }
            Val::Int(end, ty) => {
                for number in 0..end {
                    if !pass(self, Val::Nil, Val::Int(number, ty).into())? {
                        break;
                    }
                }
            }
            Val::Uint(end, ty) => {
                for number in 0..end {
                    if !pass(self, Val::Nil, Val::Uint(number, ty).into())? {
                        break;
                    }
                }
            }
            Val::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let elem = Val::Uint(u64::from(*byte), GoType::Uint8);
                    if !pass(self, Val::int(index as i64), elem.into())? {
                        break;
                    }
                }
            }
            Val::List(list) => {
                let iface = is_iface(list.ty);
                for index in 0..list.items.len() {
                    let elem = Rv { val: list.items[index].clone(), iface };
                    if !pass(self, Val::int(index as i64), elem)? {
                        break;
                    }
                }
            }
            Val::Map(map) => {
                // Go sorts a copy of the entries first: the body may change the map.
                let entries: Vec<_> = map.entries.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                let iface = is_iface(map.ty);
                for (key, val) in entries {
                    if !pass(self, Val::Str(key), Rv { val, iface })? {
                        break;
                    }
                }
            }
            Val::Object(object) if object.kind() == "func" => {
                let entries: Vec<(Val, Val)> = match (object.items(), object.entries()) {
                    (Some(_), _) if variables > 1 => {
                        let shown = fmt::sprint_pointed(&Val::Object(object));
                        return self.error(format!("can't use {shown} iterate over more than one variable"));
                    }
                    (Some(items), _) => items.into_iter().map(|item| (Val::Nil, item)).collect(),
                    // One variable is the first of the two that the function yields.
                    (_, Some(pairs)) if variables > 1 => pairs.into_iter().map(|(key, item)| (Val::Str(key), item)).collect(),
                    (_, Some(pairs)) => pairs.into_iter().map(|(key, _)| (Val::Nil, Val::Str(key))).collect(),
                    _ => return self.cannot_range(Val::Object(object)),
                };
                for (index, elem) in entries {
                    if !pass(self, index, elem.into())? {
                        break;
                    }
                }
            }
            Val::Object(object) => {
                let entries: Vec<(Val, Val)> = match (object.kind(), object.items(), object.entries()) {
                    ("slice" | "array" | "chan", Some(items), _) => {
                        items.into_iter().enumerate().map(|(index, item)| (Val::int(index as i64), item)).collect()
                    }
                    ("chan", None, _) => {
                        let shown = fmt::sprint_pointed(&Val::Object(object));
                        return self.error(format!("range over send-only channel {shown}"));
                    }
                    ("map", _, Some(entries)) => entries.into_iter().map(|(k, v)| (Val::Str(k), v)).collect(),
                    _ => return self.cannot_range(Val::Object(object)),
                };
                for (index, elem) in entries {
                    if !pass(self, index, elem.into())? {
                        break;
                    }
                }
            }
            other => return self.cannot_range(other),
        }
        Ok(())
    }

    fn cannot_range<T>(&self, over: Val) -> Result<T, Fail> {
        self.error(format!("range can't iterate over {}", fmt::sprint_pointed(&over)))
    }

    fn iteration(&mut self, branch: &'t Branch, index: Val, elem: Rv) -> Result<Flow, Fail> {
        self.step()?;
        let mark = self.m.vars.len();
        let decl = &branch.pipe.decl;
        if branch.pipe.assign {
            match decl.as_slice() {
                [one] => self.set_var(one.id, elem.clone())?,
                [first, second, ..] => {
                    self.set_var(first.id, index.into())?;
                    self.set_var(second.id, elem.clone())?;
                }
                [] => {}
            }
        } else {
            // The pipeline pushed them: lexically the last is on top.
            if !decl.is_empty() {
                self.m.vars[mark - 1].1 = elem.clone();
            }
            if decl.len() > 1 {
                self.m.vars[mark - 2].1 = index.into();
            }
        }
        let flow = self.walk_list(&elem, &branch.list)?;
        self.m.vars.truncate(mark);
        Ok(flow)
    }

    fn walk_template(&mut self, dot: &Rv, call: &'t TemplateCall) -> Result<(), Fail> {
        let Some(tree) = self.scope.find(&call.name) else {
            return self.error(format!("template {} not defined", quote::quote(&call.name)));
        };
        if self.depth == self.m.limits.depth {
            return self.error(format!("exceeded maximum template depth ({})", self.m.limits.depth));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.eval_pipeline(dot, pipe)?,
            None => Rv::INVALID,
        };
        let scope = self.scope;
        self.m.run(scope, tree, dot, self.depth + 1)
    }

    /// Writes a pipeline's value (Go's `printValue`).
    fn print_value(&mut self, value: &Rv) -> Result<(), Fail> {
        match &value.val {
            Val::Nil => self.m.out.extend_from_slice(b"<no value>"),
            Val::Str(text) => self.m.out.extend_from_slice(text),
            Val::Object(object) if object.kind() == "func" || object.kind() == "chan" => {
                let mut shown = String::new();
                if let At::Node(node) = self.at {
                    node.show(&self.tree.source, &mut shown);
                }
                return self.error(format!("can't print {shown} of type {}", object.type_name()));
            }
            val => {
                if let Err(why) = fmt::append_addressable(&mut self.m.out, val) {
                    return self.error(why);
                }
            }
        }
        self.check_output()
    }

    /// Sets the innermost variable of this name.
    pub fn set_var(&mut self, id: u32, value: Rv) -> Result<(), Fail> {
        match self.m.vars[self.base..].iter_mut().rev().find(|(other, _)| *other == id) {
            Some((_, slot)) => *slot = value,
            None => return self.undefined(id),
        }
        Ok(())
    }

    /// The innermost variable of this name.
    pub fn var(&self, id: u32) -> Result<&Rv, Fail> {
        match self.m.vars[self.base..].iter().rev().find(|(other, _)| *other == id) {
            Some((_, value)) => Ok(value),
            None => self.undefined(id),
        }
    }

    /// A variable that the parser saw but execution did not pass, such as one declared in a branch not taken.
    fn undefined<T>(&self, id: u32) -> Result<T, Fail> {
        let name = self.tree.names.get(id as usize);
        self.error(format!("undefined variable: {}", name.map_or_else(String::new, GoStr::to_text)))
    }

    /// Whether missing keys are errors.
    pub fn strict(&self) -> bool {
        self.m.options.missing_key == MissingKey::Error
    }
}

/// Whether elements of this type are `interface {}`.
pub(super) fn is_iface(ty: GoType) -> bool {
    ty.element().is_none_or(|element| element == GoType::Any)
}

/// Go's `isTrue`: whether `if` takes the value for true.
pub(super) fn is_true(val: &Val) -> bool {
    match val {
        Val::Nil => false,
        Val::Bool(flag) => *flag,
        Val::Int(number, _) => *number != 0,
        Val::Uint(number, _) => *number != 0,
        Val::Float(number, _) => *number != 0.0,
        Val::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
        Val::Str(text) => !text.is_empty(),
        Val::Bytes(bytes) => !bytes.is_empty(),
        Val::List(ListVal { items, .. }) => !items.is_empty(),
        Val::Map(map) => !map.entries.borrow().is_empty(),
        Val::Object(object) => object.truth(),
    }
}
