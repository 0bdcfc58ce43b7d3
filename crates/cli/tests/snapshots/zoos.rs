//! Every command on a small zoo. The fused engine trains the same bits on every machine.

use crate::transcript::Transcript;

fn check(recipe: &str, size: &str, run: usize, epochs: [usize; 2]) {
    let mut transcript = Transcript::new();
    let train = format!("zoo train {recipe} {size} --backend fused --out");
    transcript.run(&format!("{train} zoo"));
    transcript.run(&format!("{train} again --json"));
    transcript.both("zoo ls zoo");
    transcript.both("zoo verify zoo");
    transcript.both("runs zoo");
    transcript.both("order zoo");
    transcript.both("order zoo --space svd-10");
    transcript.both("linkage zoo");
    transcript.both("linkage zoo --space svd-10");
    let [early, late] = epochs.map(|epoch| format!("zoo:{run}/{epoch}"));
    transcript.both(&format!("diff {early} {late}"));
    transcript.both(&format!("lineage {late} --against zoo"));
    transcript.both(&format!("gate --accredited {early} --candidate {late}"));
    transcript.check(recipe);
}

#[test]
fn a_zoo_of_mlps() {
    check("mlp", "--seeds 5 --epochs 8", 3, [5, 6]);
}

#[test]
fn a_zoo_of_cnns() {
    check("cnn", "--seeds 3 --epochs 5", 1, [1, 5]);
}

#[test]
fn a_recipe_of_ones_own() {
    let mut transcript = Transcript::new().without_fractions();
    let recipe = "name = \"own\"\narchitecture = \"mlp\"\nlearning_rate = 0.01\nmomentum = 0.5\n\
                  weight_decay = 0.0\nbatch_size = 20\nepochs = 6\nseeds = 2\nfirst_seed = 40\n";
    std::fs::write(transcript.path("own.toml"), recipe).unwrap();
    transcript.both("zoo train own.toml --out zoo");
    transcript.both("umap zoo --neighbors 4");
    transcript.run("export zoo --format npz --out exported --json");
    transcript.listing("exported");
    transcript.run("sketch zoo --out sketches.json --json");
    transcript.run("import exported --out imported --json");
    transcript.run("zoo train own.toml --out zoo --seeds 3");
    transcript.check("own");
}
