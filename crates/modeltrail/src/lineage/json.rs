//! The answer as JSON; `docs/lineage.md` says what each field is.

use super::Lineage;
use super::text::{not_compared, shared_share};
use crate::collection::shared::Other;
use crate::collection::{NotFinite, Taken};
use crate::coverage::Coverage;
use crate::error::Problem;
use crate::lineage::compared::Compared;
use crate::lineage::rearranged::Arrangement;
use crate::lineage::verdict::{Grounds, Relation, SURE, SURE_OF_DISTANCES, SURE_OF_MATCHES};
use serde::Serialize;
use weightspace::relation::rearranged::{By, Common, Stream};
use weightspace::relation::units::Layer;
use weightspace::relation::unrelated::Outlier;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.lineage/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    suspect: &'a str,
    verdict: Relation,
    /// The surest first.
    groups: Vec<Group<'a>>,
    /// What it has in common with a checkpoint of other shapes.
    apart: Option<Arranged<'a>>,
    other_architectures: &'a [Other],
    not_read: &'a [Problem],
    not_finite: &'a [NotFinite],
    coverage: &'a Coverage,
}

#[derive(Serialize)]
struct Group<'a> {
    verdict: Relation,
    grounds: Grounds,
    level: f64,
    p: Option<f64>,
    log10_p: Option<f64>,
    from_sketches: bool,
    identical_to: Vec<&'a str>,
    nearest: Vec<Near<'a>>,
    candidates: usize,
    runs: usize,
    compared_share: f64,
    not_compared: Vec<&'a str>,
    units: Option<Units<'a>>,
    unrelated: Option<Unrelated>,
    also_related_runs: Vec<usize>,
    tested_runs: usize,
    alignment: Option<Alignment<'a>>,
    rearranged: Option<Arranged<'a>>,
    place: Option<Place<'a>>,
    /// How tensors of other names, or stored in another way, were matched: the suspect is A.
    #[serde(skip_serializing_if = "<[Taken]>::is_empty")]
    taken: &'a [Taken],
}

#[derive(Serialize)]
struct Near<'a> {
    name: &'a str,
    run: usize,
    place: usize,
    distance: f64,
    relative: f64,
    relative_to_unrelated: f64,
    log10_p: Option<f64>,
}

#[derive(Serialize)]
struct Units<'a> {
    log10_p: f64,
    layers: Vec<Tested<'a>>,
}

#[derive(Serialize)]
struct Tested<'a> {
    layer: &'a str,
    units: usize,
    similarity: f64,
    log10_p: f64,
}

#[derive(Serialize)]
struct Unrelated {
    runs: usize,
    mean: f64,
    deviation: f64,
    least: f64,
    log10_p: f64,
}

#[derive(Serialize)]
struct Alignment<'a> {
    tried: usize,
    with: &'a str,
    units: usize,
    moved: usize,
    distance_before: f64,
    distance_after: f64,
    not_aligned: usize,
    used: bool,
}

#[derive(Serialize)]
struct Arranged<'a> {
    with: &'a str,
    is_related: bool,
    grounds: Option<Grounds>,
    p: Option<f64>,
    log10_p: Option<f64>,
    candidates: usize,
    tried: usize,
    stream: Option<Stream>,
    log10_p_by_order: Option<f64>,
    log10_p_by_weights: Option<f64>,
    similarity: f64,
    layers: Vec<InCommon<'a>>,
}

#[derive(Serialize)]
struct InCommon<'a> {
    layer: &'a str,
    of: &'a str,
    units: [usize; 2],
    by: By,
    found: [usize; 2],
    similarity: f64,
    log10_p: f64,
}

#[derive(Serialize)]
struct Place<'a> {
    distance: f64,
    recent_step: Option<f64>,
    in_steps: Option<f64>,
    left_after: Option<&'a str>,
    left_between: Option<[&'a str; 2]>,
    is_certain: bool,
    nearest_is_first: bool,
    direction_is_known: bool,
}

impl Serialize for Lineage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

fn document<'a>(found: &'a Lineage) -> Document<'a> {
    Document {
        schema: SCHEMA,
        suspect: &found.suspect.name,
        verdict: found.relation(),
        groups: found
            .compared
            .iter()
            .map(|group| of(found, group))
            .collect(),
        apart: found.apart.as_ref().map(arranged),
        other_architectures: &found.rest.others,
        not_read: &found.rest.problems,
        not_finite: &found.rest.not_finite,
        coverage: &found.coverage,
    }
}

