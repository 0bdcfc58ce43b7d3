//! The measures that the paper sets itself against: similarity of activations, and spectra.

mod fine_tuning;
mod identity;
mod measures;

use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use fine_tuning::FineTuning;
use identity::Zoo;
use measures::Measure;
use report::figure::chart::Chart;
use report::figure::matrix::matrices;
use serde_json::{Map, Value};

const TEXT: &str = "\
CKA and SVCCA compare what two models answer to the same test images, in the last hidden layer and \
at the outputs; the power-law α compares the eigenvalue spectra of their layers (the sum over layers \
of the absolute differences). All of them stand beside the plain distance of the weights.\n\n\
The first tables ask whether a checkpoint can be told to be of the same run as an earlier one, among \
checkpoints of other runs after as many epochs: by the area under the ROC curve, and by how often the \
own run is the nearest of all. The second tables ask what each measure sees in the first epoch after \
the training data changed, against one more epoch without a change; \"by the epoch before\" divides \
by the same measure over the last epoch before. An area below a half says that the measure falls where \
it should rise. The third tables ask whether a model becomes unlike itself.\n\n\
With eight to ten eigenvalues a layer, α is a statistic of noise here; it was made for layers of \
hundreds.";

pub(super) fn run(world: &World) -> Result<Findings> {
    let images = world.data.test.take(if world.quick { 200 } else { 500 });
    let mut findings = Findings {
        title: "Related measures: CKA, SVCCA and power-law spectra",
        text: TEXT.into(),
        ..Findings::default()
    };
    let mut json = Map::new();
    let (mut to_the_last, mut maps, mut since) = (Vec::new(), Vec::new(), Vec::new());
    let mut tuned = Vec::new();
    for name in ["mlp", "cnn"] {
        let trained = world.zoo(name)?;
        let zoo = Zoo::new(world, trained, &images)?;
        let (table, identity, nearest) = identity::table(&zoo)?;
        for (measure, share) in nearest {
            let headline = format!("own_run_nearest_{}_{name}", measure.key());
            findings.headline(&headline, share.0, share.1);
        }
        findings.tables.push(table);
        to_the_last.push(identity::panel(&zoo)?);
        maps.push(identity::matrix(&zoo)?);
        let tuning = FineTuning::new(world, &trained.zoo.recipe, &images)?;
        let (table, fine_tuning) = tuning.table();
        tuned.extend([table, tuning.similarities(&zoo)?]);
        for measure in [Measure::LastHiddenCka, Measure::LastHiddenSvcca] {
            since.push(tuning.panel(measure, &zoo)?);
        }
        let of_zoo = [
            ("identity".to_owned(), identity),
            ("fine_tuning".to_owned(), fine_tuning),
            ("eigenvalues_in_a_tail".to_owned(), zoo.mean_tail().into()),
        ];
        json.insert(name.into(), Value::Object(of_zoo.into_iter().collect()));
    }
    findings.tables.extend(tuned);
    let chart = |title: &str, panels| Chart {
        title: title.into(),
        columns: 2,
        panels,
    };
    findings.figures = vec![
        Figure {
            name: "related-self-similarity".into(),
            caption: "Similarity of the last hidden layer to that of the last epoch, for the same \
                      run and for others: medians, and 10 to 90 % of the runs."
                .into(),
            svg: chart("Similarity to the last epoch", to_the_last).to_svg(),
        },
        Figure {
            name: "related-cka".into(),
            caption: "CKA of all checkpoints of two runs with each other; the blocks on the \
                      diagonal are one run."
                .into(),
            svg: matrices("CKA of two runs", 2, &maps),
        },
        Figure {
            name: "related-fine-tuning".into(),
            caption: "Similarity to the checkpoint at which the data changed. Dotted: the mean \
                      similarity of two models that share nothing but data and recipe."
                .into(),
            svg: chart("Similarity after a change of data", since).to_svg(),
        },
    ];
    findings.json = Value::Object(json);
    Ok(findings)
}
