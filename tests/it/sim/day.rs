//! A day in which others move what is theirs: an autoscaler its target's replicas, an injector its certificate bundle, an
//! admission webhook its sidecar. Nobody's business is the agent's: it looks, and writes nothing.
//!
//! What is compared are whole objects, by the same functions as in the agent; the fake server knows of server-side apply what
//! that takes (who owns which field, what an apply without a field takes away, admission on dry runs, too).

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use windlass::{
    decide::*,
    object::{Object, digest::drift_fingerprint, ownership::FIELD_MANAGER},
    plan::ignore::{self, Rule},
};

/// One step into an object: a key, or a list's item by its name.
type Place = Vec<String>;
/// Who wrote a field, by way of which subresource.
type Manager = (&'static str, &'static str);

const US: Manager = (FIELD_MANAGER, "");
const AUTOSCALER: Manager = ("kube-controller-manager", "scale");
const MINUTE: Millis = 60_000;

/// An object as the server keeps it: its leaves, and their owners.
#[derive(Clone, Default)]
struct Kept {
    leaves: BTreeMap<Place, Value>,
    owners: BTreeMap<Manager, BTreeSet<Place>>,
}

impl Kept {
    /// Server-side apply, by force.
    fn apply(&self, sent: &Value, sidecar: bool) -> Kept {
        let (mut next, mut leaves) = (self.clone(), BTreeMap::new());
        flatten(sent, &mut Vec::new(), &mut leaves);
        let before = next.owners.remove(&US).unwrap_or_default();
        for gone in before.iter().filter(|place| !leaves.contains_key(*place)) {
            if !next.owners.values().any(|owned| owned.contains(gone)) {
                next.leaves.remove(gone);
            }
        }
        for (place, value) in &leaves {
            if next.leaves.insert(place.clone(), value.clone()).as_ref() != Some(value) {
                next.owners.values_mut().for_each(|owned| {
                    owned.remove(place);
                });
            }
        }
        next.owners.insert(US, leaves.into_keys().collect());
        if sidecar {
            let image = ["spec", "template", "spec", "containers", "name=proxy", "image"].map(str::to_owned).to_vec();
            next.write(("injector", ""), image, json!("proxy:1"));
        }
        next
    }

    fn write(&mut self, manager: Manager, place: Place, value: Value) {
        self.owners.values_mut().for_each(|owned| {
            owned.remove(&place);
        });
        self.owners.entry(manager).or_default().insert(place.clone());
        self.leaves.insert(place, value);
    }

    /// As it is read, with `managedFields`.
    fn json(&self) -> Value {
        let mut object = json!({});
        self.leaves.iter().for_each(|(place, value)| plant(&mut object, place, value));
        let fields = |owned: &BTreeSet<Place>| {
            let mut fields = json!({});
            for place in owned {
                let mut at = &mut fields;
                for step in place {
                    let key = step.strip_prefix("name=").map_or_else(|| format!("f:{step}"), |name| format!("k:{}", json!({ "name": name })));
                    at = &mut at[key];
                    if at.is_null() {
                        *at = json!({});
                    }
                }
            }
            fields
        };
        let entries = self.owners.iter().map(|((manager, subresource), owned)| {
            json!({"manager": manager, "subresource": subresource, "fieldsType": "FieldsV1", "fieldsV1": fields(owned)})
        });
        object["metadata"]["managedFields"] = entries.collect();
        object
    }
}

fn flatten(value: &Value, at: &mut Place, leaves: &mut BTreeMap<Place, Value>) {
    let mut below = |step: String, child: &Value| {
        at.push(step);
        flatten(child, at, leaves);
        at.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| below(key.clone(), child)),
        Value::Array(list) => {
            list.iter().for_each(|item| below(format!("name={}", item["name"].as_str().unwrap()), item));
        }
        leaf => drop(leaves.insert(at.clone(), leaf.clone())),
    }
}

fn plant(object: &mut Value, place: &[String], value: &Value) {
    let Some((step, rest)) = place.split_first() else {
        *object = value.clone();
        return;
    };
    let Some(name) = step.strip_prefix("name=") else { return plant(&mut object[step.as_str()], rest, value) };
    if !object.is_array() {
        *object = json!([]);
    }
    let list = object.as_array_mut().unwrap();
    let at = list.iter().position(|item| item["name"] == name).unwrap_or_else(|| {
        list.push(json!({ "name": name }));
        list.len() - 1
    });
    plant(&mut list[at], rest, value);
}

fn chart(autoscaler: bool) -> Vec<Object> {
    let mut objects = vec![
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "web"},
            "webhooks": [{"name": "web.example.com", "clientConfig": {"url": "https://web", "caBundle": ""}}],
        }),
    ];
    if autoscaler {
        objects.push(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        }));
    }
    objects.into_iter().map(|object| Object::new(object, None)).collect()
}

/// How the day is told apart from others.
#[derive(Clone, Copy)]
struct Day {
    /// The chart holds the autoscaler (else it is the user's own).
    in_chart: bool,
    autoscaled: bool,
    /// Somebody says `kubectl scale`, once.
    by_hand: bool,
    /// A planted fault: nothing is left to others.
    greedy: bool,
}

/// What a day cost.
#[derive(Debug, Default, PartialEq)]
struct Cost {
    writes: u32,
    checks: u32,
    polls: u32,
}

