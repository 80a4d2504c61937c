//! The schemas of schemas, as json-schema.org publishes them.

use super::document::Document;
use std::sync::OnceLock;

/// Path below json-schema.org and text.
const TEXTS: [(&str, &str); 19] = [
    ("draft-04/schema", include_str!("metaschemas/draft-04/schema")),
    ("draft-06/schema", include_str!("metaschemas/draft-06/schema")),
    ("draft-07/schema", include_str!("metaschemas/draft-07/schema")),
    ("draft/2019-09/schema", include_str!("metaschemas/draft/2019-09/schema")),
    ("draft/2019-09/meta/applicator", include_str!("metaschemas/draft/2019-09/meta/applicator")),
    ("draft/2019-09/meta/content", include_str!("metaschemas/draft/2019-09/meta/content")),
    ("draft/2019-09/meta/core", include_str!("metaschemas/draft/2019-09/meta/core")),
    ("draft/2019-09/meta/format", include_str!("metaschemas/draft/2019-09/meta/format")),
    ("draft/2019-09/meta/meta-data", include_str!("metaschemas/draft/2019-09/meta/meta-data")),
    ("draft/2019-09/meta/validation", include_str!("metaschemas/draft/2019-09/meta/validation")),
    ("draft/2020-12/schema", include_str!("metaschemas/draft/2020-12/schema")),
    ("draft/2020-12/meta/applicator", include_str!("metaschemas/draft/2020-12/meta/applicator")),
    ("draft/2020-12/meta/content", include_str!("metaschemas/draft/2020-12/meta/content")),
    ("draft/2020-12/meta/core", include_str!("metaschemas/draft/2020-12/meta/core")),
    ("draft/2020-12/meta/format-annotation", include_str!("metaschemas/draft/2020-12/meta/format-annotation")),
    ("draft/2020-12/meta/format-assertion", include_str!("metaschemas/draft/2020-12/meta/format-assertion")),
    ("draft/2020-12/meta/meta-data", include_str!("metaschemas/draft/2020-12/meta/meta-data")),
    ("draft/2020-12/meta/unevaluated", include_str!("metaschemas/draft/2020-12/meta/unevaluated")),
    ("draft/2020-12/meta/validation", include_str!("metaschemas/draft/2020-12/meta/validation")),
];

/// The document under a URL at json-schema.org.
pub(super) fn find(url: &str) -> Option<&'static Document> {
    static DOCUMENTS: [OnceLock<Option<Document>>; TEXTS.len()] = [const { OnceLock::new() }; TEXTS.len()];
    let path = url.strip_prefix("http://json-schema.org/").or_else(|| url.strip_prefix("https://json-schema.org/"))?;
    let path = if path == "schema" { "draft/2020-12/schema" } else { path };
    let place = TEXTS.iter().position(|(known, _)| *known == path)?;
    let load = || {
        let scheme = if path.starts_with("draft/") { "https" } else { "http" };
        let json = super::json::parse(TEXTS[place].1.as_bytes()).ok()?;
        Document::new(&format!("{scheme}://json-schema.org/{path}"), json).ok()
    };
    DOCUMENTS[place].get_or_init(load).as_ref()
}
