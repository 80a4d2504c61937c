//! Fields, map keys and methods of values (Go's `evalField`).

use super::{
    GoType, MapRef, MissingKey, Object, Val,
    exec::{At, Fail, Rv, State, is_iface},
    parse_node::Node,
    quote,
};
use crate::value::GoStr;
use std::rc::Rc;

impl<'t> State<'_, '_, 't> {
    /// `receiver.name args… last`: a method's result, a field, or a map's entry.
    pub fn eval_field(
        &mut self,
        dot: &Rv,
        name: &'t GoStr,
        node: &'t Node,
        args: &'t [Node],
        last: Option<Rv>,
        receiver: Rv,
    ) -> Result<Rv, Fail> {
        let type_name = receiver.type_name();
        match &receiver.val {
            Val::Nil if receiver.iface => {
                self.error(format!("nil pointer evaluating {type_name}.{}", name.to_text()))
            }
            Val::Nil if self.strict() => {
                self.error(format!("nil data; no entry for key {}", quote::quote(name)))
            }
            Val::Nil => Ok(Rv::INVALID),
            Val::Map(map) => {
                if map.ty == GoType::Values
                    && let Some((signature, method)) = super::values::method(name)
                {
                    let base = self.eval_args(dot, name, &signature, args, last)?;
                    let result = method(map, &self.m.args[base..]);
                    return self.method_result(base, At::Node(node), name, &signature, result);
                }
                self.map_entry(map, name, !args.is_empty() || last.is_some())
            }
            Val::Object(object) => {
                let object = object.clone();
                self.object_member(dot, name, node, args, last, &object, type_name)
            }
            Val::Int(number, ty) => {
                let (number, ty) = (*number, *ty);
                let Some(signature) = super::duration::signature(ty, name) else { return self.no_field(name, type_name) };
                let base = self.eval_args(dot, name, &signature, args, last)?;
                let result = match (ty, self.m.args.get(base)) {
                    (GoType::Duration, Some(Val::Int(unit, _))) => super::duration::call(number, &name.to_text(), *unit),
                    (GoType::Duration, _) => super::duration::call(number, &name.to_text(), 0),
                    _ => Val::str(super::fmt::sprint(&[Val::Int(number, ty)])),
                };
                self.method_result(base, At::Node(node), name, &signature, Ok(result))
            }
            _ => self.no_field(name, type_name),
        }
    }

    fn no_field<T>(&self, name: &GoStr, type_name: &str) -> Result<T, Fail> {
        self.error(format!("can't evaluate field {} in type {type_name}", name.to_text()))
    }

    fn map_entry(&self, map: &MapRef, name: &GoStr, has_args: bool) -> Result<Rv, Fail> {
        if has_args {
            return self.error(format!("{} is not a method but has arguments", name.to_text()));
        }
        if let Some(val) = map.entries.borrow().get(&**name) {
            return Ok(Rv { val: val.clone(), iface: is_iface(map.ty) });
        }
        match self.m.options.missing_key {
            MissingKey::Invalid => Ok(Rv::INVALID),
            MissingKey::Zero => Ok(zero_element(map.ty)),
            MissingKey::Error => self.error(format!("map has no entry for key {}", quote::quote(name))),
        }
    }

    #[allow(clippy::too_many_arguments)] // Go's evalField, and the object
    fn object_member(
        &mut self,
        dot: &Rv,
        name: &'t GoStr,
        node: &'t Node,
        args: &'t [Node],
        last: Option<Rv>,
        object: &Rc<dyn Object>,
        type_name: &str,
    ) -> Result<Rv, Fail> {
        let text = name.to_text();
        let has_args = !args.is_empty() || last.is_some();
        if let Some(signature) = object.signature(&text) {
            let base = self.eval_args(dot, name, &signature, args, last)?;
            let Some(result) = object.call(&text, &self.m.args[base..]) else { return self.no_field(name, type_name) };
            return self.method_result(base, At::Node(node), name, &signature, result.map_err(Into::into));
        }
        if let Some(refusal) = object.refusal(&text) {
            return self.error(refusal);
        }
        match (object.kind(), object.field(&text)) {
            ("map", _) if has_args => self.error(format!("{text} is not a method but has arguments")),
            (_, Some(_)) if has_args => {
                self.error(format!("{text} has arguments but cannot be invoked as function"))
            }
            // A field without a value can only be a nil interface.
            (_, Some(Val::Nil)) => Ok(Rv::NIL),
            (_, Some(val)) => Ok(val.into()),
            ("map", None) if self.strict() => {
                self.error(format!("map has no entry for key {}", quote::quote(name)))
            }
            ("map", None) if self.m.options.missing_key == MissingKey::Zero => Ok(Val::nil_bytes().into()),
            ("map", None) => Ok(Rv::INVALID),
            _ => self.no_field(name, type_name),
        }
    }
}

/// What a missing key of a map of this type is: the zero value of its elements.
pub(super) fn zero_element(ty: GoType) -> Rv {
    match ty {
        GoType::MapString => Val::str("").into(),
        _ => Rv::NIL,
    }
}