/// Runs it minute by minute; the cost, and the replicas in the end.
fn run(day: Day) -> (Cost, Value) {
    let chart = chart(day.in_chart);
    let mut api: Vec<Kept> = chart.iter().map(|object| Kept::default().apply(&object.json, is_web(object))).collect();
    let (mut facts, mut clean, mut cost) = (Facts::default(), BTreeMap::new(), Cost::default());
    let policy = Policy { holder: "one".into(), self_heal: true, interval: 3 * MINUTE, timeout: 5 * MINUTE, ..Policy::default() };
    let record = released();
    let begin: Millis = 1_700_000_000_000;
    let mut now = begin;
    while now < begin + 24 * 60 * MINUTE {
        let minute = (now - begin) / MINUTE;
        if others_move(day, minute, &mut api) {
            // The watch tells of it.
            (facts.drift, facts.health) = (None, None);
        }
        // A step takes no time here; more than a few in a minute would be a loop.
        for _ in 0..10 {
            match decide(&View { now, policy: &policy, record: Some(&record), facts: &facts, window: Window::Open }) {
                Decision::Wait { .. } => break,
                Decision::Do(Step::Load) => facts.sure = true,
                Decision::Do(Step::Fetch { token }) => {
                    cost.polls += 1;
                    facts.head = Some(Head { commit: Ok("r1".into()), next: now + policy.interval, token });
                }
                Decision::Do(Step::Render { revision }) => facts.target = Some(Target { revision, digest: Ok("d1".into()), next: now }),
                Decision::Do(Step::CheckDrift { .. }) => {
                    cost.checks += 1;
                    let drifted = drift(&chart, &api, &mut clean, day.greedy);
                    facts.drift = Some(if drifted.is_empty() { Drift::None } else { Drift::Found(format!("{drifted:?}")) });
                }
                Decision::Do(Step::Repair { .. }) => {
                    for at in drift(&chart, &api, &mut clean, day.greedy) {
                        cost.writes += 1;
                        api[at] = api[at].apply(&sent(&chart, at, &api[at].json(), day.greedy), is_web(&chart[at]));
                    }
                    (facts.drift, facts.repairs, facts.repaired) = (Some(Drift::None), facts.repairs + 1, now);
                }
                Decision::Do(step) => panic!("minute {minute}: {step:?} on a day without news"),
            }
        }
        now += MINUTE;
    }
    (cost, api[0].json()["spec"]["replicas"].clone())
}

fn is_web(object: &Object) -> bool {
    object.reference.gvk.kind == "Deployment"
}

fn released() -> Record {
    let mark = Mark {
        op: Op::Install,
        revision: "r1".into(),
        digest: "d1".into(),
        stage: Stage::Close,
        waves: Waves::default(),
        since: 0,
        opened: 0,
        tries: 0,
        not_before: 0,
        failure: None,
        good: true,
        holder: "one".into(),
        approved: None,
        colour: String::new(),
    };
    Record { entries: vec![Entry { number: 1, phase: Phase::Deployed, mark: Some(mark), modified: 0, uid: "1".into() }], memory: Memory::default() }
}

/// What controllers and people do in this minute; whether the watch has anything to tell.
fn others_move(day: Day, minute: i64, api: &mut [Kept]) -> bool {
    let replicas = ["spec", "replicas"].map(str::to_owned).to_vec();
    if day.autoscaled && minute % 7 == 3 {
        api[0].write(AUTOSCALER, replicas, json!(2 + minute % 5));
    } else if day.by_hand && minute == 300 {
        api[0].write(("kubectl", "scale"), replicas, json!(9));
    } else if minute % 60 == 17 {
        let bundle = ["webhooks", "name=web.example.com", "clientConfig", "caBundle"].map(str::to_owned).to_vec();
        api[1].write(("cainjector", ""), bundle, json!(format!("bundle {}", minute / 60)));
    } else {
        return false;
    }
    true
}

fn sent(chart: &[Object], at: usize, live: &Value, greedy: bool) -> Value {
    let mut rules: Vec<Rule> = ignore::defaults();
    rules.extend(ignore::implied(chart));
    if greedy { chart[at].json.clone() } else { ignore::settle(&chart[at], live, &rules) }
}

/// Which objects an apply would change, as `agent/learn.rs` tells it.
fn drift(chart: &[Object], api: &[Kept], clean: &mut BTreeMap<usize, String>, greedy: bool) -> Vec<usize> {
    let drifted = |at: &usize| {
        let live = api[*at].json();
        let fingerprint = drift_fingerprint(&live);
        if clean.get(at) == Some(&fingerprint) {
            return false;
        }
        let dry = api[*at].apply(&sent(chart, *at, &live, greedy), is_web(&chart[*at]));
        let same = drift_fingerprint(&dry.json()) == fingerprint;
        if same {
            clean.insert(*at, fingerprint);
        }
        !same
    };
    (0..chart.len()).filter(drifted).collect()
}

const QUIET: Day = Day { in_chart: false, autoscaled: true, by_hand: false, greedy: false };

#[test]
fn an_autoscaler_and_injectors_bring_no_write_in_a_day() {
    for in_chart in [false, true] {
        let (cost, replicas) = run(Day { in_chart, ..QUIET });
        assert_eq!(cost.writes, 0, "{cost:?}");
        assert!(cost.checks > 200 && cost.polls > 400, "it looked: {cost:?}");
        assert_eq!(replicas, json!(2 + 1438 % 5), "the autoscaler's last word stands");
    }
}

#[test]
fn a_replica_count_set_by_hand_is_put_back_once() {
    let (cost, replicas) = run(Day { autoscaled: false, by_hand: true, ..QUIET });
    assert_eq!((cost.writes, replicas), (1, json!(2)), "{cost:?}");
}

#[test]
fn an_agent_that_leaves_nothing_to_others_would_be_noticed() {
    let (cost, _) = run(Day { greedy: true, ..QUIET });
    assert!(cost.writes > 20, "{cost:?}");
}
