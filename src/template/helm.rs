//! Helm's functions that need the executor: `include` and `tpl` (`helm.sh/helm/v4/pkg/engine/engine.go`).

use super::{
    Val,
    error::ExecError,
    exec::{Fail, Rv, Scope, State},
    exec_call::Refusal,
    quote,
    set::{self, Parsed, Templates},
};
use crate::value::GoStr;

/// The name of Helm's root template, under which `tpl` parses its texts.
pub(super) const ROOT_NAME: &str = "gotpl";

/// How deep `include` and `tpl` may nest together. Each level costs stack, and helm dies of that at some point.
const MAX_NESTED: usize = 100_000;

const NO_VALUE: &[u8] = b"<no value>";

/// Takes Go's `<no value>` out of everything from `start` on.
pub(super) fn erase_no_value(out: &mut Vec<u8>, start: usize) {
    let Some(first) = bstr::ByteSlice::find(&out[start..], NO_VALUE) else { return };
    let mut kept = out[..start + first].to_vec();
    let mut rest = &out[start + first + NO_VALUE.len()..];
    while let Some(next) = bstr::ByteSlice::find(rest, NO_VALUE) {
        kept.extend_from_slice(&rest[..next]);
        rest = &rest[next + NO_VALUE.len()..];
    }
    kept.extend_from_slice(rest);
    *out = kept;
}

impl State<'_, '_, '_> {
    /// `include name data`: what the named template writes.
    pub(super) fn include(&mut self, base: usize) -> Result<Val, Refusal> {
        let [Val::Str(name), data] = &self.m.args[base..] else { return Err("include takes a name and a value".into()) };
        let (name, data) = (name.clone(), data.clone());
        let limit = self.m.limits.include;
        let depth = self.m.included.entry(name.clone()).or_insert(0);
        if *depth > limit {
            let inner = ExecError::new("unable to execute template".into(), false);
            let text = format!("rendering template has a nested reference name: {}: ", name.to_text());
            return Err(inner.wrap(text, false).into());
        }
        *depth += 1;
        let result = self.nested(|state| {
            let start = state.m.out.len();
            let scope = state.scope;
            state.m.execute(scope, &name, data, 0)?;
            Ok(state.take_output(start))
        })?;
        if let Some(depth) = self.m.included.get_mut(&name) {
            *depth -= 1;
        }
        Ok(result)
    }

    /// `tpl text data`: what the text writes, as a template. Its definitions are seen by it and what it calls.
    pub(super) fn tpl(&mut self, base: usize) -> Result<Val, Refusal> {
        let [Val::Str(text), data] = &self.m.args[base..] else { return Err("tpl takes a text and a value".into()) };
        let (text, data) = (text.clone(), data.clone());
        if self.m.tpls >= self.m.limits.tpl {
            return Err(format!("tpl nests deeper than {}", self.m.limits.tpl).into());
        }
        let parsed = Parsed::parse(self.m.set.functions, ROOT_NAME, &text).map_err(|error| {
            let text = format!("cannot parse template {}: ", quote::quote(&text));
            ExecError::new(error.message, false).wrap(text, false)
        })?;
        let mut own = Templates::new();
        for tree in parsed.trees() {
            // The root's own name is free in each clone.
            associate_in_clone(&mut own, self.scope, tree);
        }
        let scope = Scope { outer: Some(self.scope), own: &own };
        let Some(root) = own.get(ROOT_NAME.as_bytes()) else { return Err("tpl lost its text".into()) };
        self.m.tpls += 1;
        let result = self.nested(|state| {
            let start = state.m.out.len();
            state.m.run(&scope, root, Rv::from(data), 0).map_err(|fail| {
                let text = format!("error during tpl function execution for {}: ", quote::quote(&text));
                fail.wrap(text, false)
            })?;
            erase_no_value(&mut state.m.out, start);
            Ok(state.take_output(start))
        })?;
        self.m.tpls -= 1;
        Ok(result)
    }

    /// Runs another execution inside this one.
    fn nested(&mut self, run: impl FnOnce(&mut Self) -> Result<Val, Fail>) -> Result<Val, Refusal> {
        if self.m.nested >= MAX_NESTED {
            return Err(format!("include and tpl nest deeper than {MAX_NESTED}").into());
        }
        self.m.nested += 1;
        let result = run(self)?;
        self.m.nested -= 1;
        Ok(result)
    }

    /// Takes what was written since `start` off the output.
    fn take_output(&mut self, start: usize) -> Val {
        let text = GoStr::from_bytes(&self.m.out[start..]);
        self.m.out.truncate(start);
        Val::Str(text)
    }
}

fn associate_in_clone(own: &mut Templates, outer: &Scope<'_>, tree: &std::sync::Arc<super::parse::Tree>) {
    let is_root = *tree.name == *ROOT_NAME.as_bytes();
    set::associate(own, |name| !is_root && outer.find(name).is_some(), tree);
}
