//! What asks the world: `lookup` (Helm 4.3 `pkg/engine/lookup_func.go`) and `getHostByName` (sprig 3.3, Helm's DNS switch).

use super::args::string;
use super::{FuncDef, FuncResult, Host};
use crate::template::{GoType as T, Val};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("getHostByName", &[T::String], T::String, |h, a| Ok(Val::str(h.resolve(&string(a, 0).to_text()))),
        "An address of a host; empty unless name resolution is allowed."),
    FuncDef::new("lookup", &[T::String, T::String, T::String, T::String], T::MapAny, lookup,
        "A live object by API version, kind, namespace and name; an empty map where there is none, or no cluster."),
];

fn lookup(host: &dyn Host, args: &[Val]) -> FuncResult {
    let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|at| string(args, at).to_text());
    let found = host.lookup(&api_version, &kind, &namespace, &name)?;
    Ok(Val::from_value(&found))
}
