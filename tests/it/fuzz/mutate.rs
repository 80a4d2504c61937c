//! Seeds with changes: bytes choose the seed and what becomes of it.

/// How long an input may become.
const MAX_INPUT: usize = 64 << 10;
/// How many changes one input gets, at most.
const MAX_CHANGES: usize = 12;

/// Pieces that parsers stumble over.
const PIECES: &[&str] = &[
    "{{", "}}", "{{-", "-}}", "{{/*", "*/}}", "{{ end }}", "{{ range $i, $e := . }}", "{{ define \"x\" }}", "{{ template \"x\" . }}", "{{ include \"x\" . }}",
    "{{ tpl . . }}", "{{ break }}", "{{ else }}", "|", "(", ")", "`", "\"", "'", "\\", "$", ":=", ".Values", "nil", "0x", "1e999", "-9223372036854775808",
    "18446744073709551616", "\u{0}", "\u{feff}", "\u{2028}", "é", "𝕏", "\t", "\r\n", "\n---\n", "...", "- ", "? ", ": ", "&a ", "*a ", "<<: *a\n", "!!binary ",
    "!<tag> ", "%YAML 1.1\n", "|2-\n", ">+\n", "[", "]", "{", "}", ",", "#", "a.b[0].c=", "=", "[99999999]", "{a,b}", "**", "[^", "\\x", "(?i)", "{1000}",
    "null", "true", "~", ".inf", "2001-01-01", "0o17", "1_000", "\u{7f}", "ENC[AES256_GCM,data:", ",iv:", ",type:str]", "sops", "\"$ref\": \"#\"",
    "repeat 100 ", "until 1000 ", "printf \"%[3]*.*d\" ", "regexReplaceAll ", "toYaml ", "fromJson ", "dict ", "list ", "index ", "slice ",
];

struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> usize {
        self.0.next().copied().unwrap_or(0).into()
    }

    fn below(&mut self, bound: usize) -> usize {
        ((self.byte() << 16) | (self.byte() << 8) | self.byte()) % bound.max(1)
    }
}

/// One input.
pub fn mutated(seeds: &[Vec<u8>], choices: &[u8]) -> Vec<u8> {
    let mut choices = Choices(choices.iter());
    let mut input = seeds[choices.below(seeds.len())].clone();
    input.truncate(MAX_INPUT);
    for _ in 0..choices.byte() % MAX_CHANGES {
        let at = choices.below(input.len() + 1);
        let end = (at + choices.byte()).min(input.len());
        match choices.byte() % 9 {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (choices.byte() % 8);
                }
            }
            1 => drop(input.drain(at..end)),
            2 => {
                let copy = input[at..end].to_vec();
                let to = choices.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            3 => {
                // A piece of another seed.
                let other = &seeds[choices.below(seeds.len())];
                let from = choices.below(other.len() + 1);
                let piece = other[from..(from + choices.byte()).min(other.len())].to_vec();
                input.splice(at..end, piece);
            }
            4 => input.truncate(at),
            5 => {
                let byte = choices.byte() as u8;
                input.insert(at, byte);
            }
            6 => {
                // The same again and again: nesting.
                let copy = input[at..end].to_vec();
                let times = 1 + choices.byte();
                input.splice(at..at, copy.iter().copied().cycle().take(copy.len() * times));
            }
            _ => {
                let piece = PIECES[choices.below(PIECES.len())];
                input.splice(at..at, piece.bytes());
            }
        }
        input.truncate(MAX_INPUT);
    }
    input
}
