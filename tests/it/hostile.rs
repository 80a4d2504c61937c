//! Hostile charts through the binary: each ends with a clear error within seconds, and the process stays small.
//!
//! The peak is the kernel's own (`VmHWM`), read until the process ends.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long a hostile chart may take: ten times what the slowest one takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// What the process may take altogether: twice the ceiling of a render, with its binary and the chart's files.
const MAX_PEAK_KIB: u64 = 1 << 20;

struct Ended {
    success: bool,
    stderr: String,
    peak_kib: u64,
    took: Duration,
}

/// Runs the command, its output thrown away.
fn run(command: &mut Command) -> Ended {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut pipe = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let (began, mut peak_kib) = (Instant::now(), 0);
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let seen = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        peak_kib = peak_kib.max(seen);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if began.elapsed() > LIMIT {
            let _ = child.kill();
            panic!("{command:?} runs longer than {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ended { success: ended.success(), stderr: reader.join().unwrap(), peak_kib, took: began.elapsed() }
}

fn chart(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    for (path, text) in std::iter::once(&manifest).chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn template(folder: &Path) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    run(command.args(["template", "r"]).arg(folder).env_remove("WINDLASS_RENDER_MEMORY"))
}

/// The chart is refused, with words that say why.
fn refused(name: &str, folder: &Path, says: &[&str]) {
    let ended = template(folder);
    assert!(!ended.success, "{name} is taken");
    assert!(says.iter().any(|text| ended.stderr.contains(text)), "{name}: {} has none of {says:?}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{name}: {}", ended.stderr);
    // What ends at once may be gone before anybody looks.
    assert!(ended.peak_kib > 1000 || ended.took < Duration::from_millis(50), "{name}: no peak was measured");
    assert!(ended.peak_kib < MAX_PEAK_KIB, "{name} takes {} MiB", ended.peak_kib >> 10);
    println!("{name}: {} MiB, {}", ended.peak_kib >> 10, ended.stderr.lines().last().unwrap_or_default());
}

#[test]
fn templates_that_fill_memory_end_with_an_error() {
    const MEMORY: &str = "rendering holds more than 512 MiB of memory";
    const VALUES: &str = "bytes of values";
    for (name, text, says) in [
        ("a repeat bomb", "{{ repeat 1000000000 \"x\" }}", &["exceeds", "bytes", "too"][..]),
        ("repeats of repeats", "{{ $s := \"x\" }}{{ range until 60 }}{{ $s = repeat 2 $s }}{{ end }}{{ $s }}", &["bytes", MEMORY]),
        ("lists that are kept", "{{ $l := list }}{{ range $i, $_ := until 100000 }}{{ $l = append $l (repeat 100000 \"x\") }}{{ end }}", &[MEMORY, VALUES]),
        ("a dict of texts", "{{ $d := dict }}{{ range $i, $_ := until 100000 }}{{ $_ := set $d (print $i) (repeat 1000000 \"x\") }}{{ end }}", &[MEMORY, VALUES]),
        ("a huge list", "{{ range $i := until 1000000000 }}{{ end }}", &["steps", "items", "too", "bytes"]),
        ("nested ranges", "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}", &["steps", "takes longer", VALUES]),
        ("output for ever", "{{ range until 1000000 }}{{ repeat 1000 \"xxxxxxxxxx\" }}{{ end }}", &["output grew", MEMORY, VALUES]),
        ("recursion", "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}", &["exceeded maximum template depth"]),
        ("include of itself", "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}", &["nested reference name"]),
        ("tpl of itself", "{{ define \"r\" }}{{ tpl \"{{ include \\\"r\\\" . }}\" . }}{{ end }}{{ include \"r\" . }}", &["nest"]),
        ("a regex that grows", "{{ regexReplaceAll \"(((a{1,1000}){1,1000}){1,1000})\" \"a\" \"b\" }}", &["error parsing regexp", "invalid repeat count", "expression"]),
        ("printf's width", "{{ printf \"%2000000000d\" 1 }}{{ range until 100000 }}{{ printf \"%1000000d\" 1 }}{{ end }}", &["output grew", MEMORY, VALUES, "bytes"]),
    ] {
        let folder = chart(&[("templates/a.yaml", text)]);
        refused(name, folder.path(), says);
    }
}

/// Forty levels of a dict that holds the one below twice: small in memory, endless for whatever goes through it.
const DOUBLED: &str = "{{ $d := dict \"a\" \"x\" }}{{ range until 40 }}{{ $d = dict \"l\" $d \"r\" $d }}{{ end }}";

#[test]
fn values_that_hold_themselves_many_times_end_at_the_bound() {
    const BYTES: &str = "67108864 bytes that windlass allows";
    const NODES: &str = "the value has more than 2000000 nodes";
    const PRINTED: &str = "the printed text would be longer than 64 MiB";
    const USED_UP: &[&str] = &["rendering holds more than 512 MiB of memory", "rendering takes longer"];
    for (name, text, says) in [
        ("toYaml", "{{ toYaml $d }}", &[NODES][..]),
        ("mustToYaml", "{{ mustToYaml $d }}", &[NODES]),
        ("toYaml of what JSON changes", "{{ $_ := set $d \"odd\" \"\\u0085\" }}{{ toYaml $d }}", &[NODES]),
        ("toYamlPretty", "{{ toYamlPretty $d }}", &[BYTES]),
        ("toJson", "{{ toJson $d }}", &[BYTES]),
        ("toPrettyJson", "{{ toPrettyJson $d }}", &[BYTES]),
        ("toRawJson", "{{ toRawJson $d }}", &[BYTES]),
        ("toToml", "{{ toToml $d }}", &[BYTES]),
        ("toToml of lists", "{{ $l := list 1 }}{{ range until 40 }}{{ $l = list $l $l }}{{ end }}{{ toToml (dict \"a\" $l) }}", &[BYTES]),
        ("a method", "{{ $_ := set .Values \"d\" $d }}{{ .Values.YAML }}", &[NODES]),
        ("an action", "{{ $d }}", &[PRINTED]),
        ("printf", "{{ printf \"%v\" $d }}", &[PRINTED]),
        ("printf in Go's syntax", "{{ printf \"%#v\" $d }}", &[PRINTED]),
        ("quote", "{{ quote $d }}", &[PRINTED]),
        ("toString", "{{ toString $d }}", &[PRINTED]),
        ("cat", "{{ cat $d $d }}", &[PRINTED]),
        ("join", "{{ join \",\" (list $d $d) }}", &[PRINTED]),
        ("html", "{{ html $d }}", &[PRINTED]),
        ("an error's text", "{{ eq $d $d }}", &["non-comparable type"]),
        ("deepCopy", "{{ $_ := deepCopy $d }}", USED_UP),
        ("a copy that doubles", "{{ $d := dict \"a\" \"x\" }}{{ range until 40 }}{{ $d = dict \"l\" $d \"r\" (deepCopy $d) }}{{ end }}{{ toYaml $d }}", USED_UP),
        ("a merge that doubles", "{{ $d := dict \"a\" \"x\" }}{{ range until 40 }}{{ $d = merge (dict \"l\" $d) (dict \"r\" (deepCopy $d)) }}{{ end }}{{ toYaml $d }}", USED_UP),
    ] {
        let folder = chart(&[("templates/a.yaml", &format!("{DOUBLED}{text}"))]);
        refused(name, folder.path(), says);
    }
}

#[test]
fn comparisons_and_merges_without_an_end_run_out_of_time() {
    const OTHER: &str = "{{ $e := dict \"a\" \"x\" }}{{ range until 40 }}{{ $e = dict \"l\" $e \"r\" $e }}{{ end }}";
    for (name, text) in [
        ("deepEqual", "{{ deepEqual $d $e }}"),
        ("has", "{{ has $d (list $e) }}"),
        ("merge", "{{ $_ := merge $d $e }}"),
        ("mergeOverwrite", "{{ $_ := mergeOverwrite $d $e }}"),
        ("uniq", "{{ $_ := uniq (until 1000000) }}"),
    ] {
        let folder = chart(&[("templates/a.yaml", &format!("{DOUBLED}{OTHER}{text}"))]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        let ended = run(command.args(["template", "r"]).arg(folder.path()).env("WINDLASS_RENDER_TIMEOUT", "1s"));
        assert!(!ended.success && ended.stderr.contains("rendering takes longer than 1 s"), "{name}: {}", ended.stderr);
        assert!(ended.peak_kib < MAX_PEAK_KIB, "{name} takes {} MiB", ended.peak_kib >> 10);
    }
}

#[test]
fn documents_of_too_many_nodes_are_not_read() {
    const NODES: &str = "the document has more than 2000000 nodes";
    for (name, text) in [
        ("fromYaml", "{{ (fromYaml (printf \"a: [%s]\" (repeat 20000000 \"x,\"))).Error | fail }}"),
        ("fromYamlArray", "{{ index (fromYamlArray (printf \"[%s]\" (repeat 20000000 \"[],\"))) 0 | fail }}"),
        ("fromJson", "{{ (fromJson (printf \"{\\\"a\\\": [%s1]}\" (repeat 20000000 \"1,\"))).Error | fail }}"),
        ("fromToml", "{{ (fromToml (printf \"a = [%s]\" (repeat 20000000 \"1,\"))).Error | fail }}"),
        ("a manifest", "a: [{{ range until 30 }}{{ repeat 1000000 \"x,\" }}{{ end }}]"),
    ] {
        let folder = chart(&[("templates/a.yaml", text)]);
        refused(name, folder.path(), &[NODES]);
    }
}

#[test]
fn keys_made_in_a_loop_end() {
    let folder = chart(&[("templates/a.yaml", "{{ range until 1000000 }}{{ genPrivateKey \"ecdsa\" }}{{ bcrypt \"x\" }}{{ end }}")]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    let ended = run(command.args(["template", "r"]).arg(folder.path()).env("WINDLASS_RENDER_TIMEOUT", "2s"));
    assert!(!ended.success && ended.stderr.contains("rendering takes longer than 2 s"), "{}", ended.stderr);
}

#[test]
fn values_that_explode_end_with_an_error() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
    }
    let deep = format!("a: {}\n", "[".repeat(100_000));
    for (name, values, says) in [("an alias bomb", bomb.as_str(), "excessive aliasing"), ("deep nesting", deep.as_str(), "depth")] {
        let folder = chart(&[("values.yaml", values), ("templates/a.yaml", "{{ toYaml .Values }}")]);
        refused(name, folder.path(), &[says]);
    }
    let manifest = chart(&[("templates/a.yaml", bomb.as_str())]);
    refused("an alias bomb in a manifest", manifest.path(), &["excessive aliasing"]);
    let from_yaml = "{{ $x := fromYaml (.Files.Get \"bomb\") }}{{ if $x.Error }}{{ fail $x.Error }}{{ end }}{{ toYaml $x }}";
    let folder = chart(&[("bomb", bomb.as_str()), ("templates/a.yaml", from_yaml)]);
    refused("an alias bomb in fromYaml", folder.path(), &["excessive aliasing"]);
}

fn entry(tar: &mut Vec<u8>, path: &str, size: u64, kind: tar::EntryType, link: &str) {
    let mut header = tar::Header::new_gnu();
    let name = &mut header.as_gnu_mut().unwrap().name;
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
}

fn file(tar: &mut Vec<u8>, path: &str, data: &[u8]) {
    entry(tar, path, data.len() as u64, tar::EntryType::Regular, "");
    tar.extend_from_slice(data);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn archives_that_explode_or_lead_out_are_refused() {
    let manifest = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";
    let begun = || {
        let mut tar = Vec::new();
        file(&mut tar, "c/Chart.yaml", manifest);
        tar
    };
    let mut zeros = begun();
    file(&mut zeros, "c/zeros", &vec![0; 110 << 20]);
    let mut many = begun();
    for at in 0..100_001 {
        entry(&mut many, &format!("c/f{at}"), 0, tar::EntryType::Regular, "");
    }
    let mut out = begun();
    file(&mut out, "c/../../etc/cron.d/x", b"x");
    let mut absolute = begun();
    file(&mut absolute, "c//etc/passwd", b"x");
    let mut nested = {
        let mut tar = begun();
        file(&mut tar, "c/zeros", &vec![0; 90 << 20]);
        gzip(&tar)
    };
    for level in 0..8 {
        let mut tar = begun();
        file(&mut tar, &format!("c/charts/a{level}.tgz"), &nested);
        file(&mut tar, &format!("c/charts/b{level}.tgz"), &nested);
        nested = gzip(&tar);
    }
    for (name, bytes, says) in [
        ("zeros", gzip(&zeros), "larger than the maximum size"),
        ("many entries", gzip(&many), "more than 100000 entries"),
        ("a path that leads out", gzip(&out), "illegally references parent directory"),
        ("an absolute path", gzip(&absolute), "illegally contains absolute paths"),
        ("archives in archives", nested, "together"),
        ("empty blocks for ever", gzip(&vec![0; 400 << 20]), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c-1.0.0.tgz");
        std::fs::write(&path, bytes).unwrap();
        refused(name, &path, &[says]);
    }
    // A link in an archive is an empty file, as in Helm: nothing is read through it.
    let mut link = begun();
    entry(&mut link, "c/templates/a.yaml", 0, tar::EntryType::Symlink, "/etc/passwd");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.tgz");
    std::fs::write(&path, gzip(&link)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass")).args(["template", "r"]).arg(&path).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("root:"), "the link was followed");
}

#[test]
fn folders_that_never_end_are_refused() {
    let folder = chart(&[("templates/a.yaml", "a: 1\n")]);
    std::os::unix::fs::symlink("..", folder.path().join("templates/up")).unwrap();
    refused("a link to its parent", folder.path(), &["nested deeper than 64 levels", "too many levels of symbolic links", "file name too long"]);
}

#[test]
fn a_ceiling_that_is_set_holds_and_an_ordinary_chart_stays_below_it() {
    let bomb = chart(&[("templates/a.yaml", "{{ $l := list }}{{ range $i, $_ := until 3000 }}{{ $l = append $l (repeat 10000 \"x\") }}{{ end }}a: {{ len $l }}")]);
    let run_with = |ceiling: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        run(command.args(["template", "r"]).arg(bomb.path()).env("WINDLASS_RENDER_MEMORY", ceiling))
    };
    let low = run_with("16Mi");
    assert!(!low.success && low.stderr.contains("more than 16 MiB of memory"), "{}", low.stderr);
    let high = run_with("256Mi");
    assert!(high.success, "{}", high.stderr);
    assert!(low.peak_kib < high.peak_kib, "the ceiling saves memory: {} and {} KiB", low.peak_kib, high.peak_kib);
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/shop");
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    let ordinary = run(command.args(["template", "r"]).arg(shop).env("WINDLASS_RENDER_MEMORY", "16Mi"));
    assert!(ordinary.success, "{}", ordinary.stderr);
}
