//! The reference page, from the table of drivers.

use super::DRIVERS;

/// `docs/reference/webhooks.md`, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Webhooks\n\n\
         Made from the table in `src/webhooks/mod.rs`; a test keeps it current (`WINDLASS_BLESS=1 cargo test --lib webhooks` writes it). How to set one up:\n\
         `docs/guides/webhooks.md`.\n\n\
         A `Receiver`'s address is `/webhook/DRIVER/TOKEN` on the agent's HTTP port; its path stands in `status.path`. The token comes from the Secret's key\n\
         and tells nothing of it. Every call is proved as the table says, and answered at once:\n\n\
         | answer | what it means |\n|---|---|\n\
         | 202 | taken; the Environments that it concerns look at once |\n\
         | 200 | proved, and nothing to do: a ping, another kind of event, a delivery that came before |\n\
         | 400 | proved, and not what this sender sends |\n\
         | 401 | not proved, forged, or too old |\n\
         | 404 | no Receiver has this address |\n\
         | 413 | larger than this sender's payloads are |\n\
         | 503 | too much at once, or a certificate that could not be fetched: send it again |\n\n",
    );
    for driver in DRIVERS {
        let body = match driver.max_body {
            bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
            bytes => format!("{} KiB", bytes >> 10),
        };
        page.push_str(&format!(
            "## `{}`: {}\n\n- tells: {}\n- proof: {}\n- known again by: {}\n- at the sender: {}\n- largest body: {body}\n- payloads: {}\n\n",
            driver.name, driver.title, driver.tells, driver.proof, driver.replay, driver.setup, driver.source
        ));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}