fn of<'a>(found: &'a Lineage, compared: &'a Compared) -> Group<'a> {
    let rows = compared.rows.iter();
    Group {
        verdict: compared.relation,
        grounds: compared.grounds,
        level: match compared.grounds {
            Grounds::UnrelatedRuns => SURE_OF_DISTANCES,
            Grounds::MatchedUnits => SURE_OF_MATCHES,
            _ => SURE,
        },
        p: compared.ln_p.map(f64::exp),
        log10_p: compared.ln_p.map(log10),
        from_sketches: compared.is_sketched(),
        identical_to: compared.copies.iter().map(|&m| compared.name(m)).collect(),
        nearest: rows
            .map(|row| Near {
                name: compared.name(row.near.member),
                run: row.near.run + 1,
                place: row.near.place + 1,
                distance: row.near.distance,
                relative: row.near.relative,
                relative_to_unrelated: row.near.relative_to_unrelated,
                log10_p: row.ln_p.map(log10),
            })
            .collect(),
        candidates: compared.candidates,
        runs: compared.runs.runs.len(),
        compared_share: shared_share(found, compared),
        not_compared: not_compared(found, compared),
        units: compared.units.as_ref().map(|units| Units {
            log10_p: log10(units.ln_p),
            layers: units.layers.iter().map(tested).collect(),
        }),
        unrelated: compared.outlier.map(unrelated),
        also_related_runs: compared.also_related.iter().map(|run| run + 1).collect(),
        tested_runs: compared.tested,
        alignment: compared.alignment.as_ref().map(|aligned| Alignment {
            tried: compared.alignments,
            with: compared.name(aligned.member),
            units: aligned.units,
            moved: aligned.moved,
            distance_before: aligned.before,
            distance_after: aligned.after,
            not_aligned: aligned.breaks,
            used: compared.is_aligned,
        }),
        rearranged: compared.rearranged.as_ref().map(arranged),
        place: compared.place.as_ref().map(|place| {
            let distance = compared.nearest().map_or(0.0, |near| near.distance);
            Place {
                distance,
                recent_step: place.recent_step,
                in_steps: place.recent_step.map(|step| distance / step),
                left_after: place.fork.map(|fork| compared.name(fork.after)),
                left_between: place
                    .fork
                    .map(|fork| [fork.between.0, fork.between.1].map(|m| compared.name(m))),
                is_certain: place.fork.is_some_and(|fork| fork.is_certain),
                nearest_is_first: place.is_first,
                direction_is_known: place.is_directed,
            }
        }),
        taken: &compared.group.taken,
    }
}

fn arranged(found: &Arrangement) -> Arranged<'_> {
    let grounds = found.grounds();
    Arranged {
        with: &found.name,
        is_related: grounds.is_some(),
        grounds: grounds.map(|(grounds, _)| grounds),
        p: grounds.map(|(_, ln_p)| ln_p.exp()),
        log10_p: grounds.map(|(_, ln_p)| log10(ln_p)),
        candidates: found.looked_at,
        tried: found.tried,
        stream: found.held.stream,
        log10_p_by_order: found.ln_exact.map(log10),
        log10_p_by_weights: found.ln_matched.map(log10),
        similarity: found.held.similarity,
        layers: found.held.layers.iter().map(in_common).collect(),
    }
}

fn in_common(layer: &Common) -> InCommon<'_> {
    InCommon {
        layer: &layer.layer,
        of: &layer.of,
        units: layer.units,
        by: layer.by,
        found: layer.found,
        similarity: layer.similarity,
        log10_p: log10(layer.ln_p),
    }
}

fn tested(layer: &Layer) -> Tested<'_> {
    Tested {
        layer: &layer.layer,
        units: layer.units,
        similarity: layer.similarity,
        log10_p: log10(layer.ln_p),
    }
}

fn unrelated(outlier: Outlier) -> Unrelated {
    Unrelated {
        runs: outlier.unrelated,
        mean: outlier.mean,
        deviation: outlier.deviation,
        least: outlier.least,
        log10_p: log10(outlier.ln_p),
    }
}

fn log10(ln: f64) -> f64 {
    ln / std::f64::consts::LN_10
}
