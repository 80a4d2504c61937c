//! Reads files out of a commit's tree: links inside it are followed, links out of it refused, every size bounded.

use git2::{ErrorClass, ObjectType, Oid, Repository, Tree};

use super::remote::Failure;
use super::submodules;
use crate::sources::{SourceError, SourceFile};

/// Bounds of what one snapshot may hold in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeLimits {
    /// Files and folders below the chart's path.
    pub max_files: usize,
    /// Bytes of one file.
    pub max_file: u64,
    /// Bytes of all files together.
    pub max_total: u64,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self { max_files: 10_000, max_file: 32 << 20, max_total: 100 << 20 }
    }
}

const MAX_LINKS: usize = 40;
const MAX_DEPTH: usize = 64;
const MAX_TARGET: u64 = 4096;
const MODE_LINK: i32 = 0o120000;
const MODE_SUBMODULE: i32 = 0o160000;
const MODE_TREE: i32 = 0o040000;

/// Gives the tree of a submodule's commit, or the error that says why not.
pub trait Submodules {
    /// `name` is the submodule's path in its parent, `path` what was to be read.
    fn open(&self, parent: &Reader<'_>, name: &str, commit: Oid, path: &str) -> Result<(Repository, Oid), Failure>;
}

/// One commit of one repository, and where it came from for messages.
pub struct Reader<'a> {
    /// The repository that holds it.
    pub repo: Repository,
    /// The commit.
    pub commit: Oid,
    /// Masked URL.
    pub url: String,
    /// Branch, for messages.
    pub branch: String,
    /// Bounds.
    pub limits: &'a TreeLimits,
    /// What to do about submodules.
    pub submodules: &'a dyn Submodules,
}

/// What a path leads to when every link on the way is followed.
enum Node {
    Blob(Oid),
    Tree(Oid),
    Submodule { name: String, commit: Oid, rest: String },
}

struct Budget {
    files: usize,
    bytes: u64,
}

