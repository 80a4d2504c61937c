//! The parser of Go's `text/template/parse/parse.go`: source text to trees, one for the file and one for each `define`
//! and `block`, with Go's errors in Go's order.

use super::{
    Functions, deep,
    lex::{Item, Kind, Lexer},
    number,
    parse_node::{Branch, Chain, Command, Decl, List, Node, Pipe, TemplateCall},
    quote,
};
use crate::value::GoStr;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// How deep `if`, `with`, `range`, `block` and `else if` may nest. Go has no bound but its stack.
const MAX_NESTING: usize = 10_000;
/// How deep parentheses may nest: Go's `maxStackDepth`.
const MAX_PARENS: usize = 10_000;
/// The largest source: positions are 32 bits wide.
const MAX_SOURCE: usize = u32::MAX as usize;

/// Why a template does not parse: Go's text, such as `template: a.yaml:3: unclosed action`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Go's text.
    pub message: String,
}

/// One parsed template.
#[derive(Debug)]
pub(super) struct Tree {
    /// The template's name.
    pub name: GoStr,
    /// The file's name, for errors.
    pub parse_name: Arc<str>,
    /// The file's text, for errors and plain text.
    pub source: GoStr,
    /// The body.
    pub root: List,
    /// The file's variable names by number, for errors.
    pub names: Arc<[GoStr]>,
}

/// Parses a file's text to its trees; of several of one name the non-blank one stays.
pub(super) fn parse(functions: Functions, name: &str, source: &GoStr) -> Result<Vec<Tree>, ParseError> {
    if source.len() > MAX_SOURCE {
        return Err(ParseError { message: format!("template: {name}: the text is longer than {MAX_SOURCE} bytes") });
    }
    let mut parser = Parser {
        functions,
        parse_name: name.into(),
        source,
        lexer: Lexer::new(source),
        token: [blank(), blank(), blank()],
        peeked: 0,
        names: BTreeMap::from([(GoStr::from("$"), 0)]),
        trees: Vec::new(),
        nesting: 0,
        scope: Scope::new(),
    };
    let root = parser.file()?;
    parser.add(name.into(), root)?;
    let mut names: Vec<(u32, GoStr)> = parser.names.into_iter().map(|(name, id)| (id, name)).collect();
    names.sort();
    let names: Arc<[GoStr]> = names.into_iter().map(|(_, name)| name).collect();
    for tree in &mut parser.trees {
        tree.names = names.clone();
    }
    Ok(parser.trees)
}

fn blank() -> Item<'static> {
    Item { kind: Kind::Error, pos: 0, val: Cow::Borrowed(b""), line: 0 }
}

/// What begins anew in each `define` and `block`.
struct Scope {
    /// Numbers of the variables in sight.
    vars: Vec<u32>,
    /// Line of the delimiter that began the action, 0 outside.
    action_line: usize,
    ranges: usize,
    parens: usize,
}

impl Scope {
    fn new() -> Self {
        Scope { vars: vec![0], action_line: 0, ranges: 0, parens: 0 }
    }
}

/// What an action turns out to be.
enum Parsed {
    Node(Node),
    End,
    Else,
}

impl Parsed {
    fn show(&self) -> &'static str {
        match self {
            Parsed::Else => "{{else}}",
            _ => "{{end}}",
        }
    }
}

