use super::{Edit, get, set};

fn edit(text: &str, path: &str, value: &str) -> Result<String, String> {
    let edit = Edit { path: path.into(), value: value.into() };
    set(text.as_bytes(), &[edit]).map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string())
}

/// Before and after differ in the marked place only: `«old»new»`.
#[track_caller]
fn only(marked: &str, path: &str, value: &str) {
    let (head, rest) = marked.split_once('«').unwrap();
    let (old, rest) = rest.split_once('|').unwrap();
    let (new, tail) = rest.split_once('»').unwrap();
    assert_eq!(edit(&format!("{head}{old}{tail}"), path, value).unwrap(), format!("{head}{new}{tail}"));
}

#[test]
fn only_the_value_changes() {
    only("image:\n  repository: shop/web   # ours\n  tag: «v1|v2» # bumped by windlass\n", "image.tag", "v2");
    only("image:\r\n  tag: «'1.0'|'1.1'»\r\nother: x\r\n", "image.tag", "1.1");
    only("image: {repository: a, tag: «\"1.0\"|\"1.1\"» , x: 1}\n", "image.tag", "1.1");
    only("a:\n- name: x\n  tag: y\n- {tag: «old|new-1», name: z}\n", "a[1].tag", "new-1");
    only("\u{feff}é: ü # ö\ntag: «ä|\"\\xf6\"»\n", "tag", "ö");
    only("tag:«| v1»\nnext: 1\n", "tag", "v1");
    only("a.b:\n  c: «1|x»\n", "a\\.b.c", "x");
    only("last: «1|x»", "last", "x");
    only("tag: !!str «1.0|2.0-x»\n", "tag", "2.0-x");
    only("base: &base\n  tag: «one|two»\n", "base.tag", "two");
    only("---\ntag: «a|b»\n...\n---\ntag: a\n", "tag", "b");
    only("tag: a\ntag: «a|b»\n", "tag", "b");
    only("y: {1: «a|b»}\n", "true.1", "b");
    only("? tag\n: «a|b»\n", "tag", "b");
    only("tag: «>-|\"b\"»\n", "tag", "b");
}

#[test]
fn a_text_stays_a_text() {
    only("tag: «v1|\"1.10\"»\n", "tag", "1.10");
    only("tag: «v1|\"20240101\"»\n", "tag", "20240101");
    only("tag: «v1|\"1e3\"»\n", "tag", "1e3");
    only("tag: «v1|\"yes\"»\n", "tag", "yes");
    only("tag: «v1|\"2024-01-01\"»\n", "tag", "2024-01-01");
    only("tag: «1.9|\"1.10\"»\n", "tag", "1.10");
    only("tag: «v1|main@sha256:ab»\n", "tag", "main@sha256:ab");
    only("tag: «'v1'|'it''s'»\n", "tag", "it's");
    only("tag: «\"v1\"|\"a\\\"b\\\\\"»\n", "tag", "a\"b\\");
    only("tag: «1.10|\"1.10\"»\n", "tag", "1.10");
}

#[test]
fn a_block_gives_way_to_a_line() {
    assert_eq!(edit("tag: |\n  v1\n  # no comment\nnext: 1\n", "tag", "v2").unwrap(), "tag: \"v2\"\nnext: 1\n");
    assert_eq!(edit("tag: >-\n  v1\n\n# comment\nnext: 1\n", "tag", "v2").unwrap(), "tag: \"v2\"\n# comment\nnext: 1\n");
    assert_eq!(edit("tag: one\n  two # c\nnext: 1\n", "tag", "v2").unwrap(), "tag: v2 # c\nnext: 1\n");
}

#[test]
fn what_stands_there_already_is_left_alone() {
    for text in ["tag: \"v1\" # x\r\n", "tag:   v1", "a: 1\ntag: 'v1'\n"] {
        assert_eq!(edit(text, "tag", "v1").unwrap(), text);
    }
}

#[test]
fn several_edits_are_all_or_nothing() {
    let edits = |last: &str| [Edit { path: "a".into(), value: "x".into() }, Edit { path: last.into(), value: "z".into() }];
    assert_eq!(set(b"a: 1\nb: 2\n", &edits("b")).unwrap(), b"a: x\nb: z\n");
    assert!(set(b"a: 1\nb: 2\n", &edits("c")).is_err());
}

#[test]
fn what_would_change_more_is_refused() {
    let refused = |text: &str, path: &str| edit(text, path, "new").unwrap_err();
    assert!(refused("a: &x one\nb: *x\n", "a").contains("by an anchor"));
    assert_eq!(refused("a: &x one\nb: *x\n", "b"), "line 2: b cannot be set: it is an alias of &x; give it a value of its own");
    assert!(refused("a: &x {tag: one}\nb: *x\n", "b.tag").contains("b is an alias of &x"));
    assert!(refused("a: &x {tag: one}\nb:\n  <<: *x\n", "b.tag").contains("what comes from a merge"));
    assert!(refused("image:\n  tag: {a: 1}\n", "image.tag").contains("it is a map"));
    assert_eq!(refused("image:\n  name: x\n", "image.tag"), "line 2: image.tag is not there: image has no key \"tag\" (it has name)");
    assert!(refused("image: []\n", "image.tag").contains("is a list; name an entry as image[0]"));
    assert!(refused("- a\n", "[1]").contains("has 1 entries"));
    assert!(refused("a: [\n", "a").contains("yaml:"), "{}", refused("a: [\n", "a"));
    assert!(refused("", "a").contains("the file is empty"));
    for path in ["", ".a", "a..b", "a[x]", "a.", "a\\"] {
        assert!(refused("a: 1\n", path).contains("is no path"), "{path}");
    }
}

#[test]
fn the_present_value_is_told() {
    assert_eq!(get(b"image:\n  tag: \"1.0\"\n", "image.tag").unwrap().as_deref(), Some("1.0"));
    assert_eq!(get(b"image: {}\n", "image.tag").unwrap(), None);
}
