//! Waits by a watch until all objects of a kind are as they should be: a list asked for again and again would cost the API server a
//! good part of what is measured.

use super::PHASE_LIMIT;
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::time::Instant;
use xtask::cluster::Api;

/// How long one watch stands, in seconds: between two of them the agent is looked after.
const WATCH_S: u32 = 5;

/// Waits until there is one object at the path of a collection in each of the namespaces and `done` holds for each; what is in other
/// namespaces does not count. `check` is called now and then.
///
/// # Errors
/// The API server's refusal, an error of `check`, or the limit of a phase: with one of the objects that are not done.
pub fn until_all(api: &Api, path: &str, namespaces: &[String], done: impl Fn(&Value) -> bool, mut check: impl FnMut() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    let namespaces: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    let ours = |item: &Value| item["metadata"]["namespace"].as_str().is_some_and(|namespace| namespaces.contains(namespace));
    loop {
        check()?;
        let list = api.get(path)?;
        let mut seen: BTreeMap<String, Value> = list["items"].as_array().into_iter().flatten().filter(|item| ours(item)).map(|item| (key(item), item.clone())).collect();
        let mut open = seen.values().filter(|item| !done(item)).count();
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let watch = format!("{path}?watch=1&resourceVersion={version}&timeoutSeconds={WATCH_S}");
        let answer = api.forward("GET", &watch, &[("accept", "application/json")], Vec::new())?;
        let mut events = BufReader::new(answer.into_body().into_reader()).lines();
        while seen.len() != namespaces.len() || open != 0 {
            let Some(line) = events.next() else { break };
            let event: Value = serde_json::from_str(&line?)?;
            let item = &event["object"];
            let before = match event["type"].as_str() {
                Some("DELETED") => seen.remove(&key(item)),
                Some("ERROR") => break,
                _ if !ours(item) => None,
                _ => {
                    open += usize::from(!done(item));
                    seen.insert(key(item), item.clone())
                }
            };
            open -= usize::from(before.is_some_and(|before| !done(&before)));
        }
        if seen.len() == namespaces.len() && open == 0 {
            return Ok(());
        }
        if begun.elapsed() > PHASE_LIMIT {
            let one = seen.values().find(|item| !done(item));
            bail!("{open} of {} objects at {path} are not done after {PHASE_LIMIT:?}; one is {}", seen.len(), one.unwrap_or(&Value::Null));
        }
    }
}

fn key(item: &Value) -> String {
    let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}
