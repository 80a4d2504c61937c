//! The values that a running template sees: Go values with their types, maps shared by reference.

use crate::value::{GoStr, Value};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// A Go type, as far as templates can meet it: a function's parameter, a list's element, what `typeOf` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each variant is the Go type of its name
pub enum GoType {
    /// `interface {}`: anything goes.
    Any,
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Complex128,
    String,
    /// `[]uint8`
    Bytes,
    /// `[]interface {}`
    ListAny,
    /// `[]string`
    ListString,
    /// `[]int`
    ListInt,
    /// `[][]interface {}` (sprig's chunk)
    ListListAny,
    /// `[]map[string]interface {}` (the lists of tables in TOML)
    ListMapAny,
    /// `map[string]interface {}`
    MapAny,
    /// `map[string]string`
    MapString,
    /// `common.Values`: a `map[string]interface {}` with methods
    Values,
    Duration,
    /// `error`
    Error,
    /// A struct, pointer or other named type, by Go's name for it, such as `time.Time` or `*semver.Version`.
    Named(&'static str),
}

/// A value in a running template. Cheap to clone; maps are references, as in Go (`set` changes what everyone sees).
#[derive(Clone)]
pub enum Val {
    /// The nil interface: a missing value, JSON `null`.
    Nil,
    /// `bool`
    Bool(bool),
    /// Any signed integer; the type says which (`Int`, `Int8` … `Int64`, `Duration`).
    Int(i64, GoType),
    /// Any unsigned integer; the type says which.
    Uint(u64, GoType),
    /// `float64`, or `float32` by its type.
    Float(f64, GoType),
    /// `complex128`
    Complex(f64, f64),
    /// `string`
    Str(GoStr),
    /// `[]uint8`
    Bytes(Rc<[u8]>),
    /// A slice. Templates cannot change one in place, so sharing is safe.
    List(List),
    /// A map with string keys.
    Map(MapRef),
    /// A struct, a function, an error or anything else with fields or methods.
    Object(Rc<dyn Object>),
}

/// A slice with its Go type (`ListAny`, `ListString`, `ListInt`, …).
#[derive(Clone)]
pub struct List {
    /// The slice's own type, not its element's.
    pub ty: GoType,
    /// The elements.
    pub items: Rc<Vec<Val>>,
}

thread_local! {
    /// What nil slices and nil maps point to: Go tells them from empty ones when it prints JSON, writes or compares.
    static NIL_ITEMS: Rc<Vec<Val>> = Rc::new(Vec::new());
    static NIL_BYTES: Rc<[u8]> = Rc::from([]);
    static NIL_ENTRIES: Rc<RefCell<BTreeMap<GoStr, Val>>> = Rc::default();
}

impl List {
    /// Go's nil slice of this type: empty, and `null` in JSON (`concat` of nothing, a regexp's missing match).
    pub fn nil(ty: GoType) -> List {
        List { ty, items: NIL_ITEMS.with(Rc::clone) }
    }

    /// Whether this is a nil slice rather than an empty one.
    pub fn is_nil(&self) -> bool {
        NIL_ITEMS.with(|nil| Rc::ptr_eq(nil, &self.items))
    }
}

impl MapRef {
    /// Go's nil map of this type: empty, `null` in JSON, and nobody may write to it (`fromYaml` of nothing).
    pub fn nil(ty: GoType) -> MapRef {
        MapRef { ty, entries: NIL_ENTRIES.with(Rc::clone) }
    }

    /// Whether this is a nil map rather than an empty one; check before writing.
    pub fn is_nil(&self) -> bool {
        NIL_ENTRIES.with(|nil| Rc::ptr_eq(nil, &self.entries))
    }
}

/// A map with its Go type (`MapAny`, `MapString`, `Values`), shared by reference.
#[derive(Clone)]
pub struct MapRef {
    /// The map's own type.
    pub ty: GoType,
    /// Key to value, in byte order: the order in which Go's templates range.
    pub entries: Rc<RefCell<BTreeMap<GoStr, Val>>>,
}

/// A method's parameters, as a function's in the table.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Go types of the parameters.
    pub params: &'static [GoType],
    /// Whether the last parameter repeats.
    pub variadic: bool,
    /// Go type of the result.
    pub result: GoType,
}

/// How Go's fmt prints an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printing {
    /// The type has `String()` or `Error()`: everywhere by [`Object::display`].
    Own,
    /// Only the pointer to it has (`*common.KubeVersion`): `{{ x }}` prints `display`, but `printf "%v" x`, which sees a
    /// copy, prints the fields.
    ByPointer,
    /// No such method: `{a b}`, `&{a b}`, `[a b]`, `map[a:b]` by kind.
    Parts,
}

