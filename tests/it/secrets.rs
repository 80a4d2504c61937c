//! Files that the real sops encrypted, opened by windlass: every format, every kind of key; and what is tampered with, refused.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use windlass::{
    secrets::{self, Keys, SopsError},
    value::Value,
    yaml,
};

fn keys(entries: &[(&str, &str)]) -> Keys {
    Keys::read(&entries.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()).unwrap()
}

/// The folder of sops's own module: its examples were encrypted by several of its versions.
fn sops_module() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/sops");
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", "github.com/getsops/sops/v3"]).env("GOWORK", "off").current_dir(folder);
    let output = go.output().expect("go is installed");
    let module: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let path = PathBuf::from(module["Dir"].as_str().unwrap_or_default());
    assert!(path.join("example.yaml").exists(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// sops's own examples open, and their MACs, which cover every value in order, match. Its two keys, of RSA and of ElGamal's
/// time, stand in the module.
#[test]
fn the_examples_of_sops_itself_open() {
    let module = sops_module();
    let key = std::fs::read_to_string(module.join("pgp/sops_functional_tests_key.asc")).unwrap();
    let keys = keys(&[("functional.asc", &key)]);
    let mut opened = 0;
    for file in ["example.yaml", "example.json", "example.txt", "functional-tests/res/format.enc.env", "functional-tests/res/format.enc.json", "functional-tests/res/format.enc.yaml", "functional-tests/res/comments.enc.yaml"] {
        let bytes = std::fs::read(module.join(file)).unwrap();
        assert!(secrets::is_encrypted(file, &bytes), "{file}");
        match secrets::open(file, &bytes, &keys) {
            Ok(plain) => {
                opened += 1;
                assert!(!plain.secrets.is_empty() && !plain.bytes.windows(4).any(|window| window == b"ENC["), "{file}");
            }
            Err(error) => panic!("{file}: {error}"),
        }
    }
    assert_eq!(opened, 7);
    let example = secrets::open("example.yaml", &std::fs::read(module.join("example.yaml")).unwrap(), &keys).unwrap();
    let value = yaml::from_yaml(&example.bytes).unwrap();
    let list = value.get("somelist_unencrypted").and_then(Value::as_list).unwrap();
    assert_eq!(list[0], Value::String("all elements of this list".into()));
    assert_eq!(value.get("somebooleans").and_then(Value::as_list).unwrap()[0], Value::Bool(true));
    assert!(!secrets::is_encrypted("plainfile.yaml", &std::fs::read(module.join("functional-tests/res/plainfile.yaml")).unwrap()));
}

#[test]
fn what_was_changed_since_is_refused() {
    let module = sops_module();
    let key = std::fs::read_to_string(module.join("pgp/sops_functional_tests_key.asc")).unwrap();
    let keys = keys(&[("k", &key)]);
    let text = std::fs::read_to_string(module.join("example.yaml")).unwrap();
    let open = |text: &str| secrets::open("example.yaml", text.as_bytes(), &keys).map(drop);
    assert_eq!(open(&text), Ok(()));
    // A value in plain, which no tag protects, is covered by the MAC.
    assert_eq!(open(&text.replace("remain in clear text", "were changed")), Err(SopsError::Mac));
    // Two values change places: each is bound to its path.
    let swapped = text.replacen("    key: ENC", "    other: ENC", 1);
    assert_eq!(open(&swapped), Err(SopsError::Tampered { path: "app2.other".into() }));
    // A ciphertext's first letter.
    let at = text.find("data:tQ1l").unwrap() + 5;
    let mut flipped = text.clone();
    flipped.replace_range(at..at + 1, "u");
    assert_eq!(open(&flipped), Err(SopsError::Tampered { path: "app2.db.user".into() }));
    // A line that is gone.
    let without: String = text.lines().filter(|line| !line.starts_with("number:")).map(|line| format!("{line}\n")).collect();
    assert_eq!(open(&without), Err(SopsError::Mac));
    // A value in plain where one should be encrypted.
    let plain = text.replacen(&text[text.find("number: ").unwrap()..text.find("\nan_array").unwrap()], "number: 1", 1);
    assert_eq!(open(&plain), Err(SopsError::Tampered { path: "number".into() }));
}

#[test]
fn a_key_that_does_not_fit_is_said_with_whom_it_is_for() {
    let module = sops_module();
    let bytes = std::fs::read(module.join("example.yaml")).unwrap();
    let other = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let keys = keys(&[("k", other)]);
    let error = secrets::open("example.yaml", &bytes, &keys).unwrap_err().to_string();
    assert!(error.starts_with("none of the keys at hand opens it: it is encrypted for pgp "), "{error}");
    for (text, why) in [("no key", "is no key"), ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxx\n", "is no PGP secret key"), ("", "there is no key in it")] {
        let error = Keys::read(&BTreeMap::from([("entry".to_owned(), text.as_bytes().to_vec())])).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

/// One way to encrypt: flags for sops, entries for windlass, the environment that sops needs to decrypt.
struct Recipient {
    name: &'static str,
    flags: Vec<String>,
    entries: Vec<(String, String)>,
    env: Vec<(String, String)>,
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn recipients(folder: &Path) -> Vec<Recipient> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let owned = |name: &str, text: String| (name.to_owned(), text);
    output(Command::new(xtask::tools::tool("age-keygen").unwrap()).args(["-o", "age.txt"]).current_dir(folder));
    let identity = read("age.txt");
    let public = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    let age_env = owned("SOPS_AGE_KEY_FILE", folder.join("age.txt").display().to_string());
    let mut all = vec![Recipient { name: "age", flags: vec!["--age".into(), public], entries: vec![owned("age.txt", identity)], env: vec![age_env] }];
    for (name, passphrase) in [("ssh", ""), ("ssh-protected", "open sesame")] {
        output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-f", name]).current_dir(folder));
        let public = read(&format!("{name}.pub")).trim().to_owned();
        let mut entries = vec![owned("id", read(name))];
        if !passphrase.is_empty() {
            entries.push(owned("passphrase", passphrase.to_owned()));
        }
        let env = vec![owned("SOPS_AGE_SSH_PRIVATE_KEY_FILE", folder.join("ssh").display().to_string())];
        all.push(Recipient { name, flags: vec!["--age".into(), public], entries, env });
    }
    let home = folder.join("gnupg");
    std::fs::create_dir(&home).unwrap();
    std::os::unix::fs::symlink("/dev/null", home.join("unused")).unwrap();
    for (name, kind, passphrase) in [("rsa", "rsa3072", ""), ("curve", "ed25519", ""), ("protected", "rsa2048", "open sesame")] {
        let gpg = |args: &[&str]| {
            let mut command = Command::new("gpg");
            command.arg("--homedir").arg(&home).args(["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", passphrase]).args(args);
            output(&mut command)
        };
        gpg(&["--quick-generate-key", name, kind, "default", "never"]);
        let list = String::from_utf8(gpg(&["--list-keys", "--with-colons", name])).unwrap();
        let fingerprint = list.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        // With its algorithm named, gpg makes a key for signatures only.
        gpg(&["--quick-add-key", &fingerprint, if kind == "ed25519" { "cv25519" } else { kind }, "encr", "never"]);
        let secret = String::from_utf8(gpg(&["--export-secret-keys", "--armor", name])).unwrap();
        let mut entries = vec![owned("key.asc", secret)];
        if !passphrase.is_empty() {
            entries.push(owned("passphrase", passphrase.to_owned()));
        }
        all.push(Recipient { name, flags: vec!["--pgp".into(), fingerprint], entries, env: vec![owned("GNUPGHOME", home.display().to_string())] });
    }
    all
}

const YAML: &str = "z_first: swordfish\na:\n  list: [one, 2, 3.5, true, ~, {deep: 'no'}]\n  empty: ''\n  text: |\n    two\n    lines\n  unicode: \"h\u{fc}te \u{1f3a9}\"\nopen_unencrypted: [seen, 7, 2.50, yes, 2001-01-01]\n# a comment\nbig: 9007199254740993\nexp: 1e21\nneg: -0.000001\n";
const JSON: &str = "{\"z\": \"swordfish\", \"a\": [1, 2.5, true, null, {\"x\": \"\\u00e9\\n\"}], \"open_unencrypted\": {\"n\": 1e3}, \"e\": \"\"}";
const DOTENV: &str = "PASSWORD=swordfish\n# comment\nMULTI=a\\nb\nEMPTY=\nEQUALS=a=b\n";
const BINARY: &str = "swordfish\n\tany: text, {not: yaml\n";

/// Every format for every kind of recipient, against `sops decrypt`.
#[test]
fn what_sops_encrypts_opens_as_sops_decrypts_it() {
    let sops = xtask::tools::tool("sops").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cases: &[(&str, &str, &[&str])] = &[
        ("v.yaml", YAML, &[]),
        ("v.yaml", YAML, &["--encrypted-regex", "^(z_|text)"]),
        ("v.yaml", YAML, &["--unencrypted-regex", "^a$"]),
        ("v.yaml", YAML, &["--encrypted-suffix", "first"]),
        ("v.yaml", YAML, &["--mac-only-encrypted", "--encrypted-regex", "^z"]),
        ("v.json", JSON, &[]),
        ("v.env", DOTENV, &[]),
        ("v.bin", BINARY, &[]),
    ];
    for recipient in recipients(folder.path()) {
        let entries: Vec<(&str, &str)> = recipient.entries.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let keys = keys(&entries);
        for (name, text, flags) in cases {
            let what = format!("{name} {flags:?} for {}", recipient.name);
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let run = |args: &[&str]| {
                let mut command = Command::new(&sops);
                command.args(args).arg(&path).envs(recipient.env.iter().cloned()).current_dir(folder.path());
                output(&mut command)
            };
            // Only sops' older way of calling it knows that flag.
            let mut args = vec![if flags.contains(&"--mac-only-encrypted") { "--encrypt" } else { "encrypt" }];
            args.extend(recipient.flags.iter().map(String::as_str));
            args.extend(*flags);
            let encrypted = run(&args);
            assert!(secrets::is_encrypted(name, &encrypted), "{what}");
            let opened = secrets::open(name, &encrypted, &keys).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(opened.secrets.iter().any(|secret| secret.contains("swordfish")), "{what}");
            std::fs::write(&path, &encrypted).unwrap();
            // A protected ssh key needs a terminal to be asked for: sops cannot, so the text itself is what is expected.
            let expected = if recipient.name == "ssh-protected" || recipient.name == "protected" { text.as_bytes().to_vec() } else { run(&["decrypt"]) };
            match *name {
                "v.yaml" | "v.json" if recipient.name.contains("protected") => {}
                "v.yaml" | "v.json" => assert_eq!(yaml::from_yaml(&opened.bytes), yaml::from_yaml(&expected), "{what}"),
                "v.env" => assert_eq!(String::from_utf8_lossy(&opened.bytes), String::from_utf8_lossy(&expected).replace("# comment\n", ""), "{what}"),
                _ => assert_eq!(opened.bytes, expected, "{what}"),
            }
        }
    }
}
