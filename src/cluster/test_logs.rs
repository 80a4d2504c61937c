//! The last tests of a release with their logs, kept beside the release records. Logs may quote secrets: they are kept in a Secret.

use super::{ApiError, Records};
use crate::app::TestStatus;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The Secret's type.
const TYPE: &str = "windlass.dev/tests";
/// What it says of itself.
const ABOUT: &str = "the last test results of this release, with the ends of their logs: see `windlass test --last --logs`";
/// How many bytes of one log are kept, from its end.
const MAX_LOG: usize = 64 << 10;
/// How many bytes of all logs together.
const MAX_LOGS: usize = 512 << 10;

/// Tests that ran, each with the end of its log.
pub type Ran = Vec<(TestStatus, String)>;

impl Records {
    /// Keeps the results of the last tests, in place of those before.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn keep_tests(&self, number: u64, ran: &Ran) -> Result<(), ApiError> {
        let reference = self.tests();
        let mut left = MAX_LOGS;
        let rows = ran.iter().map(|(test, log)| {
            let log = end(log, MAX_LOG.min(left));
            left -= log.len();
            json!({ "test": test, "log": log })
        });
        let text = json!({ "release": number, "tests": rows.collect::<Vec<_>>() }).to_string();
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": TYPE,
            "metadata": {
                "name": reference.name, "namespace": reference.namespace, "labels": { "app.kubernetes.io/managed-by": "windlass" },
                "annotations": { "windlass.dev/about": ABOUT },
            },
            "data": { "tests.json": STANDARD.encode(text) },
        });
        let cluster = self.cluster().terse();
        match cluster.create(&secret).await {
            Err(error) if error.is_conflict() => {
                let old = cluster.get(&reference).await?;
                secret["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
                cluster.replace(&secret, "").await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// The last tests and the release that they ran on; `None` where none are kept.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn kept_tests(&self) -> Result<Option<(u64, Ran)>, ApiError> {
        match self.cluster().get(&self.tests()).await {
            Ok(secret) => Ok(read(&secret)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read(secret: &Value) -> Option<(u64, Ran)> {
    let text = STANDARD.decode(secret["data"]["tests.json"].as_str()?).ok()?;
    let kept: Value = serde_json::from_slice(&text).ok()?;
    let row = |row: &Value| Some((serde_json::from_value(row["test"].clone()).ok()?, row["log"].as_str()?.to_owned()));
    Some((kept["release"].as_u64()?, kept["tests"].as_array()?.iter().filter_map(row).collect()))
}

/// The end of a text, from a line's beginning where there is one.
fn end(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut from = text.len() - limit;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let rest = &text[from..];
    rest.split_once('\n').map_or(rest, |(_, lines)| lines)
}

#[cfg(test)]
mod tests {
    use super::end;

    #[test]
    fn logs_are_cut_at_lines_and_characters() {
        assert_eq!(end("one\ntwo\n", 100), "one\ntwo\n");
        assert_eq!(end("one\ntwo\n", 6), "two\n");
        assert_eq!(end("äöü", 3), "ü");
        assert_eq!(end("abc", 0), "");
    }
}
