//! Single decisions: what the simulation found wrong once, each by its own name.

use windlass::decide::*;

const NOW: Millis = 1_700_000_000_000;
const HOLDER: &str = "second";

fn entry(number: u64, phase: Phase, op: Op, holder: &str) -> Entry {
    let mark = Mark {
        op,
        revision: "r1".into(),
        digest: "d1".into(),
        stage: Stage::Apply,
        waves: Waves::default(),
        since: NOW,
        opened: NOW,
        tries: 0,
        not_before: 0,
        failure: None,
        good: phase == Phase::Deployed,
        holder: holder.into(),
        approved: None,
        colour: String::new(),
    };
    Entry { number, phase, mark: Some(mark), modified: NOW, uid: format!("uid-{number}") }
}

/// The decision of an agent that is sure of this record, and knows of the branch and the plan all that it takes to open an upgrade
/// to `r2`.
fn decided(policy: Policy, record: &Record, owned: bool) -> Decision {
    by_facts(policy, record, Facts { owned, sure: true, ..Facts::default() })
}

fn by_facts(policy: Policy, record: &Record, known: Facts) -> Decision {
    let policy = Policy { holder: HOLDER.into(), ..policy };
    let facts = Facts {
        head: Some(Head { commit: Ok("r2".into()), next: NOW + 60_000, token: None }),
        target: Some(Target { revision: "r2".into(), digest: Ok("d2".into()), next: NOW + 60_000 }),
        plan: Some(PlanFact {
            digest: "d2".into(),
            base: record.deployed().map(|entry| entry.number),
            result: Ok(Counts::default()),
            guard: Vec::new(),
            next: NOW + 60_000,
        }),
        ..known
    };
    decide(&View { now: NOW, policy: &policy, record: Some(record), facts: &facts, window: Window::Open })
}

#[test]
fn an_attempt_that_another_came_after_is_closed_before_anything_else() {
    // The former leader's upgrade was under way when it lost its lease; the new one has begun to uninstall the release before it.
    let entries = vec![
        entry(18, Phase::Open, Op::Uninstall { cleanup: false }, HOLDER),
        entry(19, Phase::Open, Op::Upgrade, "first"),
    ];
    let record = Record { entries, memory: Memory::default() };
    for policy in [Policy::default(), Policy { deleting: true, ..Policy::default() }, Policy { suspended: true, ..Policy::default() }] {
        let decision = decided(policy, &record, true);
        let Decision::Do(Step::Fail { number: 18, failure }) = decision else { panic!("{decision:?}") };
        assert_eq!(failure.reason, "Overtaken");
        assert!(!failure.condemns(), "nobody is to blame");
    }
}

#[test]
fn an_attempt_that_helm_came_after_is_closed_too() {
    let helm = Entry { mark: None, ..entry(6, Phase::Deployed, Op::Upgrade, "") };
    let record = Record { entries: vec![entry(5, Phase::Open, Op::Upgrade, HOLDER), helm], memory: Memory::default() };
    let decision = decided(Policy::default(), &record, true);
    assert!(matches!(decision, Decision::Do(Step::Fail { number: 5, .. })), "{decision:?}");
}

#[test]
fn an_attempt_is_given_up_where_the_release_shall_go() {
    let under_way = |op| Record { entries: vec![entry(1, Phase::Deployed, Op::Install, HOLDER), entry(2, Phase::Open, op, HOLDER)], memory: Memory::default() };
    let next = |policy, op| by_facts(policy, &under_way(op), Facts { owned: true, sure: true, confirmed: Some(2), ..Facts::default() });
    let deleting = Policy { deleting: true, ..Policy::default() };
    for op in [Op::Install, Op::Upgrade, Op::Rollback { to: 1, by_hand: false }] {
        let decision = next(deleting.clone(), op);
        assert!(matches!(decision, Decision::Do(Step::Open { number: 2, op: Op::Uninstall { cleanup: false }, .. })), "{decision:?}");
        // Helm shall find nothing pending in what is left to it.
        let decision = next(Policy { orphan: true, ..deleting.clone() }, op);
        assert!(matches!(decision, Decision::Do(Step::Run { number: 2, .. })), "{decision:?}");
    }
    let decision = next(deleting, Op::Uninstall { cleanup: false });
    assert!(matches!(decision, Decision::Do(Step::Run { number: 2, .. })), "a removal goes on: {decision:?}");
}

#[test]
fn what_helm_left_pending_behind_its_own_releases_stays() {
    let helm = |number, phase| Entry { mark: None, ..entry(number, phase, Op::Upgrade, "") };
    let record = Record { entries: vec![helm(5, Phase::Open), helm(6, Phase::Deployed)], memory: Memory::default() };
    let decision = decided(Policy::default(), &record, true);
    assert!(matches!(decision, Decision::Do(Step::Open { number: 7, .. })), "{decision:?}");
}

#[test]
fn a_new_leader_writes_the_memory_before_it_opens_anything() {
    let record = Record { entries: vec![entry(1, Phase::Deployed, Op::Install, "first")], memory: Memory { setbacks: 3, ..Memory::default() } };
    let decision = decided(Policy::default(), &record, false);
    // A write without a change is none to the API server: the time makes it one.
    let wanted = Memory { claimed: NOW, ..record.memory.clone() };
    assert_eq!(decision, Decision::Do(Step::Remember(wanted)));
    let decision = decided(Policy::default(), &record, true);
    assert!(matches!(decision, Decision::Do(Step::Open { number: 2, .. })), "{decision:?}");
}

