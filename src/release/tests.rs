//! Records against the real helm: `tests/cases/release` says where the expectations come from.

use super::*;
use jiff::Timestamp;
use serde_json::{Value, json};

fn case(name: &str) -> Value {
    let path = format!("{}/tests/cases/release/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn step<'a>(life: &'a Value, name: &str) -> &'a Value {
    life.as_array().unwrap().iter().find(|step| step["step"] == name).unwrap()
}

fn record<'a>(life: &'a Value, name: &str, version: usize) -> &'a Value {
    let key = key("shop", u32::try_from(version).unwrap());
    step(life, name)["records"].as_array().unwrap().iter().find(|record| record["secret"]["metadata"]["name"] == key).unwrap()
}

/// What helm 3 writes for a time that is none, and helm 4 leaves out.
fn without_empty_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                !(["first_deployed", "last_deployed", "deleted", "started_at", "completed_at"].contains(&key.as_str()) && value == "")
            });
            map.values_mut().for_each(without_empty_times);
        }
        Value::Array(list) => list.iter_mut().for_each(without_empty_times),
        _ => {}
    }
}

#[test]
fn every_record_of_both_helms_is_read_and_written_back_field_by_field() {
    let mut seen = 0;
    for file in ["helm3.json", "helm4.json"] {
        let life = case(file);
        for record in life.as_array().unwrap().iter().filter_map(|step| step["records"].as_array()).flatten() {
            let stored = read(&record["secret"]).unwrap();
            let mut expected = record["payload"].clone();
            without_empty_times(&mut expected);
            assert_eq!(serde_json::to_value(&stored.release).unwrap(), expected, "{file}");
            assert_eq!(serde_json::to_value(decode(encode(&stored.release).as_bytes()).unwrap()).unwrap(), expected, "{file}");
            assert_eq!(stored.head.status, stored.release.info.status);
            assert_eq!((stored.head.name.as_str(), stored.head.version), (stored.release.name.as_str(), stored.release.version));
            assert!(!stored.head.marks.is_ours());
            let again = secret(&stored.release, &Marks::default(), Stamp::Modified { at: Timestamp::from_second(stored.head.modified.unwrap()).unwrap(), created: None }, None).unwrap();
            assert_eq!(again["metadata"]["labels"], record["secret"]["metadata"]["labels"], "{file}");
            assert_eq!(again["type"], record["secret"]["type"]);
            assert_eq!(again["metadata"]["name"], record["secret"]["metadata"]["name"]);
            seen += 1;
        }
    }
    assert!(seen >= 24, "{seen} records");
}

/// Replaces the times, which no two runs share.
fn timeless(release: &Release) -> Value {
    let mut value = serde_json::to_value(release).unwrap();
    fn blank(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    if ["first_deployed", "last_deployed", "deleted", "started_at", "completed_at"].contains(&key.as_str()) {
                        *value = json!("then");
                    } else {
                        blank(value);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(blank),
            _ => {}
        }
    }
    blank(&mut value);
    value
}

fn stored(life: &Value, name: &str, version: usize) -> Release {
    read(&record(life, name, version)["secret"]).unwrap().release
}

fn rendered(like: &Release) -> Rendered {
    Rendered {
        chart: like.chart.clone().unwrap(),
        config: like.config.clone(),
        manifest: like.manifest.clone(),
        hooks: like.hooks.clone(),
        notes: like.info.notes.clone(),
        labels: like.labels.clone(),
    }
}

#[test]
fn a_life_of_ours_is_helms_life() {
    let life = case("helm4.json");
    let now = Timestamp::from_second(1_700_000_000).unwrap();

    let mut first = install("shop", "town", rendered(&stored(&life, "install", 1)), now);
    assert_eq!(first.info.status, Status::PendingInstall);
    assert_eq!(first.info.description, "Initial install underway");
    first.deployed();
    assert_eq!(timeless(&first), timeless(&stored(&life, "install", 1)));

    let mut second = upgrade(&first, 1, rendered(&stored(&life, "upgrade", 2)), now);
    assert_eq!((second.info.status, second.info.description.as_str()), (Status::PendingUpgrade, "Preparing upgrade"));
    second.deployed();
    first.superseded();
    assert_eq!(timeless(&second), timeless(&stored(&life, "upgrade", 2)));
    assert_eq!(timeless(&first), timeless(&stored(&life, "upgrade", 1)));

    let mut third = upgrade(&second, 2, rendered(&stored(&life, "failed upgrade", 3)), now);
    third.failed("the server said \"no\"");
    assert_eq!(timeless(&third), timeless(&stored(&life, "failed upgrade", 3)));

    let mut fourth = rollback(&second, &third, now);
    assert_eq!(fourth.info.status, Status::PendingRollback);
    fourth.deployed();
    second.superseded();
    let helms = stored(&life, "rollback", 4);
    assert_eq!(fourth.info.rollback_revision, 2);
    assert_eq!(fourth.info.description, helms.info.description);
    fourth.hooks = helms.hooks.clone(); // the run's own times and phases
    assert_eq!(timeless(&fourth), timeless(&helms));

    fourth.uninstalling(now);
    assert_eq!(fourth.info.description, "Deletion in progress (or silently failed)");
    fourth.uninstalled();
    let gone = stored(&life, "uninstall", 4);
    fourth.hooks = gone.hooks.clone();
    assert_eq!(timeless(&fourth), timeless(&gone));

    let failed = step(&life, "failed install");
    let helms = read(&failed["records"][0]["secret"]).unwrap().release;
    let mut bare = install("bare", "town", rendered(&helms), now);
    bare.failed("failed pre-install: job failed");
    assert_eq!(timeless(&bare), timeless(&helms));
}

