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
}
