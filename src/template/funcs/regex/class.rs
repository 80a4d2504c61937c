//! Character classes of Go's regexp/syntax (Go 1.26, Unicode 15): Perl, POSIX and Unicode groups, case folding.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, HirKind};

/// Adds `low..=high` to a class. Go's runes include the surrogates, which no text contains: they fall away.
pub(super) fn add(class: &mut ClassUnicode, low: u32, high: u32) {
    let low = if (0xD800..0xE000).contains(&low) { 0xE000 } else { low };
    let high = if (0xD800..0xE000).contains(&high) { 0xD7FF } else { high };
    if let (Some(start), Some(end)) = (char::from_u32(low), char::from_u32(high))
        && low <= high
    {
        class.push(ClassUnicodeRange::new(start, end));
    }
}

/// A class of these ranges.
fn of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(start, end)| ClassUnicodeRange::new(start, end)))
}

/// Closes a class under simple case folding.
pub(super) fn fold(class: &mut ClassUnicode) {
    // Fails only where regex-syntax is built without its folding tables; then nothing folds.
    let _ = class.try_case_fold_simple();
}

/// The class with case folded where the flag says so, and negated where the sign does.
fn finish(mut class: ClassUnicode, folded: bool, negated: bool) -> ClassUnicode {
    if folded {
        fold(&mut class);
    }
    if negated {
        class.negate();
    }
    class
}

/// `\d \s \w` and their complements, by the letter after the backslash.
pub(super) fn perl(letter: u8, folded: bool) -> Option<ClassUnicode> {
    let class = match letter | 0x20 {
        b'd' => of(&[('0', '9')]),
        b's' => of(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
        b'w' => of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    Some(finish(class, folded, letter.is_ascii_uppercase()))
}

/// `[:alpha:]` and its like, by the name between the colons; `^` before it negates.
pub(super) fn posix(name: &[u8], folded: bool) -> Option<ClassUnicode> {
    let (negated, name) = match name.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let class = match name {
        b"alnum" => of(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        b"alpha" => of(&[('A', 'Z'), ('a', 'z')]),
        b"ascii" => of(&[('\0', '\x7f')]),
        b"blank" => of(&[('\t', '\t'), (' ', ' ')]),
        b"cntrl" => of(&[('\0', '\x1f'), ('\x7f', '\x7f')]),
        b"digit" => of(&[('0', '9')]),
        b"graph" => of(&[('!', '~')]),
        b"lower" => of(&[('a', 'z')]),
        b"print" => of(&[(' ', '~')]),
        b"punct" => of(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        b"space" => of(&[('\t', '\r'), (' ', ' ')]),
        b"upper" => of(&[('A', 'Z')]),
        b"word" => of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        b"xdigit" => of(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        _ => return None,
    };
    Some(finish(class, folded, negated))
}

/// `\p{Name}`: a category, one of its aliases, or a script; `None` for names that Go does not know.
pub(super) fn unicode(name: &str, folded: bool, negated: bool) -> Option<ClassUnicode> {
    let name = canonical(name);
    if name == "Any" {
        return Some(finish(of(&[('\0', char::MAX)]), folded, negated));
    }
    if name == "Ascii" {
        return Some(finish(of(&[('\0', '\x7f')]), folded, negated));
    }
    // Text holds no surrogates, and regex-syntax has no such class.
    if name == "Cs" || name == "Surrogate" {
        return Some(finish(ClassUnicode::empty(), folded, negated));
    }
    if name == "Assigned" {
        return Some(finish(assigned()?, folded, negated));
    }
    if !CATEGORIES.contains(&name.as_str()) && !SCRIPTS.split_ascii_whitespace().any(|script| script == name) {
        return None;
    }
    let mut class = property(&name)?;
    let known = assigned()?;
    match name.as_str() {
        "C" | "Other" | "Cn" | "Unassigned" => {
            let mut unknown = known;
            unknown.negate();
            class.union(&unknown);
        }
        _ => class.intersect(&known),
    }
    Some(finish(class, folded, negated))
}

/// What Unicode 15.0, the version of Go 1.26's tables, has assigned.
fn assigned() -> Option<ClassUnicode> {
    property("Age=15.0")
}

fn property(name: &str) -> Option<ClassUnicode> {
    let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class),
        // A class of one character is a literal.
        HirKind::Literal(literal) => {
            let only = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(of(&[(only, only)]))
        }
        _ => None,
    }
}

/// Go's `canonicalName`: first letter in upper case, the others in lower case, no underscores, spaces and hyphens.
fn canonical(name: &str) -> String {
    let kept: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect::<String>();
    let mut letters = kept.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + &letters.as_str().to_ascii_lowercase(),
        None => kept,
    }
}

/// Go's `unicode.Categories` and `unicode.CategoryAliases`, canonical.
const CATEGORIES: &[&str] = &[
    "C", "Casedletter", "Cc", "Cf", "Closepunctuation", "Cn", "Cntrl", "Co", "Combiningmark", "Connectorpunctuation",
    "Control", "Currencysymbol", "Dashpunctuation", "Decimalnumber", "Digit", "Enclosingmark", "Finalpunctuation",
    "Format", "Initialpunctuation", "L", "Lc", "Letter", "Letternumber", "Lineseparator", "Ll", "Lm", "Lo",
    "Lowercaseletter", "Lt", "Lu", "M", "Mark", "Mathsymbol", "Mc", "Me", "Mn", "Modifierletter", "Modifiersymbol", "N",
    "Nd", "Nl", "No", "Nonspacingmark", "Number", "Openpunctuation", "Other", "Otherletter", "Othernumber",
    "Otherpunctuation", "Othersymbol", "P", "Paragraphseparator", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Privateuse", "Ps",
    "Punct", "Punctuation", "S", "Sc", "Separator", "Sk", "Sm", "So", "Spaceseparator", "Spacingmark", "Symbol",
    "Titlecaseletter", "Unassigned", "Uppercaseletter", "Z", "Zl", "Zp", "Zs",
];

/// Go's `unicode.Scripts`, without those of more than one word: Go 1.25 and later look them up without their
/// underscores and so never find them.
const SCRIPTS: &str = "\
    Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Carian \
    Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Dogra Duployan Elbasan \
    Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana \
    Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Lisu Lycian \
    Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Medefaidrin Miao Modi Mongolian Mro Multani Myanmar \
    Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra \
    Sharada Shavian Siddham Sinhala Sogdian Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu \
    Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Yezidi Yi";
