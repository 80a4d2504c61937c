//! Lines of `KEY=value`, as sops writes and reads them (`stores/dotenv/store.go`).

use crate::yaml::Ordered;

/// Reads them; comments are passed over, as no MAC covers them.
pub(super) fn read(text: &str) -> Result<Ordered, String> {
    let mut pairs = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| format!("line {} has no =", at + 1))?;
        pairs.push((key.to_owned(), Ordered::Text(value.replace("\\n", "\n"))));
    }
    Ok(Ordered::Map(pairs))
}

/// Writes them.
pub(super) fn write(tree: &Ordered) -> Vec<u8> {
    let mut text = String::new();
    if let Ordered::Map(pairs) = tree {
        for (key, value) in pairs {
            let value = String::from_utf8_lossy(&super::tree::bytes_of(value)).replace('\n', "\\n");
            text.push_str(&format!("{key}={value}\n"));
        }
    }
    text.into_bytes()
}