/// A Go value with fields or methods, for example `.Chart`, `.Files`, `.Capabilities.APIVersions`, a `time.Time`, a
/// `*semver.Version` or an error.
pub trait Object {
    /// Go's name of the type, as `%T` prints it.
    fn type_name(&self) -> &'static str;
    /// Go's kind, as `kindOf` prints it: `struct`, `ptr`, `map`, `slice`, `func` …
    fn kind(&self) -> &'static str;
    /// What `%v` prints (through `String()` or `Error()` where the type has one).
    fn display(&self) -> String;
    /// The exported field `name`; `None` where there is none.
    fn field(&self, name: &str) -> Option<Val>;
    /// The Go signature of the method `name`; `None`: the type has no such method. The executor counts and checks the
    /// arguments by it before the call, with Go's texts.
    fn signature(&self, name: &str) -> Option<Signature> {
        let _ = name;
        None
    }
    /// Whether `%v` prints the type through `String()` or `Error()`, or by its parts.
    fn printing(&self) -> Printing {
        Printing::Own
    }
    /// Calls the method `name` (or, with the empty name, the function itself). `None`: no such method. `Some(Err)`: it refused, with Go's text.
    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        let _ = (name, args);
        None
    }
    /// Go's text for a `name` that is surely neither field nor method, before any argument is looked at. `None` where
    /// only [`Object::call`] can tell, and for names that are there.
    fn refusal(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
    /// The fields in order, for `%v`; empty where there are none.
    fn fields(&self) -> Vec<(&'static str, Val)> {
        Vec::new()
    }
    /// A struct's members as JSON shows them, by JSON's names in the order of the fields; `None` for other types.
    fn members(&self) -> Option<Vec<(&'static str, Val)>> {
        None
    }
    /// A time's text in JSON and in TOML; `None` for other types.
    fn moment(&self) -> Option<(String, String)> {
        None
    }
    /// What a deep copy makes of it where fields that are not exported are lost; `None`: nothing is.
    fn copied(&self) -> Option<Val> {
        None
    }
    /// What `%#v` prints where the type has `GoString()`.
    fn go_syntax(&self) -> Option<String> {
        None
    }
    /// The elements of a named slice type (`kind` is `slice`, such as `common.VersionSet`): for `range`, `index`, `len`.
    fn items(&self) -> Option<Vec<Val>> {
        None
    }
    /// The entries of a named map type (`kind` is `map`, such as `engine.files`) in key order: for `range`, `index`, `len`.
    fn entries(&self) -> Option<Vec<(GoStr, Val)>> {
        None
    }
    /// What JSON (and so YAML) shows of it.
    fn to_value(&self) -> Value;
    /// Whether `if` takes it for true.
    fn truth(&self) -> bool {
        true
    }
    /// Access for those that know the concrete type.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl GoType {
    /// Go's own name of the type, as `%T` and the executor's errors spell it.
    pub fn name(self) -> &'static str {
        match self {
            GoType::Any => "interface {}",
            GoType::Bool => "bool",
            GoType::Int => "int",
            GoType::Int8 => "int8",
            GoType::Int16 => "int16",
            GoType::Int32 => "int32",
            GoType::Int64 => "int64",
            GoType::Uint => "uint",
            GoType::Uint8 => "uint8",
            GoType::Uint16 => "uint16",
            GoType::Uint32 => "uint32",
            GoType::Uint64 => "uint64",
            GoType::Float32 => "float32",
            GoType::Float64 => "float64",
            GoType::Complex128 => "complex128",
            GoType::String => "string",
            GoType::Bytes => "[]uint8",
            GoType::ListAny => "[]interface {}",
            GoType::ListString => "[]string",
            GoType::ListInt => "[]int",
            GoType::ListListAny => "[][]interface {}",
            GoType::ListMapAny => "[]map[string]interface {}",
            GoType::MapAny => "map[string]interface {}",
            GoType::MapString => "map[string]string",
            GoType::Values => "common.Values",
            GoType::Duration => "time.Duration",
            GoType::Error => "error",
            GoType::Named(name) => name,
        }
    }

    /// The static type of a slice's or map's elements; `None` for other types.
    pub fn element(self) -> Option<GoType> {
        match self {
            GoType::ListAny | GoType::MapAny | GoType::Values => Some(GoType::Any),
            GoType::ListString | GoType::MapString => Some(GoType::String),
            GoType::ListInt => Some(GoType::Int),
            GoType::ListListAny => Some(GoType::ListAny),
            GoType::ListMapAny => Some(GoType::MapAny),
            GoType::Bytes => Some(GoType::Uint8),
            _ => None,
        }
    }
}

/// Values nest as deep as a template likes to build them; freeing them must not overflow the stack.
impl Drop for List {
    fn drop(&mut self) {
        if let Some(items) = Rc::get_mut(&mut self.items)
            && !items.is_empty()
        {
            deep(|| items.clear());
        }
    }
}

impl Drop for MapRef {
    fn drop(&mut self) {
        if let Some(entries) = Rc::get_mut(&mut self.entries)
            && !entries.get_mut().is_empty()
        {
            deep(|| entries.get_mut().clear());
        }
    }
}

