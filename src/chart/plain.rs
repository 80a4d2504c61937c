//! Plain manifests as a chart: a folder of YAML files without Chart.yaml becomes a release all the same.

use super::{SourceFile, gopath};

/// The version of a chart that has none.
pub const VERSION: &str = "0.0.0";

/// The files of a folder as a chart called `name`: every YAML and JSON file a template that renders to its own text.
///
/// # Errors
/// There is a chart further down, or nothing that could be a manifest.
pub fn as_chart(files: Vec<SourceFile>, name: &str) -> Result<Vec<SourceFile>, String> {
    // Whoever names the folder above a chart does not mean its templates and values as manifests.
    if let Some(chart) = files.iter().find(|file| gopath::base(&file.path) == "Chart.yaml") {
        let folder = chart.path.strip_suffix("/Chart.yaml").unwrap_or_default();
        return Err(format!("there is no Chart.yaml in it, but one in \"{folder}\" below it: set source.git.path to the chart's own folder"));
    }
    if let Some(file) = files.iter().find(|file| matches!(gopath::base(&file.path), "kustomization.yaml" | "kustomization.yml")) {
        return Err(format!("{} is kustomize's, which windlass does not run: commit what `kustomize build` prints, or make it a chart", file.path));
    }
    // What a chart's author wrote for values is no manifest: it would be released with its actions as text.
    let templates = files.iter().any(|file| file.path.starts_with("templates/"));
    if templates && files.iter().any(|file| file.path == "values.yaml" || gopath::extension(&file.path) == ".tpl") {
        return Err("there is no Chart.yaml in it, though it holds a chart's templates and values: put Chart.yaml back".to_owned());
    }
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
    let manifest = |path: &str| [".yaml", ".yml", ".json"].contains(&gopath::extension(path)) && !hidden(path);
    let mut chart: Vec<SourceFile> = files.into_iter().filter(|file| manifest(&file.path)).map(template).collect();
    if chart.is_empty() {
        return Err("there is no Chart.yaml in it, and no YAML or JSON file either: set source.git.path to a chart's folder or to one of manifests".to_owned());
    }
    let text = format!("apiVersion: v2\nname: {name}\nversion: {VERSION}\ndescription: Plain manifests\n");
    chart.insert(0, SourceFile { path: "Chart.yaml".to_owned(), bytes: text.into_bytes().into() });
    Ok(chart)
}

/// Whether a chart's files were made by [`as_chart`].
pub fn is_plain(files: &[SourceFile]) -> bool {
    let chart = files.iter().find(|file| file.path == "Chart.yaml");
    chart.is_some_and(|file| file.bytes.ends_with(b"\ndescription: Plain manifests\n"))
}

/// A template that prints the file as it is: what opens an action becomes the text of one. A name that begins with an
/// underscore would be a partial, which helm does not print.
fn template(file: SourceFile) -> SourceFile {
    let bytes = match bstr::ByteSlice::find(&*file.bytes, b"{{") {
        Some(_) => bstr::ByteSlice::replace(&*file.bytes, b"{{", b"{{\"{{\"}}").into(),
        None => file.bytes,
    };
    let path = file.path.split('/').map(|part| part.strip_prefix('_').unwrap_or(part)).collect::<Vec<_>>().join("/");
    SourceFile { path: format!("templates/{path}"), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Log, load_files};
    use crate::render::{Options, render};
    use crate::template::funcs::Host;
    use crate::value::{Map, Value};

    struct Nobody;

    impl Host for Nobody {
        fn now(&self) -> i128 {
            0
        }
        fn zone(&self) -> String {
            "UTC".into()
        }
        fn random(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
        fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
            Ok(Value::Null)
        }
        fn resolve(&self, _: &str) -> String {
            String::new()
        }
    }

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), bytes: text.as_bytes().into() }
    }

    #[test]
    fn a_chart_that_lost_its_chart_yaml_is_no_folder_of_manifests() {
        let files = vec![file("values.yaml", "a: 1\n"), file("templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")];
        assert!(as_chart(files, "lost").unwrap_err().contains("put Chart.yaml back"));
    }

    #[test]
    fn manifests_come_out_as_they_went_in() {
        let alert = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  text: '{{- $labels.pod }} {{/* no comment */}} {{ \"{{\" }}'\n";
        let files = vec![file("a/alert.yaml", alert), file("_b.yml", "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"), file("README.md", "#"), file(".ci.yaml", "x: 1")];
        let files = as_chart(files, "plain").unwrap();
        assert!(is_plain(&files));
        let chart = load_files(files, &mut Log::default()).unwrap();
        let rendered = render(&chart, &Map::new(), &Options::default(), &Nobody, &mut Log::default()).unwrap();
        let texts: Vec<&str> = rendered.manifests.iter().map(|manifest| manifest.text.trim_end()).collect();
        assert_eq!(texts, ["apiVersion: v1\nkind: Secret\nmetadata: {name: b}", alert.trim_end()]);
    }

    #[test]
    fn a_folder_above_a_chart_is_refused() {
        let why = |files: Vec<SourceFile>| as_chart(files, "x").unwrap_err();
        assert!(why(vec![file("deploy/chart/Chart.yaml", ""), file("ci.yaml", "")]).contains("one in \"deploy/chart\" below it"));
        assert!(why(vec![file("kustomization.yaml", "")]).contains("kustomize"));
        assert!(why(vec![file("main.go", "")]).contains("no YAML or JSON file"));
    }
}
