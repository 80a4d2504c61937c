//! Go's `fmt` for template values: `Print`, `Println` and `Printf` with every verb and flag (`fmt/print.go`).

use super::{
    GoType, Object, Printing, Val, deep, duration,
    fmt_verb::{Flags, LOWER, UPPER},
    utf8,
};
use std::rc::Rc;

/// The longest text that one call prints. helm would go on until the machine's memory is gone.
const MAX_PRINTED: usize = 64 << 20;
/// How deep values may nest. A map can contain itself; helm dies of printing one.
const MAX_DEPTH: usize = 10_000;
/// The largest width and precision: Go's `tooLarge`.
const MAX_NUMBER: i64 = 1_000_000;

/// Why a value was not printed.
pub type Refused = &'static str;

/// `fmt.Fprint`: appends the values, with a space between two that are no strings.
pub fn append_print(out: &mut Vec<u8>, args: &[Val]) -> Result<(), Refused> {
    let mut printer = Printer::new(out);
    let mut after_string = false;
    for (index, arg) in args.iter().enumerate() {
        let is_string = matches!(arg, Val::Str(_));
        if index > 0 && !is_string && !after_string {
            printer.out.push(b' ');
        }
        printer.print_arg(arg, 'v');
        after_string = is_string;
    }
    printer.done()
}

/// `fmt.Fprintln`: appends the values, with a space between them and a newline at the end.
pub fn append_println(out: &mut Vec<u8>, args: &[Val]) -> Result<(), Refused> {
    let mut printer = Printer::new(out);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            printer.out.push(b' ');
        }
        printer.print_arg(arg, 'v');
    }
    printer.out.push(b'\n');
    printer.done()
}

/// `fmt.Fprintf`: appends the values as the format says.
pub fn append_printf(out: &mut Vec<u8>, format: &[u8], args: &[Val]) -> Result<(), Refused> {
    let mut printer = Printer::new(out);
    printer.printf(format, args);
    printer.done()
}

/// `fmt.Sprint`, for messages.
pub fn sprint(args: &[Val]) -> String {
    let mut out = Vec::new();
    match append_print(&mut out, args) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(why) => why.to_owned(),
    }
}

/// `fmt.Sprintf(format, value)` of a `reflect.Value`: no value prints as `<invalid reflect.Value>`.
pub fn sprintf_reflect(verb: char, val: &Val) -> String {
    if let Val::Nil = val {
        return "<invalid reflect.Value>".into();
    }
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out);
    printer.print_arg(val, verb);
    String::from_utf8_lossy(&out).into_owned()
}

/// `fmt.Sprintf("%v", value)` of a `reflect.Value` after pointers were followed.
pub fn sprint_pointed(val: &Val) -> String {
    match val {
        Val::Object(object) if object.kind() == "ptr" => {
            let mut out = Vec::new();
            Printer::new(&mut out).structure(object, 'v', 0);
            String::from_utf8_lossy(&out).into_owned()
        }
        val => sprintf_reflect('v', val),
    }
}

/// Appends what `{{ value }}` writes: types whose pointers have `String()` print through it.
pub fn append_addressable(out: &mut Vec<u8>, val: &Val) -> Result<(), Refused> {
    match val {
        Val::Object(object) if object.printing() == Printing::ByPointer => {
            out.extend_from_slice(object.display().as_bytes());
            Ok(())
        }
        // The executor follows a pointer before it prints.
        Val::Object(object) if object.kind() == "ptr" && object.printing() == Printing::Parts => {
            let mut printer = Printer::new(out);
            printer.structure(object, 'v', 0);
            printer.done()
        }
        val => append_print(out, std::slice::from_ref(val)),
    }
}

struct Printer<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    flags: Flags,
    /// Inside `%!verb(…)`, where methods are not called.
    erroring: bool,
    refused: Option<Refused>,
}

