//! Whether a branch moved on or was rewritten, told from as little history as will do.

use std::collections::BTreeSet;

use git2::{Oid, Repository};

use super::History;
use super::remote::Failure;

/// Depths at which a shallow copy is looked through before a commit counts as rewritten.
pub const STEPS: [i32; 2] = [50, 1000];
/// Commits looked at, whatever the depth.
const MAX_WALK: usize = 200_000;

/// How `head` follows `previous`; `deepen` fetches the branch to a depth.
pub fn history(
    repo: &Repository,
    can_deepen: bool,
    previous: Option<Oid>,
    head: Oid,
    deepen: impl Fn(i32) -> Result<(), Failure>,
) -> Result<History, Failure> {
    let Some(previous) = previous else { return Ok(History::First) };
    if previous == head {
        return Ok(History::Same);
    }
    let mut steps = STEPS.iter();
    loop {
        match walk(repo, previous, head) {
            Walk::Found => return Ok(History::Advanced),
            Walk::Exhausted => return Ok(History::Rewritten),
            Walk::Unreadable => return Ok(History::Unknown),
            Walk::Boundary(_) if !can_deepen => return Ok(History::Unknown),
            Walk::Boundary(depth) => {
                // A step that is no deeper than what is here already would be fetched for nothing.
                let Some(step) = steps.find(|step| **step as usize > depth) else { return Ok(History::Rewritten) };
                match deepen(*step) {
                    Ok(()) => {}
                    Err(Failure::Damaged(why)) => return Err(Failure::Damaged(why)),
                    // The commit is here; that its past cannot be had is no reason to hold it back.
                    Err(Failure::Source(error)) => {
                        tracing::info!(%error, "could not tell whether the branch was rewritten");
                        return Ok(History::Unknown);
                    }
                }
            }
        }
    }
}

enum Walk {
    Found,
    /// The whole history was seen.
    Exhausted,
    /// Cut off at the shallow boundary, this many generations back.
    Boundary(usize),
    Unreadable,
}

/// Breadth first, so that the boundary's depth is known.
fn walk(repo: &Repository, wanted: Oid, head: Oid) -> Walk {
    // Opened anew: libgit2 keeps commits as it first read them, without the parents that a deeper fetch brought.
    let Ok(repo) = Repository::open_bare(repo.path()) else { return Walk::Unreadable };
    let shallow = shallow_roots(&repo);
    let mut seen = BTreeSet::from([head]);
    let mut level = vec![head];
    let mut cut = None;
    let mut depth = 0;
    while !level.is_empty() && seen.len() < MAX_WALK {
        depth += 1;
        let mut next = Vec::new();
        for oid in level {
            if oid == wanted {
                return Walk::Found;
            }
            let Ok(commit) = repo.find_commit(oid) else {
                cut = cut.or(Some(depth - 1));
                continue;
            };
            if shallow.contains(&oid) {
                cut = cut.or(Some(depth));
                continue;
            }
            next.extend(commit.parent_ids().filter(|parent| seen.insert(*parent)));
        }
        level = next;
    }
    match cut {
        Some(depth) => Walk::Boundary(depth),
        None if seen.len() >= MAX_WALK => Walk::Unreadable,
        None => Walk::Exhausted,
    }
}

fn shallow_roots(repo: &Repository) -> BTreeSet<Oid> {
    let text = std::fs::read_to_string(repo.path().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}
