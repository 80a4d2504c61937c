//! Whether a commit is signed by a key of a list: the commit itself, or a tag that names it.

use git2::{ObjectType, Oid};

use super::credentials::Credentials;
use super::remote::Link;
use super::sign::{Distrust, Keyring, split_tag};
use super::{CommitId, Door, GitCache, GitSpec};
use crate::sources::SourceError;

/// What has to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The commit.
    Commit,
    /// An annotated tag that names the commit.
    Tag,
    /// Either.
    CommitOrTag,
}

/// How many tags of one commit are looked at.
const MAX_TAGS: usize = 20;

impl GitCache {
    /// Who signed a commit that is already in the cache.
    ///
    /// # Errors
    /// It is not signed by a key of the list; or its tags cannot be fetched.
    pub fn signer(&self, spec: &GitSpec, creds: &Credentials, commit: CommitId, keys: &Keyring, what: Signed) -> Result<String, SourceError> {
        let door = self.door(spec, creds)?;
        let short = |oid: Oid| oid.to_string().chars().take(7).collect::<String>();
        let mut found = Vec::new();
        if what != Signed::Tag {
            match self.commit_signer(&door, commit.0, keys)? {
                Ok(who) => return Ok(who),
                Err(why) => found.push((format!("the commit {}", short(commit.0)), why)),
            }
        }
        if what != Signed::Commit {
            let tags = self.tags_of(&door, commit.0)?;
            if tags.is_empty() {
                found.push((format!("no annotated tag names the commit {}; it", short(commit.0)), Distrust::Unsigned));
            }
            for (name, text) in tags {
                let checked = match split_tag(&text) {
                    Some((signature, signed)) => keys.check(signature, signed),
                    None => Err(Distrust::Unsigned),
                };
                match checked {
                    Ok(who) => return Ok(who),
                    Err(why) => found.push((format!("the tag {name}"), why)),
                }
            }
        }
        let words = |(what, why): &(String, Distrust)| match why {
            Distrust::Unsigned => format!("{what} is not signed"),
            Distrust::Foreign(who) => format!("{what} is signed by {who}"),
            Distrust::Wrong(how) => format!("{what}: {how}"),
        };
        let why = found.iter().map(words).collect::<Vec<_>>().join("; ");
        let unsigned = found.iter().all(|(_, why)| *why == Distrust::Unsigned);
        Err(SourceError::Untrusted { url: door.url.shown(), branch: door.branch, why, unsigned })
    }

    fn commit_signer(&self, door: &Door, commit: Oid, keys: &Keyring) -> Result<Result<String, Distrust>, SourceError> {
        let slot = self.slot(&door.url);
        self.with_repo(&slot, &door.url, |repo| {
            Ok(match repo.extract_signature(&commit, None) {
                Ok((signature, text)) => keys.check(&signature, &text),
                Err(_) => Err(Distrust::Unsigned),
            })
        })
    }

    /// Names and texts of the annotated tags that name a commit.
    fn tags_of(&self, door: &Door, commit: Oid) -> Result<Vec<(String, Vec<u8>)>, SourceError> {
        let slot = self.slot(&door.url);
        let link = Link { url: &door.url, creds: &door.creds, limits: &self.limits };
        let listed = link.tags(&self.dir.join("scratch.git"))?;
        let naming: Vec<&String> = listed.iter().filter(|(name, oid)| name.ends_with("^{}") && **oid == commit).map(|(name, _)| name).take(MAX_TAGS).collect();
        self.with_repo(&slot, &door.url, |repo| {
            let mut tags = Vec::new();
            for name in &naming {
                let name = name.trim_end_matches("^{}");
                let Some(oid) = listed.get(name).copied() else { continue };
                if repo.find_tag(oid).is_err() {
                    link.fetch(repo, &[&format!("+refs/tags/{name}:refs/windlass/tags/{name}")], 1)?;
                }
                // The list is the server's word; the object itself says which commit it names.
                let Ok(tag) = repo.find_tag(oid) else { continue };
                let odb = repo.odb().map_err(|e| super::remote::Failure::Damaged(e.message().into()))?;
                if tag.target_id() == commit
                    && let Ok(object) = odb.read(oid)
                    && object.kind() == ObjectType::Tag
                {
                    tags.push((name.to_string(), object.data().to_vec()));
                }
            }
            Ok(tags)
        })
    }
}
