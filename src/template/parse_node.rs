//! The parse tree, and each node's text as Go's `parse.Node.String` writes it: errors quote it.

use super::{funcs::FuncDef, number::Number, quote};
use crate::value::GoStr;
use std::fmt::Write as _;

/// A list of nodes: a template's body or a branch.
#[derive(Debug, Default)]
pub(super) struct List {
    pub pos: u32,
    pub nodes: Vec<Node>,
}

/// A declared or assigned variable.
#[derive(Debug)]
pub(super) struct Decl {
    /// The tree's number for the name; the executor compares numbers.
    pub id: u32,
    pub name: GoStr,
}

/// A pipeline, perhaps with declarations.
#[derive(Debug)]
pub(super) struct Pipe {
    pub pos: u32,
    /// `=` rather than `:=`.
    pub assign: bool,
    pub decl: Vec<Decl>,
    pub commands: Vec<Command>,
}

/// One stage of a pipeline: an operand and its arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub pos: u32,
    pub args: Vec<Node>,
}

/// `if`, `with` or `range`.
#[derive(Debug)]
pub(super) struct Branch {
    pub pos: u32,
    pub pipe: Pipe,
    pub list: List,
    pub otherwise: Option<List>,
}

/// `(pipeline).Field.Field`
#[derive(Debug)]
pub(super) struct Chain {
    pub pos: u32,
    pub node: Node,
    pub fields: Vec<GoStr>,
}

/// `{{ template "name" pipeline }}`
#[derive(Debug)]
pub(super) struct TemplateCall {
    pub pos: u32,
    pub name: GoStr,
    pub pipe: Option<Pipe>,
}

/// What a function's name stands for.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    /// A function of the executor itself.
    Builtin(super::builtins::Builtin),
    /// A function of the table.
    Table(&'static FuncDef),
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Callee::Builtin(builtin) => builtin.fmt(f),
            Callee::Table(def) => f.write_str(def.name),
        }
    }
}

/// An element of the tree.
#[derive(Debug)]
pub(super) enum Node {
    /// The source from `pos` to `end`.
    Text { pos: u32, end: u32 },
    Action { pos: u32, pipe: Pipe },
    Bool { pos: u32, value: bool },
    Chain(Box<Chain>),
    Dot { pos: u32 },
    Field { pos: u32, fields: Vec<GoStr> },
    Function { pos: u32, name: GoStr, callee: Callee },
    If(Box<Branch>),
    Nil { pos: u32 },
    Number { pos: u32, number: Box<Number> },
    Pipe(Box<Pipe>),
    Range(Box<Branch>),
    String { pos: u32, quoted: GoStr, text: GoStr },
    Template(Box<TemplateCall>),
    Variable { pos: u32, id: u32, name: GoStr, fields: Vec<GoStr> },
    With(Box<Branch>),
    Break { pos: u32 },
    Continue { pos: u32 },
}

impl Node {
    /// The byte offset of the node in its source, as Go counts it for errors.
    pub fn pos(&self) -> u32 {
        match self {
            Node::Text { pos, .. }
            | Node::Action { pos, .. }
            | Node::Bool { pos, .. }
            | Node::Dot { pos }
            | Node::Field { pos, .. }
            | Node::Function { pos, .. }
            | Node::Nil { pos }
            | Node::Number { pos, .. }
            | Node::String { pos, .. }
            | Node::Variable { pos, .. }
            | Node::Break { pos }
            | Node::Continue { pos } => *pos,
            Node::Chain(chain) => chain.pos,
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => branch.pos,
            Node::Pipe(pipe) => pipe.pos,
            Node::Template(call) => call.pos,
        }
    }

    /// Writes the node as Go's `String` does.
    pub fn show(&self, source: &[u8], out: &mut String) {
        super::deep(|| self.show_shallow(source, out));
    }

