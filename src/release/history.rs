//! Which record counts: the newest, the live one, the last good one, and which are dropped (`pkg/storage/storage.go`).

use super::{Head, Status};

/// The newest record.
pub fn last(heads: &[Head]) -> Option<&Head> {
    heads.iter().max_by_key(|head| head.version)
}

/// The newest record that is `deployed`; should several be, the latest is meant (helm's `Deployed`).
pub fn last_deployed(heads: &[Head]) -> Option<&Head> {
    heads.iter().filter(|head| head.status == Status::Deployed).max_by_key(|head| head.version)
}

/// The record an upgrade starts from (`prepareUpgrade`): the live one, else the newest if it failed or was superseded.
pub fn current(heads: &[Head]) -> Option<&Head> {
    last_deployed(heads).or_else(|| last(heads).filter(|head| matches!(head.status, Status::Failed | Status::Superseded)))
}

/// The newest record that was live once (`deployed` or `superseded`), other than `not`: where a rollback goes to.
pub fn latest_good(heads: &[Head], not: u32) -> Option<&Head> {
    heads
        .iter()
        .filter(|head| head.version != not && matches!(head.status, Status::Deployed | Status::Superseded))
        .max_by_key(|head| head.version)
}

/// Which versions go so that one more record fits within `limit` (helm's `removeLeastRecent(name, limit - 1)`; 0 is no
/// limit). The last deployed one always stays.
pub fn least_recent(heads: &[Head], limit: usize) -> Vec<u32> {
    if limit == 0 || heads.len() < limit {
        return Vec::new();
    }
    let keep = last_deployed(heads).map(|head| head.version);
    let mut versions: Vec<u32> = heads.iter().map(|head| head.version).collect();
    versions.sort_unstable();
    versions.into_iter().filter(|version| Some(*version) != keep).take(heads.len() - (limit - 1)).collect()
}
