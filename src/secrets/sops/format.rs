//! Which of sops's formats a file has: by its name, as sops itself tells (`cmd/sops/formats`).

/// sops's formats, without INI, which no chart reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.yaml`, `.yml`
    Yaml,
    /// `.json`
    Json,
    /// `.env`
    Dotenv,
    /// Anything else: the whole file is one value, in JSON.
    Binary,
}

impl Format {
    /// The format of a file of that name.
    pub fn of(name: &str) -> Format {
        let ends = |end: &str| name.ends_with(end);
        match () {
            () if ends(".yaml") || ends(".yml") => Format::Yaml,
            () if ends(".json") => Format::Json,
            () if ends(".env") => Format::Dotenv,
            () => Format::Binary,
        }
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Json => "JSON",
            Format::Dotenv => "dotenv",
            Format::Binary => "binary (JSON)",
        }
    }
}
