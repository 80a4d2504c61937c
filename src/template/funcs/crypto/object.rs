//! sprig's `certificate`: a struct of two strings.

use crate::template::{GoType as T, Object, Printing, Val};
use crate::value::{GoStr, Map, Value};
use std::rc::Rc;

/// The type of `genCA`'s result and `genSignedCert`'s authority.
pub(super) const CERTIFICATE: T = T::Named("sprig.certificate");

struct Certificate {
    cert: GoStr,
    key: GoStr,
}

/// The template value of a certificate and its key, in PEM.
pub(super) fn pair(cert: impl Into<GoStr>, key: impl Into<GoStr>) -> Val {
    Val::Object(Rc::new(Certificate { cert: cert.into(), key: key.into() }))
}

/// Certificate and key of such a value; both empty for anything else.
pub(super) fn parts(value: &Val) -> (GoStr, GoStr) {
    match value {
        Val::Object(object) => match object.as_any().downcast_ref::<Certificate>() {
            Some(own) => (own.cert.clone(), own.key.clone()),
            None => Default::default(),
        },
        _ => Default::default(),
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn display(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn printing(&self) -> Printing {
        Printing::Parts
    }

    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![("Cert", Val::Str(self.cert.clone())), ("Key", Val::Str(self.key.clone()))]
    }

    fn members(&self) -> Option<Vec<(&'static str, Val)>> {
        Some(self.fields())
    }

    fn to_value(&self) -> Value {
        let entry = |(name, value): (&str, Val)| (GoStr::from(name), value.to_value());
        Value::Map(self.fields().into_iter().map(entry).collect::<Map>())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