#[test]
fn history_is_pruned_as_both_helms_prune_it() {
    for file in ["helm3.json", "helm4.json"] {
        let life = case(file);
        let heads = |name: &str| -> Vec<Head> {
            let list = step(&life, name)["heads"].as_array().unwrap().iter().map(|line| {
                let (name, status) = line.as_str().unwrap().split_once(' ').unwrap();
                let version = name.rsplit_once(".v").unwrap().1.parse().unwrap();
                Head { version, status: Status::parse(status), ..Head::default() }
            });
            list.collect()
        };
        let mut before = heads("third: install");
        for at in 1..=6 {
            let after = heads(&format!("third: upgrade {at}"));
            let new = last(&after).unwrap().version;
            let gone = least_recent(&before, 3);
            let left: Vec<u32> = before.iter().map(|head| head.version).filter(|v| !gone.contains(v)).chain([new]).collect();
            assert_eq!(left, after.iter().map(|head| head.version).collect::<Vec<_>>(), "{file}, upgrade {at}");
            before = after;
        }
    }
    assert!(least_recent(&[Head::default(), Head::default()], 0).is_empty());
}

/// Secrets as windlass writes them, at every moment of a life.
fn ours() -> Vec<Value> {
    let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
    let chart = json!({
        "metadata": {"name": "shop", "version": "1.2.3", "apiVersion": "v2", "appVersion": "4.5", "dependencies": [{"name": "sub", "repository": "", "enabled": true}]},
        "lock": null,
        "templates": [{"name": "templates/web.yaml", "data": "YTogYgo="}],
        "values": {"replicas": 2, "ratio": 0.5, "big": 12_345_678_901_i64, "nothing": null, "name": "<web> & \u{2028}"},
        "schema": "e30=",
        "schemamodtime": "0001-01-01T00:00:00Z",
        "files": [{"name": "README.md", "data": "w7xu"}],
    });
    let hook = Hook {
        name: "check".into(),
        kind: "Job".into(),
        path: "shop/templates/check.yaml".into(),
        manifest: "kind: Job\nmetadata:\n  name: check\n".into(),
        events: vec![Event::PreUpgrade, Event::Test],
        last_run: Execution { started_at: Some(at(1).into()), completed_at: Some(at(2).into()), phase: Phase::Succeeded },
        weight: -5,
        delete_policies: vec![DeletePolicy::HookSucceeded, DeletePolicy::Other("never-heard-of".into())],
        output_log_policies: vec![OutputPolicy::HookFailed],
    };
    let never = Hook { name: "never".into(), kind: "Pod".into(), events: vec![Event::PostDelete], ..Hook::default() };
    let rendered = |replicas: u32| Rendered {
        chart: Chart::from_value(&chart),
        config: json!({"replicas": replicas}).as_object().unwrap().clone(),
        manifest: format!("---\n# Source: shop/templates/web.yaml\na: {replicas}\n"),
        hooks: vec![hook.clone(), never.clone()],
        notes: "It is there.".into(),
        labels: BTreeMap::from([("team".into(), "blue".into())]),
    };
    let marks = Marks { revision: Some("4f2c".into()), stage: Some("Verifying".into()), started: Some(at(0)), tries: 1, ..Marks::default() };
    let mut first = install("shop", "town", rendered(1), at(0));
    first.deployed();
    first.superseded();
    let mut second = upgrade(&first, 1, rendered(2), at(10));
    second.deployed();
    let mut third = upgrade(&second, 2, rendered(3), at(20));
    third.failed("Job town/check failed");
    let fourth = rollback(&second, &third, at(30));
    let mut gone = install("gone", "town", rendered(1), at(40));
    gone.uninstalling(at(41));
    gone.uninstalled();
    let write = |release: &Release, stamp| secret(release, &marks, stamp, None).unwrap();
    vec![
        write(&first, Stamp::Modified { at: at(10), created: Some(at(0).as_second()) }),
        write(&second, Stamp::Modified { at: at(11), created: None }),
        write(&third, Stamp::Modified { at: at(21), created: None }),
        write(&fourth, Stamp::Created(at(30))),
        write(&gone, Stamp::Modified { at: at(42), created: None }),
    ]
}