impl<'o> Printer<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Printer { out, start, flags: Flags::default(), erroring: false, refused: None }
    }

    fn done(self) -> Result<(), Refused> {
        self.refused.map_or(Ok(()), Err)
    }

    /// Whether to stop, because there is too much already.
    fn full(&mut self) -> bool {
        if self.out.len() - self.start > MAX_PRINTED {
            self.refused = Some("the printed text would be longer than 64 MiB");
        }
        self.refused.is_some()
    }

    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// `%!verb(type=value)`
    fn bad_verb(&mut self, val: &Val, verb: char) {
        self.erroring = true;
        self.write("%!");
        utf8::push(self.out, verb);
        self.out.push(b'(');
        match val {
            Val::Nil => self.write("<nil>"),
            val => {
                self.write(val.type_name());
                self.out.push(b'=');
                self.print_arg(val, 'v');
            }
        }
        self.out.push(b')');
        self.erroring = false;
    }

    fn print_arg(&mut self, arg: &Val, verb: char) {
        match (arg, verb) {
            (Val::Nil, 'T' | 'v') => self.flags.pad(self.out, b"<nil>"),
            (Val::Nil, _) => self.bad_verb(arg, verb),
            (_, 'T') => self.flags.string(self.out, arg.type_name().as_bytes()),
            (_, 'p') => self.pointer(arg, 'p'),
            (Val::Map(_) | Val::List(_) | Val::Object(_), 'w') => self.bad_verb(arg, verb),
            _ => self.print_value(arg, verb, 0),
        }
    }

    fn print_value(&mut self, val: &Val, verb: char, depth: usize) {
        if self.full() {
            return;
        }
        if depth > MAX_DEPTH {
            self.refused = Some("the value nests too deep to print, or contains itself");
            return;
        }
        match val {
            Val::Nil if self.flags.sharp_v => self.write("interface {}(nil)"),
            Val::Nil => self.write("<nil>"),
            Val::Bool(flag) => match verb {
                't' | 'v' => self.flags.boolean(self.out, *flag),
                _ => self.bad_verb(val, verb),
            },
            Val::Int(number, ty) => match named_number(*number, *ty) {
                Some(name) if !self.erroring && !self.flags.sharp_v && stringable(verb) => {
                    self.string(val, name.as_bytes(), verb);
                }
                _ => self.integer(val, *number as u64, true, verb),
            },
            Val::Uint(number, _) => self.integer(val, *number, false, verb),
            Val::Float(number, ty) => self.float(val, *number, if *ty == GoType::Float32 { 32 } else { 64 }, verb),
            Val::Complex(real, imaginary) => self.complex(val, *real, *imaginary, verb),
            Val::Str(text) => self.string(val, text, verb),
            Val::Bytes(bytes) => self.bytes(val, bytes, verb, depth),
            Val::List(list) => {
                let nil = list.is_nil();
                self.sequence(list.ty.name(), nil, verb, depth, |index| list.items.get(index).cloned());
            }
            Val::Map(map) => {
                let entries: Vec<_> =
                    map.entries.borrow().iter().map(|(k, v)| (Val::Str(k.clone()), v.clone())).collect();
                self.mapping(map.ty.name(), map.is_nil(), &entries, verb, depth);
            }
            Val::Object(object) => self.object(val, object, verb, depth),
        }
    }

    fn object(&mut self, val: &Val, object: &Rc<dyn Object>, verb: char, depth: usize) {
        if object.printing() == Printing::Own && !self.erroring && !self.flags.sharp_v && stringable(verb) {
            let text = object.display();
            self.string(val, text.as_bytes(), verb);
            return;
        }
        if self.flags.sharp_v
            && !self.erroring
            && let Some(text) = object.go_syntax()
        {
            self.flags.string(self.out, text.as_bytes());
            return;
        }
        let name = object.type_name();
        match (object.kind(), object.items(), object.entries()) {
            ("slice" | "array", Some(items), _) => {
                self.sequence(name, false, verb, depth, |index| items.get(index).cloned());
            }
            ("map", _, Some(entries)) => {
                let entries: Vec<_> = entries.into_iter().map(|(k, v)| (Val::Str(k), v)).collect();
                self.mapping(name, false, &entries, verb, depth);
            }
            ("ptr", ..) if depth == 0 => {
                self.out.push(b'&');
                self.structure(object, verb, depth + 1);
            }
            ("struct", ..) => self.structure(object, verb, depth),
            _ => self.pointer(val, verb),
        }
    }

    /// `{a b}`, `{name:a …}`
    fn structure(&mut self, object: &Rc<dyn Object>, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.write(object.type_name().trim_start_matches('*'));
        }
        self.out.push(b'{');
        for (index, (name, field)) in object.fields().iter().enumerate() {
            if index > 0 {
                self.write(if self.flags.sharp_v { ", " } else { " " });
            }
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(name);
                self.out.push(b':');
            }
            deep(|| self.print_value(field, verb, depth + 1));
        }
        self.out.push(b'}');
    }

    fn sequence(&mut self, ty: &str, nil: bool, verb: char, depth: usize, item: impl Fn(usize) -> Option<Val>) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(ty);
            if nil {
                self.write("(nil)");
                return;
            }
        }
        self.out.push(if sharp { b'{' } else { b'[' });
        for (index, val) in (0..).map_while(|index| item(index).map(|val| (index, val))) {
            if index > 0 {
                self.write(if sharp { ", " } else { " " });
            }
            deep(|| self.print_value(&val, verb, depth + 1));
            if self.full() {
                return;
            }
        }
        self.out.push(if sharp { b'}' } else { b']' });
    }

    fn mapping(&mut self, ty: &str, nil: bool, entries: &[(Val, Val)], verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.write(ty);
            if nil {
                self.write("(nil)");
                return;
            }
        }
        self.write(if sharp { "{" } else { "map[" });
        for (index, (key, val)) in entries.iter().enumerate() {
            if index > 0 {
                self.write(if sharp { ", " } else { " " });
            }
            self.print_value(key, verb, depth + 1);
            self.out.push(b':');
            deep(|| self.print_value(val, verb, depth + 1));
            if self.full() {
                return;
            }
        }
        self.out.push(if sharp { b'}' } else { b']' });
    }

    fn integer(&mut self, val: &Val, number: u64, signed: bool, verb: char) {
        let (flags, out) = (self.flags, &mut *self.out);
        match verb {
            'v' if flags.sharp_v && !signed => {
                Flags { sharp: true, ..flags }.integer(out, number, 16, false, 'v', LOWER);
            }
            'v' | 'd' => flags.integer(out, number, 10, signed, verb, LOWER),
            'b' => flags.integer(out, number, 2, signed, verb, LOWER),
            'o' | 'O' => flags.integer(out, number, 8, signed, verb, LOWER),
            'x' => flags.integer(out, number, 16, signed, verb, LOWER),
            'X' => flags.integer(out, number, 16, signed, verb, UPPER),
            'c' => flags.character(out, number),
            'q' => flags.quoted_character(out, number),
            'U' => flags.unicode(out, number),
            _ => self.bad_verb(val, verb),
        }
    }

    fn float(&mut self, val: &Val, number: f64, bits: u32, verb: char) {
        let (flags, out) = (self.flags, &mut *self.out);
        match verb {
            'v' => flags.float(out, number, bits, b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => flags.float(out, number, bits, verb as u8, None),
            'f' | 'e' | 'E' => flags.float(out, number, bits, verb as u8, Some(6)),
            'F' => flags.float(out, number, bits, b'f', Some(6)),
            _ => self.bad_verb(val, verb),
        }
    }

    fn complex(&mut self, val: &Val, real: f64, imaginary: f64, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            self.bad_verb(val, verb);
            return;
        }
        let plus = self.flags.plus;
        self.out.push(b'(');
        self.float(val, real, 64, verb);
        self.flags.plus = true; // the imaginary part always has a sign
        self.float(val, imaginary, 64, verb);
        self.write("i)");
        self.flags.plus = plus;
    }

    fn string(&mut self, val: &Val, text: &[u8], verb: char) {
        let (flags, out) = (self.flags, &mut *self.out);
        match verb {
            'v' if flags.sharp_v => flags.quoted(out, text),
            'v' | 's' => flags.string(out, text),
            'x' => flags.hex_string(out, text, LOWER),
            'X' => flags.hex_string(out, text, UPPER),
            'q' => flags.quoted(out, text),
            _ => self.bad_verb(val, verb),
        }
    }

    fn bytes(&mut self, val: &Val, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            's' | 'x' | 'X' | 'q' => self.string(val, bytes, verb),
            _ => {
                let ty = if depth == 0 && matches!(verb, 'v' | 'd') { "[]byte" } else { "[]uint8" };
                let byte = |index: usize| bytes.get(index).map(|byte| Val::Uint(u64::from(*byte), GoType::Uint8));
                self.sequence(ty, val.is_nil_bytes(), verb, depth, byte);
            }
        }
    }

    /// `%p` and functions: an address. Go's differ from run to run as well.
    fn pointer(&mut self, val: &Val, verb: char) {
        let address = match val {
            Val::Map(map) => Rc::as_ptr(&map.entries) as usize,
            Val::List(list) => Rc::as_ptr(&list.items) as usize,
            Val::Bytes(bytes) => Rc::as_ptr(bytes) as *const u8 as usize,
            Val::Object(object) if matches!(object.kind(), "ptr" | "func" | "map" | "slice" | "chan") => {
                Rc::as_ptr(object) as *const u8 as usize
            }
            _ => return self.bad_verb(val, verb),
        } as u64;
        match verb {
            'v' if self.flags.sharp_v => {
                self.write(&format!("({})(", val.type_name()));
                Flags { sharp: true, ..self.flags }.integer(self.out, address, 16, false, 'v', LOWER);
                self.out.push(b')');
            }
            'v' | 'p' => {
                let sharp = !self.flags.sharp;
                Flags { sharp, ..self.flags }.integer(self.out, address, 16, false, 'v', LOWER);
            }
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer(val, address, false, verb),
            _ => self.bad_verb(val, verb),
        }
    }

    fn printf(&mut self, format: &[u8], args: &[Val]) {
        let mut directive = Directive { format, at: 0, arg: 0, reordered: false, good: true };
        while let Some(percent) = format[directive.at..].iter().position(|byte| *byte == b'%') {
            self.out.extend_from_slice(&format[directive.at..directive.at + percent]);
            directive.at += percent + 1;
            if self.full() {
                return;
            }
            if !self.directive(&mut directive, args) {
                return;
            }
        }
        self.out.extend_from_slice(&format[directive.at..]);
        self.extra(&directive, args);
    }

    /// One verb. False: the format ended.
    fn directive(&mut self, directive: &mut Directive<'_>, args: &[Val]) -> bool {
        self.flags = Flags::default();
        directive.good = true;
        while let Some(byte) = directive.peek() {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            directive.at += 1;
        }
        let after_index = self.width(directive, args);
        let after_index = self.precision(directive, args, after_index);
        if !after_index {
            directive.index(args.len());
        }
        if directive.at >= directive.format.len() {
            self.write("%!(NOVERB)");
            self.extra(directive, args);
            return false;
        }
        let (verb, width) = utf8::decode(&directive.format[directive.at..]);
        directive.at += width;
        match args.get(directive.arg) {
            _ if verb == '%' => self.out.push(b'%'),
            _ if !directive.good => self.complain(verb, "(BADINDEX)"),
            None => self.complain(verb, "(MISSING)"),
            Some(arg) => {
                if matches!(verb, 'v' | 'w') {
                    self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                    self.flags.plus_v = std::mem::take(&mut self.flags.plus);
                }
                self.print_arg(arg, verb);
                directive.arg += 1;
            }
        }
        true
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.write("%!");
        utf8::push(self.out, verb);
        self.write(what);
    }

    /// An index and a width. Returns whether an index came last.
    fn width(&mut self, directive: &mut Directive<'_>, args: &[Val]) -> bool {
        let after_index = directive.index(args.len());
        if directive.peek() == Some(b'*') {
            directive.at += 1;
            match directive.star(args) {
                None => self.write("%!(BADWIDTH)"),
                Some(width) => {
                    self.flags.width = Some(width.unsigned_abs() as usize);
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                }
            }
            return false;
        }
        self.flags.width = directive.number();
        if after_index && self.flags.width.is_some() {
            directive.good = false; // "%[3]2d"
        }
        after_index
    }

    fn precision(&mut self, directive: &mut Directive<'_>, args: &[Val], mut after_index: bool) -> bool {
        if directive.peek() != Some(b'.') || directive.at + 1 >= directive.format.len() {
            return after_index;
        }
        directive.at += 1;
        if after_index {
            directive.good = false; // "%[3].2d"
        }
        after_index = directive.index(args.len());
        if directive.peek() == Some(b'*') {
            directive.at += 1;
            self.flags.precision = directive.star(args).and_then(|number| usize::try_from(number).ok());
            if self.flags.precision.is_none() {
                self.write("%!(BADPREC)");
            }
            return false;
        }
        self.flags.precision = Some(directive.number().unwrap_or(0));
        after_index
    }

    /// `%!(EXTRA type=value, …)`
    fn extra(&mut self, directive: &Directive<'_>, args: &[Val]) {
        if directive.reordered || directive.arg >= args.len() {
            return;
        }
        self.flags = Flags::default();
        self.write("%!(EXTRA ");
        for (index, arg) in args[directive.arg..].iter().enumerate() {
            if index > 0 {
                self.write(", ");
            }
            match arg {
                Val::Nil => self.write("<nil>"),
                arg => {
                    self.write(arg.type_name());
                    self.out.push(b'=');
                    self.print_arg(arg, 'v');
                }
            }
        }
        self.out.push(b')');
    }
}

