//! Pipelines, commands and arguments (Go's `text/template/exec.go`, second half).

use super::{
    GoType, List as ListVal, MapRef, Val, deep,
    exec::{At, Fail, Rv, State},
    number::Number,
    parse_node::{Chain, Command, Node, Pipe},
};
use crate::value::GoStr;

/// The parameter type of Go's built-in functions.
pub(super) const REFLECT: GoType = GoType::Named("reflect.Value");

impl<'t> State<'_, '_, 't> {
    /// The pipeline's value, never of static type `interface {}`; sets its variables.
    pub fn eval_pipeline(&mut self, dot: &Rv, pipe: &'t Pipe) -> Result<Rv, Fail> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            let mut next = self.eval_command(dot, command, value)?;
            next.iface = false;
            value = Some(next);
        }
        let value = value.unwrap_or(Rv::INVALID); // the parser refuses empty pipelines
        for decl in &pipe.decl {
            if pipe.assign {
                self.set_var(decl.id, value.clone())?;
            } else {
                self.m.vars.push((decl.id, value.clone()));
            }
        }
        Ok(value)
    }

    fn not_a_function(&self, args: &'t [Node], last: &Option<Rv>) -> Result<(), Fail> {
        if args.len() > 1 || last.is_some() {
            return self.error(format!("can't give argument to non-function {}", self.show(&args[0])));
        }
        Ok(())
    }

    /// The node's text.
    pub fn show(&self, node: &Node) -> String {
        let mut text = String::new();
        node.show(&self.tree.source, &mut text);
        text
    }

    fn eval_command(&mut self, dot: &Rv, command: &'t Command, last: Option<Rv>) -> Result<Rv, Fail> {
        self.step()?;
        let first = &command.args[0];
        match first {
            Node::Field { fields, .. } => {
                self.at = At::Node(first);
                return self.eval_field_chain(dot, dot.clone(), first, fields, &command.args, last);
            }
            Node::Chain(chain) => return self.eval_chain(dot, first, chain, &command.args, last),
            Node::Function { .. } => {
                return self.eval_function(dot, first, At::Command(command), &command.args[1..], last);
            }
            Node::Pipe(pipe) => {
                self.not_a_function(&command.args, &last)?;
                return deep(|| self.eval_pipeline(dot, pipe));
            }
            Node::Variable { .. } => return self.eval_variable(dot, first, &command.args, last),
            _ => {}
        }
        self.at = At::Node(first);
        self.not_a_function(&command.args, &last)?;
        match first {
            Node::Bool { value, .. } => Ok(Val::Bool(*value).into()),
            Node::Dot { .. } => Ok(dot.clone()),
            Node::Nil { .. } => self.error("nil is not a command"),
            Node::Number { number, .. } => self.ideal_constant(first, number),
            Node::String { text, .. } => Ok(Val::Str(text.clone()).into()),
            _ => self.error(format!("can't evaluate command {}", super::quote::quote(self.show(first).as_bytes()))),
        }
    }

    /// A number constant whose syntax alone tells the type.
    fn ideal_constant(&mut self, node: &'t Node, number: &Number) -> Result<Rv, Fail> {
        self.at = At::Node(node);
        let text = number.text.as_str();
        let is_hex = text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        if let Some((real, imaginary)) = number.complex {
            return Ok(Val::Complex(real, imaginary).into());
        }
        if let Some(float) = number.float
            && !is_hex
            && !text.starts_with('\'')
            && text.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Val::float(float).into());
        }
        match (number.int, number.uint) {
            (Some(int), _) => Ok(Val::int(int).into()),
            (None, Some(_)) => self.error(format!("{text} overflows int")),
            (None, None) => Ok(Rv::INVALID),
        }
    }

    fn eval_chain(
        &mut self,
        dot: &Rv,
        node: &'t Node,
        chain: &'t Chain,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        self.at = At::Node(node);
        if let Node::Nil { .. } = chain.node {
            return self.error(format!("indirection through explicit nil in {}", self.show(node)));
        }
        self.at = At::Node(&chain.node);
        let receiver = match &chain.node {
            Node::Pipe(pipe) => deep(|| self.eval_pipeline(dot, pipe))?,
            Node::Function { .. } => self.eval_function(dot, &chain.node, At::Node(&chain.node), &[], None)?,
            // The parser builds chains of nothing else.
            other => return self.error(format!("can't handle {} for arg of type nil", self.show(other))),
        };
        self.eval_field_chain(dot, receiver, node, &chain.fields, args, last)
    }

    fn eval_variable(&mut self, dot: &Rv, node: &'t Node, args: &'t [Node], last: Option<Rv>) -> Result<Rv, Fail> {
        let Node::Variable { id, fields, .. } = node else { return self.error("not a variable") };
        self.at = At::Node(node);
        let value = self.var(*id)?.clone();
        if fields.is_empty() {
            if !args.is_empty() {
                self.not_a_function(args, &last)?;
            }
            return Ok(value);
        }
        self.eval_field_chain(dot, value, node, fields, args, last)
    }

    /// `.X.Y.Z`, perhaps with arguments for the last.
    fn eval_field_chain(
        &mut self,
        dot: &Rv,
        mut receiver: Rv,
        node: &'t Node,
        fields: &'t [GoStr],
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        let (name, path) = fields.split_last().expect("the parser gives every chain a field");
        for field in path {
            receiver = self.eval_field(dot, field, node, &[], None, receiver)?;
        }
        self.eval_field(dot, name, node, args.get(1..).unwrap_or(&[]), last, receiver)
    }

    /// The argument's value, made fit for a parameter of type `ty`.
    pub fn eval_arg(&mut self, dot: &Rv, ty: GoType, node: &'t Node) -> Result<Rv, Fail> {
        self.at = At::Node(node);
        let value = match node {
            Node::Dot { .. } => dot.clone(),
            Node::Nil { .. } => {
                return match zero_of_nil(ty) {
                    Some(zero) => Ok(zero),
                    None => self.error(format!("cannot assign nil to {}", ty.name())),
                };
            }
            Node::Field { fields, .. } => self.eval_field_chain(dot, dot.clone(), node, fields, &[], None)?,
            Node::Variable { .. } => self.eval_variable(dot, node, &[], None)?,
            Node::Pipe(pipe) => deep(|| self.eval_pipeline(dot, pipe))?,
            Node::Function { .. } => self.eval_function(dot, node, At::Node(node), &[], None)?,
            Node::Chain(chain) => self.eval_chain(dot, node, chain, &[], None)?,
            literal => return self.eval_literal(ty, literal),
        };
        self.validate(value, ty)
    }

    fn eval_literal(&mut self, ty: GoType, node: &'t Node) -> Result<Rv, Fail> {
        let found = |expected: &str| format!("expected {expected}; found {}", self.show(node));
        let val = match (ty, node) {
            (GoType::Any | REFLECT, Node::Bool { value, .. }) => Val::Bool(*value),
            (GoType::Any | REFLECT, Node::Number { number, .. }) => return self.ideal_constant(node, number),
            (GoType::Any | REFLECT, Node::String { text, .. }) => Val::Str(text.clone()),
            (GoType::Bool, Node::Bool { value, .. }) => Val::Bool(*value),
            (GoType::Bool, _) => return self.error(found("bool")),
            (GoType::String, Node::String { text, .. }) => Val::Str(text.clone()),
            (GoType::String, _) => return self.error(found("string")),
            (GoType::Int | GoType::Int64 | GoType::Int32 | GoType::Int16 | GoType::Int8 | GoType::Duration, _) => {
                match node {
                    Node::Number { number, .. } if number.int.is_some() => {
                        Val::Int(wrap_int(number.int.unwrap_or_default(), ty), ty)
                    }
                    _ => return self.error(found("integer")),
                }
            }
            (GoType::Uint | GoType::Uint64 | GoType::Uint32 | GoType::Uint16 | GoType::Uint8, _) => match node {
                Node::Number { number, .. } if number.uint.is_some() => {
                    Val::Uint(wrap_uint(number.uint.unwrap_or_default(), ty), ty)
                }
                _ => return self.error(found("unsigned integer")),
            },
            (GoType::Float64 | GoType::Float32, _) => match node {
                Node::Number { number, .. } if number.float.is_some() => {
                    let float = number.float.unwrap_or_default();
                    Val::Float(if ty == GoType::Float32 { f64::from(float as f32) } else { float }, ty)
                }
                _ => return self.error(found("float")),
            },
            (GoType::Complex128, _) => match node {
                Node::Number { number, .. } if number.complex.is_some() => {
                    let (real, imaginary) = number.complex.unwrap_or_default();
                    Val::Complex(real, imaginary)
                }
                _ => return self.error(found("complex")),
            },
            _ => return self.error(format!("can't handle {} for arg of type {}", self.show(node), ty.name())),
        };
        Ok(val.into())
    }

    /// Checks that the value can be assigned to the type, and converts it as an assignment would (Go's `validateType`).
    pub fn validate(&self, value: Rv, ty: GoType) -> Result<Rv, Fail> {
        if ty == GoType::Any || ty == REFLECT {
            return Ok(value);
        }
        if value.is_invalid() {
            return match zero_of_nil(ty) {
                Some(zero) => Ok(zero),
                None => self.error(format!("invalid value; expected {}", ty.name())),
            };
        }
        let got = if matches!(value.val, Val::Nil) { "interface {}" } else { value.val.type_name() };
        match assign(value.val, ty) {
            Some(val) => Ok(val.into()),
            None => self.error(format!("wrong type for value; expected {}; got {got}", ty.name())),
        }
    }
}