#[test]
fn a_first_release_has_no_memory_to_be_claimed() {
    let decision = decided(Policy::default(), &Record::default(), false);
    assert!(matches!(decision, Decision::Do(Step::Open { number: 1, .. })), "{decision:?}");
}

#[test]
fn what_was_read_once_is_read_again_before_anything_is_opened_or_put_back() {
    // The history limit frees names: on an old reading a record of a number that is long gone could be created.
    let record = Record { entries: vec![entry(1, Phase::Deployed, Op::Install, HOLDER)], memory: Memory::default() };
    let known = |sure| Facts { owned: true, sure, drift: Some(Drift::Found("Deployment web".into())), ..Facts::default() };
    for (policy, then) in [
        (Policy::default(), "Open"),
        (Policy { deleting: true, ..Policy::default() }, "Open"),
        (Policy { manual: true, self_heal: true, ..Policy::default() }, "Repair"),
    ] {
        assert_eq!(by_facts(policy.clone(), &record, known(false)), Decision::Do(Step::Load));
        let decision = by_facts(policy, &record, known(true));
        assert!(format!("{decision:?}").starts_with(&format!("Do({then}")), "{decision:?}");
    }
}

#[test]
fn an_open_attempt_is_claimed_again_after_it_was_read_anew() {
    let record = Record { entries: vec![entry(1, Phase::Open, Op::Install, HOLDER)], memory: Memory::default() };
    let known = |confirmed| Facts { confirmed, ..Facts::default() };
    assert_eq!(by_facts(Policy::default(), &record, known(None)), Decision::Do(Step::Claim { number: 1 }));
    assert_eq!(by_facts(Policy::default(), &record, known(Some(1))), Decision::Do(Step::Run { number: 1, stage: Stage::Apply }));
}

/// The second release was ours and good; helm then wrote its record, or made another one.
fn after_helm(number: u64) -> (Record, Managed) {
    let ours = entry(2, Phase::Deployed, Op::Upgrade, HOLDER);
    let known = managed(&Record { entries: vec![ours], memory: Memory::default() }).unwrap();
    let helm = Entry { mark: None, ..entry(number, Phase::Deployed, Op::Upgrade, "") };
    (Record { entries: vec![helm], memory: Memory::default() }, known)
}

fn knowing(managed: Option<Managed>) -> Facts {
    Facts { managed, owned: true, sure: true, ..Facts::default() }
}

#[test]
fn a_release_costs_no_write_to_be_known_again_unless_helm_is_followed() {
    let record = Record { entries: vec![entry(2, Phase::Deployed, Op::Upgrade, HOLDER)], memory: Memory::default() };
    let known = managed(&record);
    let decision = by_facts(Policy::default(), &record, knowing(known.clone()));
    assert!(matches!(decision, Decision::Do(Step::Open { number: 3, .. })), "{decision:?}");
    let decision = by_facts(Policy { follow_helm: true, ..Policy::default() }, &record, knowing(known.clone()));
    let wanted = Memory { managed: known.map(Box::new), ..Memory::default() };
    assert_eq!(decision, Decision::Do(Step::Remember(wanted)));
}

#[test]
fn a_record_that_helm_wrote_again_gets_its_mark_back() {
    let (mut record, known) = after_helm(2);
    let restored = Decision::Do(Step::Restore(Box::new(known.clone())));
    assert_eq!(by_facts(Policy::default(), &record, knowing(Some(known.clone()))), restored);
    // A restart later the memory knows it, where there is one.
    record.memory.managed = Some(Box::new(known));
    assert_eq!(by_facts(Policy::default(), &record, knowing(None)), restored);
    // Whoever knows nothing of it takes the release over.
    record.memory.managed = None;
    let decision = by_facts(Policy::default(), &record, knowing(None));
    assert!(matches!(decision, Decision::Do(Step::Open { number: 3, .. })), "{decision:?}");
}

#[test]
fn what_helm_made_is_noticed_once_and_then_repaired_or_followed() {
    let (mut record, known) = after_helm(3);
    let facts = || knowing(Some(known.clone()));
    let Decision::Do(Step::Remember(memory)) = by_facts(Policy::default(), &record, facts()) else { panic!("it is not noticed") };
    assert_eq!(memory.foreign.as_ref().map(|foreign| (foreign.number, foreign.head.as_str())), Some((3, "r2")));
    assert_eq!(memory.managed.as_deref(), Some(&known), "a restart later it is still known whose it was");
    record.memory = memory;
    let decision = by_facts(Policy::default(), &record, facts());
    assert!(matches!(decision, Decision::Do(Step::Open { number: 4, .. })), "{decision:?}");
    let decision = by_facts(Policy { follow_helm: true, ..Policy::default() }, &record, Facts { drift: Some(Drift::None), ..facts() });
    assert!(matches!(decision, Decision::Wait { why: Why::ChangedByHelm { number: 3 }, .. }), "{decision:?}");
    // An old reading is no news of helm.
    record.memory = Memory::default();
    assert_eq!(by_facts(Policy::default(), &record, Facts { sure: false, ..facts() }), Decision::Do(Step::Load));
}
