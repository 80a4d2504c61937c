//! The order in which helm installs and removes kinds (`pkg/release/v1/util/kind_sorter.go`, v4.3.1).

use super::Object;

/// Helm's `InstallOrder`: kinds that others need come first. Kinds not named here come after them all, by kind.
pub const INSTALL: &[&str] = &crate::render::INSTALL_ORDER;

/// Helm's `UninstallOrder`. It is not exactly the reverse: validating webhooks go before mutating ones, and so on.
pub const UNINSTALL: &[&str] = &crate::render::UNINSTALL_ORDER;

/// Where a kind stands when installing: sort by this, stably. Unknown kinds are last, among themselves by kind.
pub fn install_order(kind: &str) -> (usize, &str) {
    rank(INSTALL, kind)
}

/// Where a kind stands when uninstalling: sort by this, stably.
pub fn uninstall_order(kind: &str) -> (usize, &str) {
    rank(UNINSTALL, kind)
}

/// An object's own word on when it is applied: a whole number, 0 where it says nothing. Lower waves come first.
pub const WAVE: &str = "windlass.dev/wave";

/// The wave that an object belongs to.
///
/// # Errors
/// The annotation's text, where it is no whole number.
pub fn wave(object: &Object) -> Result<i32, String> {
    match super::annotation(&object.json, WAVE) {
        None => Ok(0),
        Some(text) => text.trim().parse().map_err(|_| text.to_owned()),
    }
}

/// Sorts for installing by waves, and inside of each as [`sort_install`]. A wave that cannot be read counts as 0.
pub fn sort_waves(objects: &mut [Object]) {
    sort_install(objects);
    objects.sort_by_key(|object| wave(object).unwrap_or(0));
}

/// Sorts for uninstalling: the last wave goes first, each in the order of [`sort_uninstall`].
pub fn sort_waves_back(objects: &mut [Object]) {
    sort_uninstall(objects);
    objects.sort_by_key(|object| std::cmp::Reverse(wave(object).unwrap_or(0)));
}

/// Where each wave of a sorted set ends: `[2, 5]` is two waves, of objects 0–1 and 2–4. One wave of nothing for an empty set.
pub fn wave_ends(objects: &[Object]) -> Vec<usize> {
    let number = |object: &Object| wave(object).unwrap_or(0);
    let inner = objects.windows(2).enumerate().filter(|(_, pair)| number(&pair[0]) != number(&pair[1])).map(|(at, _)| at + 1);
    inner.chain([objects.len()]).collect()
}

fn rank<'a>(order: &[&str], kind: &'a str) -> (usize, &'a str) {
    match order.iter().position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (order.len(), kind),
    }
}

/// Sorts for installing; objects of one kind keep their order.
pub fn sort_install(objects: &mut [Object]) {
    objects.sort_by(|a, b| install_order(&a.reference.gvk.kind).cmp(&install_order(&b.reference.gvk.kind)));
}

/// Sorts for uninstalling; objects of one kind keep their order.
pub fn sort_uninstall(objects: &mut [Object]) {
    objects.sort_by(|a, b| uninstall_order(&a.reference.gvk.kind).cmp(&uninstall_order(&b.reference.gvk.kind)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_go_in_helms_order_and_unknown_ones_last() {
        let mut objects: Vec<Object> = ["Zebra", "Deployment", "Aardvark", "Namespace", "Zebra", "Secret"]
            .iter()
            .enumerate()
            .map(|(at, kind)| Object::new(json!({"kind": kind, "metadata": {"name": at.to_string()}}), None))
            .collect();
        let names = |objects: &[Object]| objects.iter().map(|o| o.reference.name.clone()).collect::<String>();
        sort_install(&mut objects);
        assert_eq!(names(&objects), "351204");
        sort_uninstall(&mut objects);
        assert_eq!(names(&objects), "153204");
    }

    #[test]
    fn waves_go_before_kinds_and_come_back_in_reverse() {
        let object = |kind: &str, wave: &str| {
            let annotations = if wave.is_empty() { json!({}) } else { json!({ WAVE: wave }) };
            Object::new(json!({"kind": kind, "metadata": {"name": format!("{kind}{wave}"), "annotations": annotations}}), None)
        };
        let mut objects = vec![object("Deployment", ""), object("ConfigMap", "10"), object("Job", "-1"), object("Service", ""), object("Secret", "2")];
        let names = |objects: &[Object]| objects.iter().map(|o| o.reference.name.clone()).collect::<Vec<_>>().join(" ");
        sort_waves(&mut objects);
        assert_eq!(names(&objects), "Job-1 Service Deployment Secret2 ConfigMap10");
        assert_eq!(wave_ends(&objects), [1, 3, 4, 5]);
        sort_waves_back(&mut objects);
        assert_eq!(names(&objects), "ConfigMap10 Secret2 Service Deployment Job-1");
        assert_eq!(wave_ends(&[]), [0]);
        assert_eq!(wave(&object("Job", "soon")), Err("soon".into()));
    }
}
