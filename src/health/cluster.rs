//! What the cluster itself is made of: namespaces, definitions, aggregated APIs.

use super::{
    Health,
    read::{Reader, because, quote},
};

/// Namespaces.
pub(super) fn namespace(read: &Reader<'_>) -> Health {
    match read.text("/status/phase").unwrap_or("Active") {
        "Terminating" => {
            let why = terminating_namespace(read).map(|why| format!(": {why}")).unwrap_or_default();
            Health::progressing("Terminating", format!("it is being emptied{why}"))
        }
        _ => Health::healthy("it is active"),
    }
}

/// What holds a namespace that is to go: its own conditions say it best.
pub(super) fn terminating_namespace(read: &Reader<'_>) -> Option<String> {
    if read.text("/kind") != Some("Namespace") {
        return None;
    }
    let held: Vec<String> = [
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
    ]
    .iter()
    .filter_map(|kind| read.condition_is(kind, "True"))
    .map(|condition| quote(condition.message))
    .collect();
    (!held.is_empty()).then(|| held.join("; "))
}

/// Definitions of kinds.
pub(super) fn definition(read: &Reader<'_>) -> Health {
    if let Some(names) = read.condition_is("NamesAccepted", "False") {
        return Health::failed(true, names.reason, format!("its names are taken{}", because(names.message)));
    }
    match read.condition("Established") {
        Some(condition) if condition.status == "True" => Health::healthy("its kind is served"),
        Some(condition) if condition.status == "False" && condition.reason != "Installing" => {
            Health::failed(true, condition.reason, format!("its kind cannot be served{}", because(condition.message)))
        }
        _ => Health::progressing("Installing", "its kind is not served yet"),
    }
}

/// Aggregated APIs.
pub(super) fn api_service(read: &Reader<'_>) -> Health {
    match read.condition("Available") {
        Some(condition) if condition.status == "True" => Health::healthy("it answers"),
        Some(condition) => Health::progressing(condition.reason, format!("it does not answer{}", because(condition.message))),
        None => Health::progressing("NotChecked", "nobody has asked it yet"),
    }
}