impl Reader<'_> {
    /// All files below `path` (`""` is the whole tree), sorted by path.
    pub fn files(&self, path: &str) -> Result<Vec<SourceFile>, Failure> {
        let mut out = Vec::new();
        let mut budget = Budget { files: 0, bytes: 0 };
        self.collect(path, "", 0, &mut budget, &mut out)?;
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    /// One file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        match self.resolve(path)? {
            Node::Blob(oid) => self.blob(oid, path, &mut Budget { files: 0, bytes: 0 }),
            Node::Tree(_) => Err(self.missing(path, "it is a directory, not a file".into())),
            Node::Submodule { name, commit, rest } => self.inside(&name, commit, path)?.read(&rest),
        }
    }

    /// Short form of the commit for messages.
    pub fn short(&self) -> String {
        self.commit.to_string().chars().take(10).collect()
    }

    fn collect(&self, path: &str, prefix: &str, depth: usize, budget: &mut Budget, out: &mut Vec<SourceFile>) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(self.too_large(format!("the depth of folders at {path:?}"), MAX_DEPTH.to_string(), "flatten the folders").into());
        }
        let tree = match self.resolve(path)? {
            Node::Blob(oid) if depth > 0 => return self.add(oid, path, prefix, budget, out),
            Node::Blob(_) => return Err(self.missing(path, "it is a file, not a directory".into())),
            // Folders count too: links can show one folder in many places.
            Node::Tree(oid) => self.count(budget).map(|()| oid).and_then(|oid| self.tree(oid))?,
            Node::Submodule { name, commit, rest } => {
                return self.inside(&name, commit, path)?.collect(&rest, prefix, depth, budget, out);
            }
        };
        for entry in tree.iter() {
            let name = entry.name().map_err(|_| self.missing(path, "a file name in it is not UTF-8".into()))?;
            let (at, shown) = (join(path, name), join(prefix, name));
            match entry.filemode() {
                MODE_TREE | MODE_LINK | MODE_SUBMODULE => self.collect(&at, &shown, depth + 1, budget, out)?,
                _ => self.add(entry.id(), &at, &shown, budget, out)?,
            }
        }
        Ok(())
    }

    fn add(&self, oid: Oid, at: &str, shown: &str, budget: &mut Budget, out: &mut Vec<SourceFile>) -> Result<(), Failure> {
        self.count(budget)?;
        let bytes = self.blob(oid, at, budget)?;
        out.push(SourceFile { path: shown.to_string(), bytes });
        Ok(())
    }

    fn count(&self, budget: &mut Budget) -> Result<(), Failure> {
        budget.files += 1;
        if budget.files <= self.limits.max_files {
            return Ok(());
        }
        let (what, limit) = ("the number of files and folders below the chart's path".to_string(), self.limits.max_files.to_string());
        Err(self.too_large(what, limit, "set source.git.path to the chart's own directory").into())
    }

    /// Looks at the size before anything is unpacked.
    fn blob(&self, oid: Oid, path: &str, budget: &mut Budget) -> Result<Vec<u8>, Failure> {
        let odb = self.repo.odb().map_err(damage)?;
        let (size, _) = odb.read_header(oid).map_err(damage)?;
        let size = size as u64;
        let fix = "keep large files out of the chart's directory";
        if size > self.limits.max_file {
            return Err(self.too_large(format!("the size of {path:?}"), mib(self.limits.max_file), fix).into());
        }
        budget.bytes += size;
        if budget.bytes > self.limits.max_total {
            return Err(self.too_large("the size of all files below the chart's path".into(), mib(self.limits.max_total), fix).into());
        }
        let object = odb.read(oid).map_err(damage)?;
        match object.kind() {
            ObjectType::Blob => Ok(object.data().to_vec()),
            _ => Err(Failure::Damaged(format!("{oid} is not a file"))),
        }
    }

    /// Walks `path` part by part from the root, as a kernel would, and follows links on the way.
    fn resolve(&self, path: &str) -> Result<Node, Failure> {
        let mut rest: Vec<String> = parts(path).rev().collect();
        let mut at: Vec<(String, Oid)> = Vec::new();
        let root = self.repo.find_commit(self.commit).map_err(damage)?.tree_id();
        let mut links = 0;
        let mut last = Node::Tree(root);
        while let Some(part) = rest.pop() {
            if part == ".." {
                // Only links have these: the path itself was checked at the door.
                if at.pop().is_none() {
                    return Err(self.link(path, "..", "which is outside of the repository"));
                }
                last = Node::Tree(at.last().map_or(root, |(_, oid)| *oid));
                continue;
            }
            let Node::Tree(tree) = last else { return Err(self.missing(path, "a part of it is a file".into())) };
            let tree = self.tree(tree)?;
            let Some(entry) = tree.get_name(&part) else { return Err(self.missing(path, nearest(&at, &tree))) };
            let here = at.iter().map(|(name, _)| name.as_str()).chain([part.as_str()]).collect::<Vec<_>>().join("/");
            match entry.filemode() {
                MODE_TREE => {
                    last = Node::Tree(entry.id());
                    at.push((part, entry.id()));
                }
                MODE_SUBMODULE => {
                    rest.reverse();
                    return Ok(Node::Submodule { name: here, commit: entry.id(), rest: rest.join("/") });
                }
                MODE_LINK => {
                    links += 1;
                    let target = self.target(entry.id(), &here)?;
                    if links > MAX_LINKS {
                        return Err(self.link(&here, &target, "which leads round in a circle"));
                    }
                    self.follow(&here, &target, at.len(), &mut rest)?;
                    last = Node::Tree(at.last().map_or(root, |(_, oid)| *oid));
                }
                _ => last = Node::Blob(entry.id()),
            }
        }
        Ok(last)
    }

    /// Puts a link's target before what is left of the path; refuses it when it leaves the tree.
    fn follow(&self, here: &str, target: &str, depth: usize, rest: &mut Vec<String>) -> Result<(), Failure> {
        if target.starts_with('/') {
            return Err(self.link(here, target, "which is an absolute path"));
        }
        let mut level = depth;
        for part in parts(target) {
            match (part.as_str(), level) {
                ("..", 0) => return Err(self.link(here, target, "which is outside of the repository")),
                ("..", _) => level -= 1,
                _ => level += 1,
            }
        }
        rest.extend(parts(target).rev());
        Ok(())
    }

    fn target(&self, oid: Oid, here: &str) -> Result<String, Failure> {
        let (size, _) = self.repo.odb().and_then(|odb| odb.read_header(oid)).map_err(damage)?;
        let blob = self.repo.find_blob(oid).map_err(damage)?;
        match std::str::from_utf8(blob.content()) {
            Ok(target) if size as u64 <= MAX_TARGET && !target.is_empty() => Ok(target.to_string()),
            _ => Err(self.link(here, "?", "which is no path")),
        }
    }

    fn tree(&self, oid: Oid) -> Result<Tree<'_>, Failure> {
        self.repo.find_tree(oid).map_err(damage)
    }

    fn inside(&self, name: &str, commit: Oid, path: &str) -> Result<Reader<'_>, Failure> {
        let (repo, commit) = self.submodules.open(self, name, commit, path)?;
        let url = format!("{} (submodule {name})", self.url);
        Ok(Reader { repo, commit, url, branch: self.branch.clone(), limits: self.limits, submodules: &submodules::None })
    }

    fn missing(&self, path: &str, nearest: String) -> Failure {
        let (url, branch, commit) = (self.url.clone(), self.branch.clone(), self.short());
        SourceError::PathMissing { url, branch, commit, path: path.into(), nearest }.into()
    }

    fn link(&self, path: &str, target: &str, why: &'static str) -> Failure {
        let (url, commit) = (self.url.clone(), self.short());
        SourceError::Link { url, commit, path: path.into(), target: target.into(), why }.into()
    }

    fn too_large(&self, what: String, limit: String, fix: &'static str) -> SourceError {
        SourceError::TooLarge { url: self.url.clone(), what, limit, fix }
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_string)
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_string() } else { format!("{dir}/{name}") }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// What the deepest existing directory on the way has, so that a typing error shows itself.
fn nearest(at: &[(String, Oid)], tree: &Tree<'_>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<String> = tree.iter().take(SHOWN).filter_map(|e| e.name().ok().map(str::to_string)).collect();
    let more = if tree.len() > SHOWN { ", …" } else { "" };
    let place = match at {
        [] => "the repository".to_string(),
        _ => at.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/"),
    };
    match names.as_slice() {
        [] => format!("{place} is empty"),
        _ => format!("{place} has {}{more}", names.join(", ")),
    }
}

/// An object that should be there is not, or is broken: the cache's fault.
fn damage(error: git2::Error) -> Failure {
    let class = if error.class() == ErrorClass::None { String::new() } else { format!("{:?}: ", error.class()) };
    Failure::Damaged(format!("{class}{}", error.message()))
}
