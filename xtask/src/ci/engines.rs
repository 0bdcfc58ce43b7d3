//! The same few models trained by `fused` and by engines of Burn, through `reproduce --backend`.

use super::commands::{self, HOME, cargo, empty, need_software_vulkan};
use anyhow::{Context, Result, ensure};
use checkpoint_store::{Checkpoints, Store};
use std::path::Path;
use weightspace::distance::distance;
use zoo_training::Backend;

/// Models and epochs of each zoo.
const SIZE: [&str; 4] = ["--seeds", "3", "--epochs", "3"];

/// Distance of the weights of an engine and `fused` after the first epoch, as a share of how far it
/// moved them: what docs/engines.md allows.
const ALLOWED: [(Backend, &str, f64); 4] = [
    (Backend::Ndarray, "mlp", 5e-6),
    (Backend::Ndarray, "cnn-paper", 3e-5),
    (Backend::Wgpu, "mlp", 1e-3),
    (Backend::Wgpu, "cnn-paper", 1e-3),
];

/// After the last epoch rounding has grown, as it does along every trajectory; a wrong kernel or a
/// wrong order of the images is far beyond this.
const ALLOWED_AT_LAST: f64 = 1e-2;

pub(super) fn run() -> Result<Vec<String>> {
    need_software_vulkan()?;
    let mut notes = Vec::new();
    for backend in [Backend::Fused, Backend::Ndarray, Backend::Wgpu] {
        let name = backend.name();
        let home = empty(&format!("engines/{name}"))?;
        let mut command = cargo(&["xtask", "reproduce", "--quick", "--backend", name]);
        command.args(SIZE);
        command.arg("--zoos").arg(home.join("zoos"));
        command.arg("--out").arg(home.join("paper"));
        commands::run(&mut command)?;
        for (_, zoo, allowed) in ALLOWED.iter().filter(|allowed| allowed.0 == backend) {
            notes.push(compare(backend, zoo, *allowed)?);
        }
    }
    Ok(notes)
}

/// How far apart the engine and `fused` are.
fn compare(backend: Backend, zoo: &str, allowed: f64) -> Result<String> {
    let load = |backend: Backend| {
        let zoos = Path::new(HOME)
            .join("engines")
            .join(backend.name())
            .join("zoos");
        anyhow::Ok(Store::open(zoos.join(zoo))?.load()?)
    };
    let [first, last] = apart(&load(Backend::Fused)?, &load(backend)?)?;
    let name = backend.name();
    let found = format!(
        "{name} and fused, {zoo}: {first:.1e} of the way after the first epoch ({allowed:.0e} \
         allowed), {last:.1e} after the last ({ALLOWED_AT_LAST:.0e} allowed)"
    );
    ensure!(first <= allowed && last <= ALLOWED_AT_LAST, "{found}");
    Ok(found)
}

/// The largest distance between two trainings of a model after the first epoch and after the last,
/// as a share of how far the first training had come.
fn apart(one: &Checkpoints, other: &Checkpoints) -> Result<[f64; 2]> {
    let labels = one.checkpoints();
    let last = labels.iter().map(|label| label.epoch).max().unwrap_or(0);
    let weights = |zoo: &Checkpoints, run: u64, epoch: u32| -> Result<Vec<f32>> {
        let is_wanted =
            |label: &checkpoint_store::Checkpoint| (label.run, label.epoch) == (run, epoch);
        let column = zoo.checkpoints().iter().position(is_wanted);
        let column = column.with_context(|| format!("run {run} has no epoch {epoch}"))?;
        Ok(zoo.matrix().column(column).iter().copied().collect())
    };
    let mut most = [0.0_f64; 2];
    for label in labels.iter().filter(|label| label.epoch == 0) {
        let start = weights(one, label.run, 0)?;
        for (most, epoch) in most.iter_mut().zip([1, last]) {
            let ours = weights(one, label.run, epoch)?;
            let theirs = weights(other, label.run, epoch)?;
            let share = distance(&ours, &theirs) / distance(&ours, &start);
            ensure!(share.is_finite(), "run {} did not move", label.run);
            *most = most.max(share);
        }
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoo::Trainer;
    use zoo_training::{Dataset, Recipe};

    #[test]
    fn a_training_is_no_way_apart_from_itself_and_far_from_one_of_other_images() {
        let folder = tempfile::tempdir().unwrap();
        let data = Dataset::mnist14().unwrap().take(48, 10);
        let train = |name: &str, data: &Dataset| {
            let recipe = Recipe {
                seeds: 2,
                epochs: 2,
                ..Recipe::preset("mlp").unwrap()
            };
            let store = Trainer::new(recipe, data)
                .store(folder.path().join(name))
                .train();
            store.unwrap().load().unwrap()
        };
        let one = train("one", &data);
        assert_eq!(apart(&one, &train("again", &data)).unwrap(), [0.0; 2]);
        let turned = Dataset {
            train: data.train.rotated(90.0),
            ..data.clone()
        };
        let [first, last] = apart(&one, &train("turned", &turned)).unwrap();
        assert!(
            first > ALLOWED[3].2 && last > ALLOWED_AT_LAST,
            "{first} {last}"
        );
    }
}
