//! Calls of functions and methods (Go's `evalCall`).

use super::{
    GoType, Signature, Val,
    builtins::Builtin,
    error::ExecError,
    exec::{At, Fail, Rv, State, is_true},
    exec_eval::REFLECT,
    funcs::{FuncDef, FuncError, FuncResult, Host, Tolerated},
    parse_node::{Callee, Node},
};
use crate::value::GoStr;

/// What a function of the executor refused.
pub(super) enum Refusal {
    /// A message of its own.
    Message(String),
    /// A failure inside, such as in an included template.
    Inner(Fail),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Refusal::Message(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Refusal::Message(message.to_owned())
    }
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Refusal::Inner(fail)
    }
}

/// What an interface-typed result is to the executor.
fn typed(val: Val, ty: GoType) -> Rv {
    Rv { val, iface: ty == GoType::Any }
}

/// After a value of so many bytes the host is asked at once whether something is used up.
const ASK_ABOVE: usize = 1 << 20;

/// Functions that take a tenth of a second and more: the host is asked after each call. In order, as they are searched for.
const SLOW: &[&str] = &[
    "bcrypt", "derivePassword", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert",
    "genSignedCertWithKey", "htpasswd",
];

impl<'t> State<'_, '_, 't> {
    /// A function's call. `at` is where its own errors stand: the command, or the bare name.
    pub fn eval_function(
        &mut self,
        dot: &Rv,
        node: &'t Node,
        at: At<'t>,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        self.at = At::Node(node);
        let Node::Function { name, callee, .. } = node else { return self.error("not a function") };
        match callee {
            Callee::Table(def) => self.call_table(dot, name, def, at, args, last),
            Callee::Builtin(Builtin::And) => self.and_or(dot, name, false, args, last),
            Callee::Builtin(Builtin::Or) => self.and_or(dot, name, true, args, last),
            Callee::Builtin(builtin) => self.call_builtin(dot, name, *builtin, at, args, last),
        }
    }

    fn call_table(
        &mut self,
        dot: &Rv,
        name: &GoStr,
        def: &'static FuncDef,
        at: At<'t>,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        let signature = Signature { params: def.params, variadic: def.variadic, result: def.result };
        let base = self.eval_args(dot, name, &signature, args, last)?;
        let host = self.m.host;
        let result = (def.body)(host, &self.m.args[base..]);
        if SLOW.binary_search(&def.name).is_ok() {
            self.check_host()?;
        }
        self.method_result(base, at, name, &signature, result)
    }

    /// Takes the arguments off the stack and turns a refusal into the executor's error.
    pub fn method_result(
        &mut self,
        base: usize,
        at: At<'t>,
        name: &GoStr,
        signature: &Signature,
        result: FuncResult,
    ) -> Result<Rv, Fail> {
        self.m.args.truncate(base);
        match result {
            Ok(val) => {
                self.count(&val)?;
                Ok(typed(val, signature.result))
            }
            Err(FuncError { message }) => self.refused(at, name, Refusal::Message(message)),
        }
    }

    /// Counts what functions produce, so that a template cannot fill the memory with values.
    fn count(&mut self, val: &Val) -> Result<(), Fail> {
        let size = match val {
            Val::Str(text) => text.len(),
            Val::List(list) => list.items.len() * size_of::<Val>(),
            _ => 0,
        };
        self.m.produced += size;
        if self.m.produced > self.m.limits.values {
            return self.error(format!("functions produced more than {} bytes of values", self.m.limits.values));
        }
        if size > ASK_ABOVE {
            self.check_host()?;
        }
        Ok(())
    }

    fn refused<T>(&mut self, at: At<'t>, name: &GoStr, refusal: Refusal) -> Result<T, Fail> {
        self.at = at;
        let text = format!("{}error calling {}: ", self.place(), name.to_text());
        Err(match refusal {
            Refusal::Message(message) => ExecError::new(message, false).wrap(text, true),
            Refusal::Inner(fail) => fail.wrap(text, true),
        })
    }