/// Where `printf` stands in its format and arguments.
struct Directive<'f> {
    format: &'f [u8],
    at: usize,
    arg: usize,
    /// An index was used.
    reordered: bool,
    /// The last index was a good one.
    good: bool,
}

impl Directive<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// Go's `parsenum`: digits up to `MAX_NUMBER`; a larger number swallows the rest of the format.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let so_far = number.unwrap_or(0);
            if so_far > MAX_NUMBER as usize {
                self.at = self.format.len();
                return None;
            }
            number = Some(so_far * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// `[n]`: returns whether there was one.
    fn index(&mut self, count: usize) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 3);
        let Some(close) = close else {
            self.good = false;
            self.at += 1;
            return false;
        };
        let mut inner = Directive { format: &rest[..close], at: 1, arg: 0, reordered: false, good: true };
        let number = inner.number().filter(|_| inner.at == close);
        self.at += close + 1;
        match number {
            Some(number) if (1..=count).contains(&number) => {
                self.arg = number - 1;
                true
            }
            other => {
                self.good = false;
                other.is_some()
            }
        }
    }

    /// The argument for `*`, if it is a fit integer.
    fn star(&mut self, args: &[Val]) -> Option<i64> {
        let arg = args.get(self.arg)?;
        self.arg += 1;
        let number = match arg {
            Val::Int(number, _) => *number,
            Val::Uint(number, _) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-MAX_NUMBER..=MAX_NUMBER).contains(&number).then_some(number)
    }
}

/// The verbs for which fmt asks a type's own `String()`.
fn stringable(verb: char) -> bool {
    matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
}

/// The text of a number whose type has `String()`.
fn named_number(number: i64, ty: GoType) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ];
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    match ty {
        GoType::Duration => Some(duration::show(number)),
        GoType::Named("time.Month") => {
            let name = usize::try_from(number - 1).ok().and_then(|place| MONTHS.get(place));
            Some(name.map_or_else(|| format!("%!Month({number})"), |name| (*name).to_owned()))
        }
        GoType::Named("time.Weekday") => {
            let name = usize::try_from(number).ok().and_then(|place| DAYS.get(place));
            Some(name.map_or_else(|| format!("%!Weekday({number})"), |name| (*name).to_owned()))
        }
        _ => None,
    }
}
