//! What an execution may do: its options and its bounds.

/// What a missing map key is (Go's `missingkey` option).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// No value at all: `<no value>`.
    Invalid,
    /// The zero value of the map's element type (`missingkey=zero`), Helm's choice.
    Zero,
    /// An error (`missingkey=error`), as with `helm --strict`.
    Error,
}

/// How templates run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What a missing map key is.
    pub missing_key: MissingKey,
    /// `helm lint`: `required` and `fail` do not fail.
    pub lint: bool,
    /// Take `<no value>` out of the output, as Helm does.
    pub erase_no_value: bool,
}

impl Options {
    /// As `helm template` runs them.
    pub const HELM: Options = Options { missing_key: MissingKey::Zero, lint: false, erase_no_value: true };
    /// As Go runs them when nothing is said.
    pub const GO: Options = Options { missing_key: MissingKey::Invalid, lint: false, erase_no_value: false };
}

/// The bounds of one execution. helm has the first two; without the others a template could run or grow for ever.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep `{{template}}` may nest: Go's `maxExecDepth`.
    pub depth: usize,
    /// How deep one name may `include` itself: Helm's `recursionMaxNums`.
    pub include: usize,
    /// How deep `tpl` may nest.
    pub tpl: usize,
    /// How many nodes and loop passes may be executed.
    pub steps: u64,
    /// How long the output may grow, in bytes.
    pub output: usize,
    /// How many bytes of values all functions together may produce.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 100_000, include: 1000, tpl: 1000, steps: 500_000_000, output: 256 << 20, values: 4 << 30 }
    }
}
