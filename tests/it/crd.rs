//! The CRD in `manifests/` is the one that the types give. `WINDLASS_BLESS=1` writes it anew.

use std::path::Path;

#[test]
fn the_crd_in_manifests_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/crd.yaml");
    let text = windlass::cli::crd::text();
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::write(&path, &text).expect("manifests/ can be written");
    }
    let there = std::fs::read_to_string(&path).expect("manifests/crd.yaml is there");
    assert!(there == text, "manifests/crd.yaml is not current: run WINDLASS_BLESS=1 cargo test --test it crd");
}
