//! What cannot be answered, and how that is said.

use crate::transcript::{EXAMPLES, Transcript};

#[test]
fn refusals() {
    let mut transcript = Transcript::new();
    std::fs::create_dir(transcript.path("empty")).unwrap();
    std::fs::write(transcript.path("letter.pt"), "Dear Sir").unwrap();
    std::fs::write(transcript.path("budget.toml"), "[total]\nrelativ = 1").unwrap();
    let base = format!("{EXAMPLES}/finetune/base.safetensors");
    for line in [
        "runs missing",
        "runs empty",
        "runs letter.pt",
        "order missing",
        "report missing --out page.html",
        "linkage missing",
        "umap empty",
        "sketch missing --out sketches.json",
        "export missing --out table.parquet",
        "import missing --out store",
        "verify missing",
        "zoo ls missing",
        "watch missing --once",
        "watch empty --once",
        &format!("watch {EXAMPLES}/shifted --once --undisturbed {EXAMPLES}/finetune/history"),
        &format!("diff {base} letter.pt"),
        &format!("diff {base} {EXAMPLES}/shifted/epoch-1.pt"),
        &format!("lineage letter.pt --against {base}"),
        &format!("lineage {base} --against empty"),
        &format!("gate --accredited {base} --candidate missing"),
        &format!("gate --accredited {base} --candidate {base} --budget budget.toml"),
        &format!("runs {base} --limit largest_header=1"),
        &format!("runs {base} --limit nonsense=1"),
        &format!("linkage {EXAMPLES}/shifted --space svd-50"),
        "zoo train mpl --out zoo",
        "zoo train mlp --epochs 0 --out zoo",
    ] {
        transcript.both(line);
    }
    transcript.check("refusals");
}
