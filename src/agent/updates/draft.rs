//! From what is wanted to the files of a commit. Pure but for the reading that it is given.

use crate::{
    app::ChartVersionMode,
    template::semver::{Part, Version},
    yaml::edit::{self, Edit},
};
use std::collections::BTreeMap;

/// One image and where its tag is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// As in the spec.
    pub image: String,
    /// From the repository's top.
    pub file: String,
    /// `PATH` or `PATH=WHAT`.
    pub set: Vec<String>,
    /// The tag that is wanted.
    pub tag: String,
    /// Its digest.
    pub digest: String,
    /// The digest moves, the tag does not.
    pub moves: bool,
}

/// What a commit changes, for its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The image.
    pub image: String,
    /// What stood at the first path.
    pub from: String,
    /// What stands there now.
    pub to: String,
    /// The file.
    pub file: String,
}

/// Files with their new content, what changed, and the chart's new version (empty where it stays).
pub type Drafted = (Vec<(String, Vec<u8>)>, Vec<Change>, String);

/// Sets what is wanted in the files as they are; nothing where it stands there already.
///
/// # Errors
/// A file or a path in it is missing, or cannot be set: with file, line and path.
pub fn draft(
    targets: &[Target],
    chart: Option<&(String, ChartVersionMode)>,
    read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Option<Drafted>, String> {
    let mut files: BTreeMap<String, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
    let mut changes = Vec::new();
    for target in targets {
        if !files.contains_key(&target.file) {
            let content = read(&target.file).map_err(|why| format!("the image {}: {why}; check spec.images[].file", target.image))?;
            files.insert(target.file.clone(), (content.clone(), content));
        }
        let Some((_, content)) = files.get_mut(&target.file) else { continue };
        let edits = target.set.iter().map(|set| written(set, target)).collect::<Result<Vec<Edit>, String>>()?;
        let wrong = |error: edit::EditError| format!("setting {} in {}: {error}", target.image, target.file);
        let from = match edits.first() {
            Some(first) => edit::get(content, &first.path).map_err(wrong)?.unwrap_or_default(),
            None => String::new(),
        };
        let new = edit::set(content, &edits).map_err(wrong)?;
        if new != *content {
            *content = new;
            let to = edits.first().map(|edit| edit.value.clone()).unwrap_or_default();
            changes.push(Change { image: target.image.clone(), from, to, file: target.file.clone() });
        }
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let mut version = String::new();
    if let Some((path, mode)) = chart {
        // A values file may be Chart.yaml itself only by mistake; then both changes are kept.
        let content = match files.get(path) {
            Some((_, content)) => content.clone(),
            None => read(path)?,
        };
        let (new, bumped) = bump(&content, *mode).map_err(|why| format!("the chart's version in {path}: {why}"))?;
        version = bumped;
        files.entry(path.clone()).and_modify(|(_, content)| content.clone_from(&new)).or_insert((content, new));
    }
    let changed = files.into_iter().filter(|(_, (before, after))| before != after).map(|(path, (_, after))| (path, after));
    Ok(Some((changed.collect(), changes, version)))
}

/// From `PATH` or `PATH=WHAT` to what is written where.
fn written(set: &str, target: &Target) -> Result<Edit, String> {
    let (path, what) = set.rsplit_once('=').unwrap_or((set, if target.moves { "tag@digest" } else { "tag" }));
    let value = match what {
        "tag" => target.tag.clone(),
        "digest" => target.digest.clone(),
        "tag@digest" => format!("{}@{}", target.tag, target.digest),
        "image" if target.moves => format!("{}:{}@{}", target.image, target.tag, target.digest),
        "image" => format!("{}:{}", target.image, target.tag),
        other => return Err(format!("spec.images[].set \"{set}\": \"{other}\" is none of tag, digest, tag@digest, image")),
    };
    Ok(Edit { path: path.to_owned(), value })
}

/// The chart's version, one further.
fn bump(chart: &[u8], mode: ChartVersionMode) -> Result<(Vec<u8>, String), String> {
    let old = edit::get(chart, "version").map_err(|error| error.to_string())?.ok_or("there is none")?;
    let version = Version::parse(old.as_bytes()).map_err(|why| format!("\"{old}\": {why}"))?;
    let part = match mode {
        ChartVersionMode::Keep => return Ok((chart.to_vec(), old)),
        ChartVersionMode::Patch => Part::Patch,
        ChartVersionMode::Minor => Part::Minor,
    };
    let next = version.next(part)?;
    let next = format!("{}.{}.{}", next.major, next.minor, next.patch);
    let new = edit::set(chart, &[Edit { path: "version".into(), value: next.clone() }]).map_err(|error| error.to_string())?;
    Ok((new, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &str = "# values\nimage: {repository: r/web, tag: '1.0'} # here\njob:\n    tag: 1.0 # and here\n";
    const CHART: &str = "name: shop # ours\nversion: 1.2.3\n";

    fn read(path: &str) -> Result<Vec<u8>, String> {
        match path {
            "chart/values.yaml" => Ok(VALUES.into()),
            "chart/Chart.yaml" => Ok(CHART.into()),
            other => Err(format!("{other} is not there")),
        }
    }

    fn target(image: &str, set: &[&str], tag: &str) -> Target {
        Target { image: image.into(), file: "chart/values.yaml".into(), set: set.iter().map(|s| (*s).into()).collect(), tag: tag.into(), digest: "sha256:abc".into(), moves: false }
    }

    #[test]
    fn one_commit_for_several_images_and_the_chart() {
        let targets = [target("r/web", &["image.tag"], "1.1"), target("r/job", &["job.tag=tag@digest"], "2")];
        let chart = ("chart/Chart.yaml".to_owned(), ChartVersionMode::Minor);
        let (files, changes, version) = draft(&targets, Some(&chart), &read).unwrap().unwrap();
        assert_eq!(version, "1.3.0");
        let text = |at: usize| String::from_utf8(files[at].1.clone()).unwrap();
        assert_eq!(text(0), "name: shop # ours\nversion: 1.3.0\n");
        assert_eq!(text(1), "# values\nimage: {repository: r/web, tag: '1.1'} # here\njob:\n    tag: 2@sha256:abc # and here\n");
        let moved: Vec<_> = changes.iter().map(|c| (c.from.as_str(), c.to.as_str())).collect();
        assert_eq!(moved, [("1.0", "1.1"), ("1.0", "2@sha256:abc")]);
    }

    #[test]
    fn what_stands_there_is_no_commit() {
        let chart = ("chart/Chart.yaml".to_owned(), ChartVersionMode::Patch);
        assert_eq!(draft(&[target("r/web", &["image.tag"], "1.0")], Some(&chart), &read).unwrap(), None);
    }

    #[test]
    fn mistakes_are_named() {
        let why = |target: Target| draft(&[target], None, &read).unwrap_err();
        assert_eq!(why(target("r/web", &["image.tug"], "2")), "setting r/web in chart/values.yaml: line 2: image.tug is not there: image has no key \"tug\" (it has repository, tag)");
        assert!(why(target("r/web", &["image.tag=name"], "2")).contains("none of tag, digest"));
        let mut elsewhere = target("r/web", &["image.tag"], "2");
        elsewhere.file = "values-prod.yaml".into();
        assert!(why(elsewhere).contains("values-prod.yaml is not there; check spec.images[].file"));
    }
}
