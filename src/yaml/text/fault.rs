//! Why a text is no YAML, and Go's words for it.

/// A refusal by the reader, the scanner or the parser. Lines count from 0, as libyaml's marks do.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::yaml) enum Fault {
    /// The bytes are not text that YAML allows. Go gives no line here.
    Reader(&'static str),
    /// No token starts or ends like this.
    Scanner { context: usize, line: usize, problem: String },
    /// The tokens do not follow one another like this.
    Parser { context: usize, line: usize, problem: &'static str },
    /// The composer or decoder refused; the whole text.
    Other(String),
}

impl Fault {
    /// Go's text, with its peculiar line numbers (`decode.go`, `parser.fail`): the scanner's count from 1, the parser's
    /// from 0, and line 0 is not shown.
    pub(in crate::yaml) fn text(&self) -> String {
        let (line, problem) = match self {
            Fault::Reader(problem) => (0, *problem),
            Fault::Other(text) => return text.clone(),
            Fault::Scanner { line, problem, .. } if *line != 0 => (line + 1, problem.as_str()),
            Fault::Scanner { context, problem, .. } => (*context, problem.as_str()),
            Fault::Parser { line, problem, .. } if *line != 0 => (*line, *problem),
            Fault::Parser { context, problem, .. } => (*context, *problem),
        };
        match line {
            0 => format!("yaml: {problem}"),
            _ => format!("yaml: line {line}: {problem}"),
        }
    }
}