/// The zero value of a type that nil can be assigned to (Go's `canBeNil` and `reflect.Zero`).
pub(super) fn zero_of_nil(ty: GoType) -> Option<Rv> {
    Some(match ty {
        GoType::Any | GoType::Error => Rv::NIL,
        REFLECT => Rv::INVALID,
        GoType::Bytes => Val::nil_bytes().into(),
        GoType::ListAny | GoType::ListString | GoType::ListInt | GoType::ListListAny => {
            Val::List(ListVal::nil(ty)).into()
        }
        GoType::MapAny | GoType::MapString | GoType::Values => Val::Map(MapRef::nil(ty)).into(),
        GoType::Named(name) if name.starts_with('*') => Rv::NIL,
        _ => return None,
    })
}

/// The value as one of type `ty`, if Go can assign it (`AssignableTo`): the same type, or the same underlying type where
/// one of the two has no name.
pub(super) fn assign(val: Val, ty: GoType) -> Option<Val> {
    match (val, ty) {
        (val, GoType::Any) => Some(val),
        (Val::Bool(flag), GoType::Bool) => Some(Val::Bool(flag)),
        (Val::Int(number, own), _) if own == ty => Some(Val::Int(number, own)),
        (Val::Uint(number, own), _) if own == ty => Some(Val::Uint(number, own)),
        (Val::Float(number, own), _) if own == ty => Some(Val::Float(number, own)),
        (Val::Complex(real, imaginary), GoType::Complex128) => Some(Val::Complex(real, imaginary)),
        (Val::Str(text), GoType::String) => Some(Val::Str(text)),
        (Val::Bytes(bytes), GoType::Bytes) => Some(Val::Bytes(bytes)),
        (Val::List(list), _) if list.ty == ty => Some(Val::List(list)),
        (Val::Map(map), _) if map.ty == ty => Some(Val::Map(map)),
        (Val::Map(map), GoType::MapAny | GoType::Values) if matches!(map.ty, GoType::MapAny | GoType::Values) => {
            Some(Val::Map(MapRef { ty, entries: map.entries.clone() }))
        }
        (Val::Object(object), GoType::Named(name)) if object.type_name() == name => Some(Val::Object(object)),
        (Val::Object(object), GoType::ListString) if object.kind() == "slice" => {
            let items = object.items()?;
            items.iter().all(|item| matches!(item, Val::Str(_))).then(|| Val::strings(items))
        }
        _ => None,
    }
}

fn wrap_int(number: i64, ty: GoType) -> i64 {
    match ty {
        GoType::Int8 => i64::from(number as i8),
        GoType::Int16 => i64::from(number as i16),
        GoType::Int32 => i64::from(number as i32),
        _ => number,
    }
}

fn wrap_uint(number: u64, ty: GoType) -> u64 {
    match ty {
        GoType::Uint8 => u64::from(number as u8),
        GoType::Uint16 => u64::from(number as u16),
        GoType::Uint32 => u64::from(number as u32),
        _ => number,
    }
}