    /// Evaluates the arguments onto the stack; returns where they begin.
    pub fn eval_args(
        &mut self,
        dot: &Rv,
        name: &GoStr,
        signature: &Signature,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<usize, Fail> {
        let Signature { params, variadic, .. } = *signature;
        let fixed = self.check_count(name, signature, args.len(), last.is_some())?;
        let param = |index: usize| if variadic && index >= fixed { params[fixed] } else { params[index] };
        let base = self.m.args.len();
        for (index, arg) in args.iter().enumerate() {
            let value = self.eval_arg(dot, param(index), arg)?;
            self.m.args.push(value.val);
        }
        if let Some(last) = last {
            let value = self.validate(last, param(args.len()))?;
            self.m.args.push(value.val);
        }
        Ok(base)
    }

    /// Checks the number of arguments; returns how many parameters are fixed.
    fn check_count(&self, name: &GoStr, signature: &Signature, given: usize, piped: bool) -> Result<usize, Fail> {
        let count = given + usize::from(piped);
        let wanted = signature.params.len();
        let name = || name.to_text();
        if signature.variadic {
            let fixed = wanted - 1;
            if count < fixed {
                let name = name();
                return self.error(format!("wrong number of args for {name}: want at least {fixed} got {given}"));
            }
            return Ok(fixed);
        }
        if count != wanted {
            return self.error(format!("wrong number of args for {}: want {wanted} got {count}", name()));
        }
        Ok(wanted)
    }

    /// `and` and `or`, which stop at the first argument that decides.
    fn and_or(
        &mut self,
        dot: &Rv,
        name: &GoStr,
        stop_at: bool,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        self.check_count(name, &Builtin::And.signature(), args.len(), last.is_some())?;
        let mut value = Rv::INVALID;
        for arg in args {
            value = self.eval_arg(dot, REFLECT, arg)?;
            if is_true(&value.val) == stop_at {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn call_builtin(
        &mut self,
        dot: &Rv,
        name: &GoStr,
        builtin: Builtin,
        at: At<'t>,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        let signature = builtin.signature();
        if matches!(builtin, Builtin::Len | Builtin::Slice) {
            return self.call_reflect(dot, name, builtin, at, args, last);
        }
        let callee = match (args.first(), &last) {
            (Some(first), _) if builtin == Builtin::Call => self.show(first),
            (None, Some(last)) if builtin == Builtin::Call => reflect_string(&last.val),
            _ => String::new(),
        };
        let base = self.eval_args(dot, name, &signature, args, last)?;
        let result = match builtin {
            Builtin::Include => self.include(base),
            Builtin::Tpl => self.tpl(base),
            _ => {
                let options = self.m.options;
                if options.lint {
                    tell(self.m.host, builtin, &self.m.args[base..]);
                }
                builtin.call(&self.m.args[base..], &options, &callee).map_err(Refusal::Message)
            }
        };
        self.m.args.truncate(base);
        match result {
            Ok(val) => {
                self.count(&val)?;
                Ok(typed(val, signature.result))
            }
            Err(refusal) => self.refused(at, name, refusal),
        }
    }
    /// `len` and `slice`: those that tell a value from the interface that holds it.
    fn call_reflect(
        &mut self,
        dot: &Rv,
        name: &GoStr,
        builtin: Builtin,
        at: At<'t>,
        args: &'t [Node],
        last: Option<Rv>,
    ) -> Result<Rv, Fail> {
        self.check_count(name, &builtin.signature(), args.len(), last.is_some())?;
        let mut values = Vec::with_capacity(args.len() + 1);
        for arg in args {
            values.push(self.eval_arg(dot, REFLECT, arg)?);
        }
        values.extend(last);
        let result = match (builtin, values.as_slice()) {
            (Builtin::Len, [item]) => super::builtins::len(item),
            (_, [item, indexes @ ..]) => super::builtins::slice(&item.val, indexes),
            _ => Err("the executor passed wrong arguments".into()),
        };
        match result {
            Ok(val) => Ok(val.into()),
            Err(message) => self.refused(at, name, message.into()),
        }
    }
}

/// Lint's notices of what else ends a render.
fn tell(host: &dyn Host, builtin: Builtin, args: &[Val]) {
    match (builtin, args) {
        (Builtin::Fail, [Val::Str(text)]) => host.tolerated(Tolerated::Fail, &text.to_text()),
        (Builtin::Required, [Val::Str(text), Val::Nil]) => host.tolerated(Tolerated::Nil, &text.to_text()),
        (Builtin::Required, [Val::Str(text), Val::Str(value)]) if value.is_empty() => host.tolerated(Tolerated::Empty, &text.to_text()),
        _ => {}
    }
}

/// Go's `reflect.Value.String`: a string itself, the type of anything else.
fn reflect_string(val: &Val) -> String {
    match val {
        Val::Str(text) => text.to_text(),
        Val::Nil => "<invalid Value>".into(),
        val => format!("<{} Value>", val.type_name()),
    }
}
