//! Pages as a browser sees them: scripts run, and what they draw is there. Without a browser these tests are passed
//! over, unless `HYPERSLAB_REQUIRE_BROWSER` says that there has to be one.

use super::{Bench, text};
use std::path::Path;
use std::process::Command;

/// What a headless browser makes of a page.
fn shown(page: &Path) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"];
    for name in names {
        let profile = tempfile::tempdir().unwrap();
        let own = format!("--user-data-dir={}", profile.path().display());
        let address = format!("file://{}", page.display());
        match Command::new(name).args(arguments).args([own, address]).output() {
            Ok(output) => return Some(text(&output.stdout)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => panic!("{name}: {e}"),
        }
    }
    assert!(std::env::var_os("HYPERSLAB_REQUIRE_BROWSER").is_none(), "none of {names:?} is there");
    eprintln!("passed over: none of {names:?} is there");
    None
}

#[test]
fn a_profile_is_drawn() {
    let bench = Bench::new();
    let expr = "a = x - x.mean(axis=0)  # 1 < 2 & \"3\"\na, a.std()";
    let page = bench.path("p.html");
    bench.says(&["eval", expr, "x=x.zarr/x", "-o", "y.zarr", "--threads", "2", "--profile", "p.html"]);
    let source = std::fs::read_to_string(&page).unwrap();
    for outside in ["http://", "https://", "src=", "href=", "@import", "url(http"] {
        assert!(!source.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
    }
    let Some(dom) = shown(&page) else { return };
    assert!(dom.contains("data-state=\"drawn\"") && !dom.contains("data-error"), "{dom}");
    assert!(dom.contains("1 &lt; 2 &amp; \"3\""), "{dom}");
    assert!(dom.contains(" on 2 threads; ") && dom.contains("decoded"), "{dom}");
    let after = |text: &str, mark: &str| text.split_once(mark).map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let timeline = after(&dom, "id=\"timeline\"");
    assert!(!timeline.starts_with(" data-tasks=\"0\""), "{timeline}");
    for part in ["thread 0", "thread 1", "class=\"lane\"><path", "id=\"memory\"", "id=\"rates\"", "budget "] {
        assert!(timeline.contains(part), "{part}: {timeline}");
    }
    assert!(after(&dom, "id=\"spent\"").contains(" %"));
    assert!(after(&dom, "data-stages=").contains("reduce mean(a)"));
    assert!(after(&dom, "class=\"plan\"").contains("<rect"));
}

#[test]
fn a_run_without_tasks_has_a_page() {
    let bench = Bench::new();
    bench.says(&["eval", "x[:0]", "x=x.npy", "--profile", "p.html"]);
    let Some(dom) = shown(&bench.path("p.html")) else { return };
    assert!(dom.contains("data-state=\"drawn\"") && !dom.contains("data-error"), "{dom}");
}