    fn show_shallow(&self, source: &[u8], out: &mut String) {
        match self {
            Node::Text { pos, end } => out.push_str(&String::from_utf8_lossy(&source[*pos as usize..*end as usize])),
            Node::Action { pipe, .. } => {
                out.push_str("{{");
                pipe.show(source, out);
                out.push_str("}}");
            }
            Node::Bool { value, .. } => out.push_str(if *value { "true" } else { "false" }),
            Node::Chain(chain) => {
                chain.node.show_operand(source, out);
                show_fields(&chain.fields, out);
            }
            Node::Dot { .. } => out.push('.'),
            Node::Field { fields, .. } => show_fields(fields, out),
            Node::Function { name, .. } => show_text(name, out),
            Node::If(branch) => branch.show("if", source, out),
            Node::Nil { .. } => out.push_str("nil"),
            Node::Number { number, .. } => out.push_str(&number.text),
            Node::Pipe(pipe) => pipe.show(source, out),
            Node::Range(branch) => branch.show("range", source, out),
            Node::String { quoted, .. } => show_text(quoted, out),
            Node::Template(call) => {
                out.push_str("{{template ");
                out.push_str(&quote::quote(&call.name));
                if let Some(pipe) = &call.pipe {
                    out.push(' ');
                    pipe.show(source, out);
                }
                out.push_str("}}");
            }
            Node::Variable { name, fields, .. } => {
                show_text(name, out);
                show_fields(fields, out);
            }
            Node::With(branch) => branch.show("with", source, out),
            Node::Break { .. } => out.push_str("{{break}}"),
            Node::Continue { .. } => out.push_str("{{continue}}"),
        }
    }

    /// As an argument: pipelines stand in parentheses.
    fn show_operand(&self, source: &[u8], out: &mut String) {
        if let Node::Pipe(_) = self {
            out.push('(');
            self.show(source, out);
            out.push(')');
        } else {
            self.show(source, out);
        }
    }
}

fn show_text(text: &GoStr, out: &mut String) {
    out.push_str(&String::from_utf8_lossy(text));
}

fn show_fields(fields: &[GoStr], out: &mut String) {
    for field in fields {
        out.push('.');
        show_text(field, out);
    }
}

impl List {
    /// Writes the nodes as Go's `String` does.
    pub fn show(&self, source: &[u8], out: &mut String) {
        for node in &self.nodes {
            node.show(source, out);
        }
    }

    /// Whether there is nothing but space in it (Go's `IsEmptyTree`).
    pub fn is_blank(&self, source: &[u8]) -> bool {
        self.nodes.iter().all(|node| match node {
            Node::Text { pos, end } => bstr::ByteSlice::trim(&source[*pos as usize..*end as usize]).is_empty(),
            _ => false,
        })
    }
}

impl Pipe {
    /// Writes the pipeline as Go's `String` does.
    pub fn show(&self, source: &[u8], out: &mut String) {
        for (index, decl) in self.decl.iter().enumerate() {
            let _ = write!(out, "{}{}", if index > 0 { ", " } else { "" }, String::from_utf8_lossy(&decl.name));
        }
        if !self.decl.is_empty() {
            out.push_str(if self.assign { " = " } else { " := " });
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                out.push_str(" | ");
            }
            command.show(source, out);
        }
    }
}

impl Command {
    /// Writes the command as Go's `String` does.
    pub fn show(&self, source: &[u8], out: &mut String) {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            arg.show_operand(source, out);
        }
    }
}

impl Branch {
    fn show(&self, name: &str, source: &[u8], out: &mut String) {
        out.push_str("{{");
        out.push_str(name);
        out.push(' ');
        self.pipe.show(source, out);
        out.push_str("}}");
        self.list.show(source, out);
        if let Some(otherwise) = &self.otherwise {
            out.push_str("{{else}}");
            otherwise.show(source, out);
        }
        out.push_str("{{end}}");
    }
}

/// Blocks and parentheses nest deeply; freeing them must not overflow the stack.
impl Drop for Branch {
    fn drop(&mut self) {
        super::deep(|| {
            self.list.nodes.clear();
            self.otherwise = None;
        });
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        super::deep(|| self.commands.clear());
    }
}
