//! `package`

use super::Bench;

#[test]
fn archives_are_those_of_helm() {
    let bench = Bench::new();
    bench.chart("shop", "shop", "1.2.3+build.5", "appVersion: \"7\"\nkeywords: [a, b]\nmaintainers: [{name: Ann, email: ann@example.com}]\nannotations: {k: v}\n");
    bench.write("shop/.helmignore", "*.bak\n");
    bench.write("shop/old.bak", "x");
    bench.write("shop/values.schema.json", "{\"type\": \"object\"}");
    bench.write("shop/crds/crd.yaml", "kind: x\n");
    bench.write(&format!("shop/templates/{}/{}.yaml", "d".repeat(90), "long".repeat(10)), "# long path\n");
    bench.write(&format!("shop/files/{}.txt", "very-long-name-".repeat(12)), "too long for USTAR\n");
    bench.write("shop/files/überschrift.txt", "not ASCII\n");
    bench.chart("shop/charts/child", "child", "0.1.0", "");
    let ended = bench.fine(&["package", "shop"]);
    assert_eq!(ended.out, "Successfully packaged chart and saved it to: TOP/work/shop-1.2.3+build.5.tgz\n");
    bench.fine(&["package", "shop", "--version", "2.0.0", "--app-version", "9", "-d", "out/deep"]);
    bench.same_files("out");
    bench.same_files(".");
    // An archive in charts/ keeps its own times.
    bench.fine(&["package", "shop/charts/child", "-d", "parent/charts"]);
    bench.chart("parent", "parent", "1.0.0", "");
    bench.fine(&["package", "parent", "-d", "out"]);
    bench.same_files("out");
}

#[test]
fn one_time_for_all_files_makes_the_same_archive() {
    let bench = Bench::new();
    bench.chart("shop", "shop", "1.0.0", "dependencies: [{name: child, version: 0.1.0, repository: \"file://../child\"}]\n");
    bench.chart("child", "child", "0.1.0", "");
    bench.fine(&["dependency", "update", "shop"]);
    let epoch = [("SOURCE_DATE_EPOCH", "1600000000")];
    assert_eq!(bench.both_with(&["package", "shop", "-d", "out"], &epoch).code, Some(0));
    bench.same_files("out");
    for bad in ["x", "-1", "99999999999999999999"] {
        assert_eq!(bench.both_with(&["package", "shop"], &[("SOURCE_DATE_EPOCH", bad)]).code, Some(1));
    }
}

#[test]
fn what_helm_does_not_package_is_refused_with_its_words() {
    let bench = Bench::new();
    bench.chart("shop", "shop", "1.0.0", "dependencies: [{name: child, version: 0.1.0, repository: \"https://charts.example.com\"}]\n");
    bench.chart("plain", "plain", "1.0.0", "");
    bench.write("file.txt", "x");
    bench.chart("schema", "schema", "1.0.0", "");
    bench.write("schema/values.schema.json", "{");
    bench.refused(&["package"]);
    bench.refused(&["package", "nowhere"]);
    bench.refused(&["package", "shop"]);
    bench.refused(&["package", "plain", "--version", "not a version"]);
    bench.refused(&["package", "plain", "-d", "file.txt"]);
    bench.refused(&["package", "schema"]);
}
