//! What is done with an input. Errors are fine; panics and hangs are not.

use std::io::Write as _;
use windlass::{
    chart::{self, Log, SourceFile, archive::read_archive, glob, ignore::Rules, strvals, values},
    check,
    render::{self, Options},
    template::{self, Functions, Limits, TemplateSet, Val, funcs::Host},
    value::{GoStr, Map, Value},
    yaml,
};

/// Neither clock nor chance nor cluster.
struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> i128 {
        1_700_000_000_000_000_000
    }
    fn zone(&self) -> String {
        "UTC".to_owned()
    }
    fn random(&self, buffer: &mut [u8]) {
        for (at, byte) in buffer.iter_mut().enumerate() {
            *byte = (at * 37 + 11) as u8;
        }
    }
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Map(Map::new()))
    }
    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}

/// Small enough that each input ends soon, large enough that bounds of functions are reached.
const LIMITS: Limits = Limits { depth: 1000, include: 100, tpl: 100, steps: 200_000, output: 4 << 20, values: 64 << 20 };

pub fn lexer(input: &[u8]) {
    assert!(template::count_items(input) <= input.len() + 2, "an item without a text");
}

pub fn parser(input: &[u8]) {
    let _ = TemplateSet::new(Functions::Helm).parse("f", &GoStr::from_bytes(input));
    let _ = TemplateSet::new(Functions::Go).parse("f", &GoStr::from_bytes(input));
}

/// Functions that make keys take seconds in a debug build, and that is no hang.
fn is_slow(input: &[u8]) -> bool {
    const SLOW: &[&[u8]] = &[b"genPrivateKey", b"genCA", b"genSelfSigned", b"genSigned", b"derivePassword", b"htpasswd", b"bcrypt"];
    SLOW.iter().any(|word| input.windows(word.len()).any(|window| window == *word))
}

pub fn executor(input: &[u8]) {
    if is_slow(input) {
        return;
    }
    let mut set = TemplateSet::new(Functions::Helm);
    if set.parse("f", &GoStr::from_bytes(input)).is_err() {
        return;
    }
    let values = yaml::from_yaml(b"Values: {a: 1, b: [1, x, {c: ~}], s: text, f: 2.5, t: true, image: {tag: v1}}\nRelease: {Name: r, Namespace: n}\nChart: {Name: c, Version: 1.0.0}\n");
    let dot = Val::from_value(&values.unwrap());
    let _ = set.execute("f", &dot, &Nowhere, &LIMITS, template::Options::HELM);
}

pub fn yaml(input: &[u8]) {
    let _ = yaml::from_yaml_strict(input);
    let _ = yaml::from_yaml_raw(input);
    let _ = yaml::ordered(input);
    let _ = yaml::line_of(input, &[yaml::Step::Key("a"), yaml::Step::Index(0)]);
    if let Ok(value) = yaml::from_yaml(input)
        && let Ok(text) = yaml::marshal(&value)
    {
        // What was written can be read, and is the same.
        assert_eq!(yaml::from_yaml(text.as_bytes()).map(|again| yaml::to_json(&again, false)), Ok(yaml::to_json(&value, false)), "{text}");
    }
}

pub fn json(input: &[u8]) {
    let _ = yaml::from_json_map(input);
    let _ = yaml::from_json_array(input);
    if let Ok(value) = yaml::from_json(input) {
        let text = yaml::to_json(&value, true);
        assert_eq!(yaml::from_json(text.as_bytes()), Ok(value));
    }
}