struct Parser<'a> {
    functions: Functions,
    parse_name: Arc<str>,
    source: &'a GoStr,
    lexer: Lexer<'a>,
    token: [Item<'a>; 3],
    peeked: usize,
    /// Variable names and their numbers.
    names: BTreeMap<GoStr, u32>,
    trees: Vec<Tree>,
    nesting: usize,
    scope: Scope,
}

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl<'a> Parser<'a> {
    fn next(&mut self) -> Item<'a> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.token[0] = self.lexer.next_item();
        }
        self.token[self.peeked].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> &Item<'a> {
        if self.peeked == 0 {
            self.peeked = 1;
            self.token[0] = self.lexer.next_item();
        }
        &self.token[self.peeked - 1]
    }

    fn next_non_space(&mut self) -> Item<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> &Item<'a> {
        self.next_non_space();
        self.backup();
        &self.token[self.peeked - 1]
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        let (name, line) = (&self.parse_name, self.token[0].line);
        Err(ParseError { message: format!("template: {name}:{line}: {}", message.as_ref()) })
    }

    fn unexpected<T>(&self, token: &Item<'a>, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.show()));
        }
        let mut message = token.show();
        let started = self.scope.action_line;
        if started != 0 && started != token.line {
            // Avoid "action in action".
            let joint = if message.ends_with(" action") { "" } else { " in action" };
            message.push_str(&format!("{joint} started at {}:{started}", self.parse_name));
        }
        self.error(message)
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Item<'a>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Adds a finished tree: a blank one gives way, two others of one name are an error.
    fn add(&mut self, name: GoStr, root: List) -> Result<()> {
        let source = self.source;
        let tree = Tree { name, parse_name: self.parse_name.clone(), source: source.clone(), root, names: [].into() };
        match self.trees.iter_mut().find(|other| other.name == tree.name) {
            None => self.trees.push(tree),
            Some(other) if other.root.is_blank(source) => *other = tree,
            Some(_) if tree.root.is_blank(source) => {}
            Some(_) => {
                let name = quote::quote(&tree.name);
                return self.error(format!("template: multiple definition of template {name}"));
            }
        }
        Ok(())
    }

    /// The whole file: a list that may hold `define`.
    fn file(&mut self) -> Result<List> {
        let mut root = List { pos: self.peek().pos as u32, nodes: Vec::new() };
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.token[1] = delim;
                self.peeked = 2;
            }
            match self.text_or_action()? {
                Parsed::Node(node) => root.nodes.push(node),
                other => return self.error(format!("unexpected {}", other.show())),
            }
        }
        Ok(root)
    }

    /// `{{define "name"}} … {{end}}`, from behind the keyword.
    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let token = self.next_non_space();
        let name = match token.kind {
            Kind::String | Kind::RawString => self.unquoted(&token)?,
            _ => return self.unexpected(&token, CONTEXT),
        };
        self.expect(Kind::RightDelim, CONTEXT)?;
        let (root, end) = self.item_list()?;
        if let Parsed::Else = end {
            return self.error(format!("unexpected {} in {CONTEXT}", end.show()));
        }
        self.add(name, root)?;
        self.scope = outer;
        Ok(())
    }

    fn unquoted(&self, token: &Item<'a>) -> Result<GoStr> {
        match quote::unquote(&token.val) {
            Ok(text) => Ok(text.into()),
            Err(why) => self.error(why),
        }
    }

    /// Nodes up to `end` or `else`, which is returned beside them.
    fn item_list(&mut self) -> Result<(List, Parsed)> {
        let mut list = List { pos: self.peek_non_space().pos as u32, nodes: Vec::new() };
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Parsed::Node(node) => list.nodes.push(node),
                end => return Ok((list, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Parsed> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => {
                let (pos, end) = (token.pos as u32, (token.pos + token.val.len()) as u32);
                Ok(Parsed::Node(Node::Text { pos, end }))
            }
            Kind::LeftDelim => {
                self.scope.action_line = token.line;
                let action = deep(|| self.action());
                self.scope.action_line = 0;
                action
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Parsed> {
        let token = self.next_non_space();
        let pos = token.pos as u32;
        Ok(Parsed::Node(match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => {
                self.loop_exit("{{break}}")?;
                Node::Break { pos }
            }
            Kind::Continue => {
                self.loop_exit("{{continue}}")?;
                Node::Continue { pos }
            }
            Kind::Else => {
                // "else if" and "else with": the keyword stays for whoever parses the branch.
                if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Parsed::Else);
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Parsed::End);
            }
            Kind::If => Node::If(self.control("if")?),
            Kind::Range => Node::Range(self.control("range")?),
            Kind::With => Node::With(self.control("with")?),
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let pos = self.peek().pos as u32;
                Node::Action { pos, pipe: self.pipeline("command", Kind::RightDelim)? }
            }
        }))
    }

    fn loop_exit(&mut self, name: &str) -> Result<()> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, name);
        }
        if self.scope.ranges == 0 {
            return self.error(format!("{name} outside {{{{range}}}}"));
        }
        Ok(())
    }

    /// `if`, `range` or `with`, from behind the keyword to its `end`.
    fn control(&mut self, context: &'static str) -> Result<Box<Branch>> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.error(format!("blocks nest deeper than {MAX_NESTING}"));
        }
        let mark = self.scope.vars.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let is_range = usize::from(context == "range");
        self.scope.ranges += is_range;
        let (list, end) = self.item_list()?;
        self.scope.ranges -= is_range;
        let otherwise = match end {
            Parsed::Else => Some(self.otherwise(context)?),
            _ => None,
        };
        self.scope.vars.truncate(mark);
        self.nesting -= 1;
        Ok(Box::new(Branch { pos: pipe.pos, pipe, list, otherwise }))
    }

    /// What follows `else`. `{{else if b}}…{{end}}` is `{{else}}{{if b}}…{{end}}{{end}}` with one `end` for both.
    fn otherwise(&mut self, context: &'static str) -> Result<List> {
        let chained = match context {
            "if" => self.peek().kind == Kind::If,
            "with" => self.peek().kind == Kind::With,
            _ => false,
        };
        if chained {
            let pos = self.next().pos as u32;
            let branch = deep(|| self.control(context))?;
            let node = if context == "if" { Node::If(branch) } else { Node::With(branch) };
            return Ok(List { pos, nodes: vec![node] });
        }
        let (list, end) = self.item_list()?;
        match end {
            Parsed::Else => self.error(format!("expected end; found {}", end.show())),
            _ => Ok(list),
        }
    }

    /// `{{block "name" pipeline}} … {{end}}`: a definition and its call.
    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.error(format!("blocks nest deeper than {MAX_NESTING}"));
        }
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        // A wrong end is told by the parser around the block, which stands at the block's first line.
        let line = self.token[0].line;
        let (root, end) = self.item_list()?;
        if let Parsed::Else = end {
            self.token[0].line = line;
            return self.error(format!("unexpected {} in {CONTEXT}", end.show()));
        }
        self.add(name.clone(), root)?;
        self.scope = outer;
        self.nesting -= 1;
        Ok(Node::Template(Box::new(TemplateCall { pos: token.pos as u32, name, pipe: Some(pipe) })))
    }

    /// `{{template "name" pipeline}}`, from behind the keyword.
    fn template(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(Box::new(TemplateCall { pos: token.pos as u32, name, pipe })))
    }

    fn template_name(&mut self, token: &Item<'a>, context: &str) -> Result<GoStr> {
        match token.kind {
            Kind::String | Kind::RawString => self.unquoted(token),
            _ => self.unexpected(token, context),
        }
    }

    /// A pipeline up to `end`, perhaps with declarations.
    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let pos = self.peek_non_space().pos as u32;
        let mut pipe = Pipe { pos, assign: false, decl: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// `$x :=`, `$x =`, or in a range `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        while self.peek_non_space().kind == Kind::Variable {
            let variable = self.next();
            // Space is a token, so "$x foo" needs three tokens of look-ahead to tell an argument from a declaration.
            let after = self.peek().clone();
            let next = self.peek_non_space().clone();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assign = next.kind == Kind::Assign;
                    self.next_non_space();
                    self.declare(pipe, &variable);
                    return Ok(());
                }
                Kind::Char if *next.val == *b"," => {
                    self.next_non_space();
                    self.declare(pipe, &variable);
                    if context != "range" || pipe.decl.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    match self.peek_non_space().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => {}
                        _ => return self.error("range can only initialize variables"),
                    }
                }
                _ if after.kind == Kind::Space => {
                    self.token[1] = after;
                    self.token[2] = variable;
                    self.peeked = 3;
                    return Ok(());
                }
                _ => {
                    self.token[1] = variable;
                    self.peeked = 2;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: &Item<'a>) {
        let name = GoStr::from_bytes(&variable.val);
        let id = self.variable_id(&name);
        self.scope.vars.push(id);
        pipe.decl.push(Decl { id, name });
    }

    fn variable_id(&mut self, name: &GoStr) -> u32 {
        let fresh = self.names.len() as u32;
        *self.names.entry(name.clone()).or_insert(fresh)
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        // Only the first command can start with something that cannot be called.
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let Node::Bool { .. }
            | Node::Dot { .. }
            | Node::Nil { .. }
            | Node::Number { .. }
            | Node::String { .. } = command.args[0]
            {
                return self.error(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    /// Operands up to a pipe or a closing delimiter, which stays.
    fn command(&mut self) -> Result<Command> {
        let mut command = Command { pos: self.peek_non_space().pos as u32, args: Vec::new() };
        loop {
            self.peek_non_space();
            command.args.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.args.is_empty() {
            return self.error("empty command");
        }
        Ok(command)
    }

    /// A term and the fields after it.
    fn operand(&mut self) -> Result<Option<Node>> {
        let Some(node) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(node));
        }
        let pos = self.peek().pos as u32;
        let mut added = Vec::new();
        while self.peek().kind == Kind::Field {
            added.push(GoStr::from_bytes(&self.next().val[1..]));
        }
        Ok(Some(match node {
            // Go puts more fields on a field or variable, which then stands where the added fields do.
            Node::Field { mut fields, .. } => {
                fields.append(&mut added);
                Node::Field { pos, fields }
            }
            Node::Variable { id, name, mut fields, .. } => {
                fields.append(&mut added);
                Node::Variable { pos, id, name, fields }
            }
            Node::Bool { .. } | Node::String { .. } | Node::Number { .. } | Node::Nil { .. } | Node::Dot { .. } => {
                let mut shown = String::new();
                node.show(self.source, &mut shown);
                return self.error(format!("unexpected . after term {}", quote::quote(shown.as_bytes())));
            }
            node => Node::Chain(Box::new(Chain { pos, node, fields: added })),
        }))
    }

    fn term(&mut self) -> Result<Option<Node>> {
        let token = self.next_non_space();
        let pos = token.pos as u32;
        Ok(Some(match token.kind {
            Kind::Identifier => {
                let name = String::from_utf8_lossy(&token.val);
                let Some(callee) = self.functions.find(&name) else {
                    return self.error(format!("function {} not defined", quote::quote(name.as_bytes())));
                };
                Node::Function { pos, name: GoStr::from(&*name), callee }
            }
            Kind::Dot => Node::Dot { pos },
            Kind::Nil => Node::Nil { pos },
            Kind::Variable => {
                let name = GoStr::from_bytes(&token.val);
                let id = self.variable_id(&name);
                if !self.scope.vars.contains(&id) {
                    return self.error(format!("undefined variable {}", quote::quote(&name)));
                }
                Node::Variable { pos, id, name, fields: Vec::new() }
            }
            Kind::Field => Node::Field { pos, fields: vec![GoStr::from_bytes(&token.val[1..])] },
            Kind::Bool => Node::Bool { pos, value: *token.val == *b"true" },
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let text = String::from_utf8_lossy(&token.val);
                let number = match token.kind {
                    Kind::CharConstant => number::character(&token.val),
                    Kind::Complex => number::complex(&text),
                    _ => number::plain(&text),
                };
                match number {
                    Ok(number) => Node::Number { pos, number: Box::new(number) },
                    Err(why) => return self.error(why),
                }
            }
            Kind::LeftParen => {
                if self.scope.parens >= MAX_PARENS {
                    return self.error("max expression depth exceeded");
                }
                self.scope.parens += 1;
                let pipe = deep(|| self.pipeline("parenthesized pipeline", Kind::RightParen))?;
                self.scope.parens -= 1;
                Node::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => {
                let text = self.unquoted(&token)?;
                Node::String { pos, quoted: GoStr::from_bytes(&token.val), text }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        }))
    }
}