#[test]
fn our_secrets_are_the_ones_that_helm_was_shown() {
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        let path = format!("{}/tests/cases/release/windlass.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, format!("{:#}\n", json!(ours()))).unwrap();
    }
    let shown = case("windlass.json");
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), ours().len());
    for (shown, ours) in shown.iter().zip(ours()) {
        let outside = |secret: &Value| {
            let mut secret = secret.clone();
            secret["data"]["release"] = Value::Null; // gzip's bytes may differ between versions of the packer
            secret
        };
        assert_eq!(outside(shown), outside(&ours));
        let (shown, ours) = (read(shown).unwrap(), read(&ours).unwrap());
        assert_eq!(serde_json::to_value(&shown.release).unwrap(), serde_json::to_value(&ours.release).unwrap());
    }
}

#[test]
fn both_helms_read_our_secrets_to_the_field() {
    for (file, version) in [("read-by-helm3.json", 3), ("read-by-helm4.json", 4)] {
        let seen = case(file);
        let releases = seen["releases"].as_array().unwrap();
        assert_eq!(releases.len(), ours().len(), "{file}");
        assert_eq!(seen["deployed"], json!({"shop": 2}), "{file}");
        for secret in ours() {
            let ours = read(&secret).unwrap().release;
            let mut helms =
                releases.iter().find(|r| r["name"] == ours.name.as_str() && r["version"] == ours.version).unwrap().clone();
            without_empty_times(&mut helms);
            let mut expected = serde_json::to_value(&ours).unwrap();
            if version == 3 {
                // What helm 3 has no field for.
                expected.as_object_mut().unwrap().remove("apply_method");
                expected["info"].as_object_mut().unwrap().remove("rollback_revision");
                expected["chart"].as_object_mut().unwrap().remove("schemamodtime");
            }
            assert_eq!(helms, expected, "{file}");
            assert_eq!(seen["labels"][format!("{}.{}", ours.name, ours.version)], json!({"team": "blue"}), "{file}");
        }
    }
}

#[test]
fn a_record_too_large_for_a_secret_is_refused_before_anything_is_applied() {
    // Noise, so that gzip cannot help.
    let mut state = 1_u64;
    let noise: String = (0..1_200_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from(state >> 33 & 63).unwrap())
        })
        .collect();
    let release = Release { name: "big".into(), namespace: "town".into(), version: 1, manifest: noise, ..Release::default() };
    let error = secret(&release, &Marks::default(), Stamp::Created(Timestamp::UNIX_EPOCH), None).unwrap_err();
    assert!(error.size > MAX_PAYLOAD);
    assert!(error.to_string().starts_with("the record of release big would take"), "{error}");
}

#[test]
fn hooks_run_by_weight_then_name() {
    let hook = |name: &str, weight, events: &[Event]| Hook { name: name.into(), weight, events: events.to_vec(), ..Hook::default() };
    let hooks = [
        hook("b", 0, &[Event::PreInstall]),
        hook("a", 0, &[Event::PreInstall, Event::Test]),
        hook("z", -1, &[Event::PreInstall]),
        hook("t", 0, &[Event::Test]),
    ];
    let names = |event| hooks_for(&hooks, &event).iter().map(|hook| hook.name.as_str()).collect::<String>();
    assert_eq!(names(Event::PreInstall), "zab");
    assert_eq!(names(Event::Test), "at");
}

#[test]
fn the_memory_keeps_what_is_known_to_be_bad() {
    let mut memory = Memory::default();
    let bad = |revision: &str| Condemned { revision: revision.into(), digest: None, why: "Job failed".into(), at: Timestamp::UNIX_EPOCH, release: Some(3) };
    for at in 0..60 {
        memory.condemn(bad(&at.to_string()));
    }
    memory.condemn(bad("59"));
    let memory = Memory::parse(&memory.to_text()).unwrap();
    assert_eq!(memory.condemned.len(), Memory::LIMIT);
    assert_eq!(memory.against("59", Some("any")).unwrap().why, "Job failed");
    assert!(memory.against("5", None).is_none());
    assert!(Memory::parse("{").unwrap_err().contains("cannot be read"));
    assert_eq!(Memory::parse("").unwrap(), Memory::default());
}