pub fn toml(input: &[u8]) {
    if let Ok(map) = yaml::from_toml(input) {
        let _ = yaml::marshal_toml(&Value::Map(map));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub fn archive(input: &[u8]) {
    let _ = read_archive(input);
    if let Ok(files) = read_archive(&gzip(input)) {
        for file in &files {
            assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."), "{} leads out", file.path);
        }
        let _ = chart::load_files(files, &mut Log::default());
    }
}

pub fn chart(input: &[u8]) {
    if is_slow(input) {
        return;
    }
    let text = String::from_utf8_lossy(input);
    let file = |part: &str| {
        let (path, text) = part.split_once('\n')?;
        Some(SourceFile { path: path.to_owned(), bytes: text.as_bytes().into() })
    };
    let files: Vec<SourceFile> = text.split("=== ").filter_map(file).collect();
    let mut log = Log::default();
    let options = Options { release_name: "r".into(), ..Options::default() };
    if let Ok(chart) = chart::load_files(files.clone(), &mut log) {
        let _ = render::render(&chart, &Map::new(), &options, &Nowhere, &mut log);
    }
    let _ = render::lint::lint("c", &render::lint::Source::of(files), &Log::default(), &Map::new(), &render::lint::LintOptions::default(), &Nowhere, &mut log);
}

pub fn values(input: &[u8]) {
    let Ok(over) = values::load_values(input) else { return };
    let Ok(mut base) = values::load_values(b"a: {b: {c: 1}, l: [1]}\nimage: {tag: v1}\nglobal: {x: 1}\n") else { unreachable!("it is a map") };
    values::merge_into(&mut base, over);
}

pub fn strvals(input: &[u8]) {
    // A flag of a command line: its JSON is looked for anew at each comma, as in Helm, so that time grows with the square.
    let text = String::from_utf8_lossy(&input[..input.len().min(2048)]);
    let mut map = Map::new();
    let _ = strvals::parse_into(&text, &mut map);
    let _ = strvals::parse_string_into(&text, &mut map);
    let _ = strvals::parse_json_into(&text, &mut map);
    let _ = strvals::parse_literal_into(&text, &mut map);
    let _ = strvals::parse_file_into(&text, &mut map, &mut |path| Ok(Value::String(path.into())));
}

pub fn record(input: &[u8]) {
    use base64::Engine as _;
    let _ = windlass::release::decode(input);
    let encoded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let _ = windlass::release::decode(encoded(input).as_bytes());
    if let Ok(release) = windlass::release::decode(encoded(&gzip(input)).as_bytes()) {
        let again = windlass::release::decode(windlass::release::encode(&release).as_bytes());
        assert_eq!(again.map(|again| again.manifest), Ok(release.manifest));
    }
}

pub fn schema(input: &[u8]) {
    let values = yaml::from_yaml_map(b"a: 1\nb: text\nl: [1, 2, {x: ~}]\nr: {s: 2.5}\n").unwrap();
    let _ = chart::schema::validate_one(input, &values, &mut Log::default());
}

pub fn manifest(input: &[u8]) {
    use std::sync::OnceLock;
    static BUILTIN: OnceLock<check::Catalog> = OnceLock::new();
    let text = String::from_utf8_lossy(input);
    let _ = windlass::object::split_documents(&text);
    let documents = check::documents(&text, Some("f"));
    let mut catalog = check::Catalog::default();
    for object in documents.iter().filter_map(|document| document.objects.as_ref().ok()).flatten() {
        catalog.add_crd(&object.json);
    }
    catalog.add_all(BUILTIN.get_or_init(|| check::builtin(None).unwrap().1));
    let mut findings = Vec::new();
    for document in &documents {
        findings.extend(document.check(&catalog));
    }
    for finding in &findings {
        let _ = check::template_line(&text, finding);
    }
    let report = check::Report { against: String::new(), checked: Vec::new(), findings };
    let _ = (check::text(&report), check::json(&report), check::junit(&report));
}

pub fn patterns(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = glob::go_match(&text, "a/b/c.yaml");
    if let Some(glob) = glob::Glob::compile(&text) {
        let _ = glob.matches("a/b/c.yaml");
        let _ = glob.matches(&"a".repeat(100));
    }
    if let Ok(mut rules) = Rules::parse(input) {
        rules.add_defaults();
        let _ = rules.ignores("a/b/c.yaml", false);
    }
    let _ = chart::semver::is_compatible(&text, "v1.34.0");
    let _ = chart::capabilities::KubeVersion::parse(&text);
}

#[cfg(feature = "agent")]
pub fn environment(input: &[u8]) {
    if let Ok(env) = windlass::app::parse(&String::from_utf8_lossy(input)) {
        let _ = windlass::app::App::resolve(&env);
    }
}

#[cfg(feature = "agent")]
pub fn sops(input: &[u8]) {
    use std::{collections::BTreeMap, sync::OnceLock};
    use windlass::secrets::{self, Keys};
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        // Made for this test; it opens nothing.
        let key = b"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX".to_vec();
        Keys::read(&BTreeMap::from([("key".to_owned(), key)])).unwrap()
    });
    for name in ["f.yaml", "f.json", "f.env", "f.bin"] {
        let _ = secrets::is_encrypted(name, input);
        let _ = secrets::open(name, input, keys);
    }
    let _ = Keys::read(&BTreeMap::from([("key".to_owned(), input.to_vec())]));
}