/// Stack that must be left before a recursive step; below that a new segment is allocated.
const RED_ZONE: usize = 128 * 1024;
/// Size of a new segment.
const SEGMENT: usize = 2 * 1024 * 1024;

/// Runs one step of a recursion over values or nodes, on a new stack segment where the present one is nearly used up.
pub fn deep<R>(step: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, SEGMENT, step)
}

impl Val {
    /// The value's own (dynamic) Go type, as `%T` prints it; `<nil>` for nil.
    pub fn type_name(&self) -> &'static str {
        match self {
            Val::Nil => "<nil>",
            Val::Bool(_) => "bool",
            Val::Int(_, ty) | Val::Uint(_, ty) | Val::Float(_, ty) => ty.name(),
            Val::Complex(..) => "complex128",
            Val::Str(_) => "string",
            Val::Bytes(_) => "[]uint8",
            Val::List(list) => list.ty.name(),
            Val::Map(map) => map.ty.name(),
            Val::Object(object) => object.type_name(),
        }
    }

    /// Go's kind of the value, as `kindOf` prints it; `invalid` for nil.
    pub fn kind(&self) -> &'static str {
        match self {
            Val::Nil => "invalid",
            Val::Bool(_) => "bool",
            Val::Int(_, GoType::Duration) => "int64",
            Val::Int(_, GoType::Named(_)) => "int",
            Val::Int(_, ty) | Val::Uint(_, ty) | Val::Float(_, ty) => ty.name(),
            Val::Complex(..) => "complex128",
            Val::Str(_) => "string",
            Val::Bytes(_) | Val::List(_) => "slice",
            Val::Map(_) => "map",
            Val::Object(object) => object.kind(),
        }
    }

    /// `string`
    pub fn str(text: impl Into<GoStr>) -> Val {
        Val::Str(text.into())
    }

    /// Go's nil `[]uint8`: empty, and `null` in JSON (a file that is not there).
    pub fn nil_bytes() -> Val {
        Val::Bytes(NIL_BYTES.with(Rc::clone))
    }

    /// Whether this is a nil `[]uint8` rather than an empty one.
    pub fn is_nil_bytes(&self) -> bool {
        matches!(self, Val::Bytes(bytes) if NIL_BYTES.with(|nil| Rc::ptr_eq(nil, bytes)))
    }

    /// `int`
    pub fn int(number: i64) -> Val {
        Val::Int(number, GoType::Int)
    }

    /// `int64`
    pub fn int64(number: i64) -> Val {
        Val::Int(number, GoType::Int64)
    }

    /// `float64`
    pub fn float(number: f64) -> Val {
        Val::Float(number, GoType::Float64)
    }

    /// `[]interface {}`
    pub fn list(items: Vec<Val>) -> Val {
        Val::List(List { ty: GoType::ListAny, items: Rc::new(items) })
    }

    /// `[]string`
    pub fn strings(items: Vec<Val>) -> Val {
        Val::List(List { ty: GoType::ListString, items: Rc::new(items) })
    }

    /// `map[string]interface {}`
    pub fn map(entries: BTreeMap<GoStr, Val>) -> Val {
        Val::Map(MapRef { ty: GoType::MapAny, entries: Rc::new(RefCell::new(entries)) })
    }

    /// The running form of plain data: a deep copy (scalars share their bytes).
    pub fn from_value(value: &Value) -> Val {
        match value {
            Value::Null => Val::Nil,
            Value::Bool(flag) => Val::Bool(*flag),
            Value::Int(number) => Val::int64(*number),
            Value::Uint(number) => Val::Uint(*number, GoType::Uint64),
            Value::Float(number) => Val::float(*number),
            Value::String(text) => Val::Str(text.clone()),
            Value::List(items) => Val::list(items.iter().map(Val::from_value).collect()),
            Value::Map(map) => Val::map(map.iter().map(|(k, v)| (k.clone(), Val::from_value(v))).collect()),
        }
    }

    /// The plain form, as JSON would show it.
    pub fn to_value(&self) -> Value {
        match self {
            Val::Nil => Value::Null,
            Val::Bool(flag) => Value::Bool(*flag),
            Val::Int(number, _) => Value::Int(*number),
            Val::Uint(number, _) => Value::Uint(*number),
            Val::Float(number, _) => Value::Float(*number),
            Val::Complex(..) => Value::Null, // json refuses it; callers check first
            Val::Str(text) => Value::String(text.clone()),
            bytes if bytes.is_nil_bytes() => Value::Null,
            Val::Bytes(bytes) => {
                use base64::Engine as _;
                Value::from(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
            Val::List(list) if list.is_nil() => Value::Null,
            Val::Map(map) if map.is_nil() => Value::Null,
            Val::List(list) => Value::List(list.items.iter().map(Val::to_value).collect()),
            Val::Map(map) => {
                Value::Map(map.entries.borrow().iter().map(|(k, v)| (k.clone(), v.to_value())).collect())
            }
            Val::Object(object) => object.to_value(),
        }
    }
}
