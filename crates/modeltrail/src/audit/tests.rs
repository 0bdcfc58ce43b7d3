use super::*;
use crate::collection::sketches::StoredAs;
use crate::collection::{Aside, AsideClaim, Claims, From, PositionClaim};
use weightspace::random::{normal, stream};
use weightspace::sketch::Sketcher;

const TENSORS: [&str; 6] = [
    "a.bias",
    "a.weight",
    "b.bias",
    "b.weight",
    "head.bias",
    "head.weight",
];
const VALUES: usize = 256;

/// Checkpoints of a random walk with a drift: by step and tensor.
fn walk(steps: usize) -> Vec<Vec<Vec<f32>>> {
    let mut random = stream(1, "audit tests", 0);
    let mut draw = |size: f64| -> Vec<f32> {
        (0..VALUES)
            .map(|_| (size * normal(&mut random)) as f32)
            .collect()
    };
    let mut now: Vec<Vec<f32>> = TENSORS.iter().map(|_| draw(1.0)).collect();
    let drift: Vec<Vec<f32>> = TENSORS.iter().map(|_| draw(0.03)).collect();
    let mut all = Vec::new();
    for _ in 0..steps {
        all.push(now.clone());
        for (tensor, drift) in now.iter_mut().zip(&drift) {
            let noise = draw(0.05);
            for ((value, drift), noise) in tensor.iter_mut().zip(drift).zip(noise) {
                *value += drift + noise;
            }
        }
    }
    all
}

fn kept(position: u64, tensors: &[Vec<f32>]) -> Kept {
    let mut sketcher = Sketcher::new(Parameters::default()).unwrap();
    for (name, values) in TENSORS.iter().zip(tensors) {
        let mut part = sketcher.tensor(name, &[16, 16]);
        part.feed(values);
        sketcher.add(part.finish()).unwrap();
    }
    Kept {
        name: format!("step-{position}"),
        claims: Claims {
            position: Some(PositionClaim {
                value: position,
                unit: Unit::Step,
                from: From::FileName,
            }),
            ..Claims::default()
        },
        sketch: sketcher.finish(),
        stored: vec![StoredAs {
            file: None,
            dtype: "f32".to_owned(),
            tensors: TENSORS.map(str::to_owned).to_vec(),
        }],
        unread: Vec::new(),
    }
}

fn series(weights: &[Vec<Vec<f32>>]) -> Vec<Kept> {
    (0..)
        .zip(weights)
        .map(|(step, tensors)| kept(10 * step, tensors))
        .collect()
}

fn found(kept: &[Kept], asked: &AuditOptions) -> Vec<(Kind, Vec<u64>, Affected)> {
    let audit = of_kept(kept, asked).unwrap();
    let findings = audit.findings().iter();
    findings
        .map(|one| (one.kind, one.steps.clone(), one.tensors.clone()))
        .collect()
}

fn some(names: &[&str]) -> Affected {
    Affected::Some(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn a_sound_series_has_no_findings_and_says_what_cannot_be_seen() {
    let audit = of_kept(&series(&walk(20)), &AuditOptions::default()).unwrap();
    assert_eq!(audit.findings(), []);
    assert_eq!(audit.verdict(), Verdict::Sound);
    assert!(audit.series()[0].unseen().steps > 1.0);
    assert!(audit.to_string().contains("no defect found"));
}

#[test]
fn counts_types_and_missing_steps_are_named() {
    let mut weights = walk(20);
    weights[5][1][7] = f32::NAN;
    weights[9][3][..128].fill(0.0);
    let mut kept = series(&weights);
    kept[12].stored[0].dtype = "bf16".to_owned();
    kept[15].sketch.tensors.remove(2);
    kept.remove(17);
    let expected = [
        (Kind::NotFinite, vec![50], some(&["a.weight"])),
        (Kind::Zeros, vec![90], some(&["b.weight"])),
        (Kind::Dtype, vec![120], Affected::All),
        (Kind::Layout, vec![150], some(&["b.bias"])),
        (Kind::Missing, vec![170], Affected::All),
    ];
    assert_eq!(found(&kept, &AuditOptions::default()), expected);
}

#[test]
fn tensors_that_were_expected_to_move_or_to_stay_are_held_to_it() {
    let mut weights = walk(12);
    let first = weights[0].clone();
    for step in &mut weights {
        step[0].clone_from(&first[0]);
    }
    let asked = AuditOptions {
        expect_changed: vec![glob::Pattern::new("a.*").unwrap()],
        expect_frozen: vec![glob::Pattern::new("head.weight").unwrap()],
    };
    let all: Vec<u64> = (0..12).map(|step| 10 * step).collect();
    let expected = [
        (Kind::NeverMoved, all, some(&["a.bias"])),
        (Kind::Moved, vec![10], some(&["head.weight"])),
    ];
    assert_eq!(found(&series(&weights), &asked), expected);
    assert_eq!(found(&series(&weights), &AuditOptions::default()), []);
}

#[test]
fn tied_tensors_that_differ_at_a_step_are_named() {
    let mut weights = walk(16);
    for step in &mut weights {
        step[5] = step[1].clone();
    }
    weights[8][5] = weights[7][1].clone();
    let tied = (Kind::Tied, vec![80], some(&["a.weight", "head.weight"]));
    assert_eq!(found(&series(&weights), &AuditOptions::default()), [tied]);
}

#[test]
fn two_claims_of_one_step_and_an_average_that_is_none_are_named() {
    let weights = walk(12);
    let mut kept = series(&weights);
    let mut double = super::tests::kept(30, &weights[4]);
    double.name = "step-30-again".to_owned();
    let mut average = super::tests::kept(60, &weights[6]);
    average.name = "step-60.ema".to_owned();
    average.claims.aside = Some(AsideClaim {
        value: Aside::Ema,
        from: From::FileName,
    });
    kept.extend([double, average]);
    let expected = [
        (Kind::Conflict, vec![30], Affected::All),
        (Kind::AverageEqualsRaw, vec![60], Affected::All),
    ];
    assert_eq!(found(&kept, &AuditOptions::default()), expected);
}

#[test]
fn the_answer_serialises_as_its_schema_says() {
    let mut weights = walk(12);
    weights[4] = weights[8].clone();
    let audit = of_kept(&series(&weights), &AuditOptions::default()).unwrap();
    let json = serde_json::to_value(&audit).unwrap();
    assert_eq!(json["schema"], "modeltrail.audit/1");
    assert_eq!(json["findings"][0]["kind"], "copy");
    assert_eq!(json["findings"][0]["step"], 40);
    assert_eq!(json["findings"][0]["equals"], 80);
    assert_eq!(json["findings"][0]["tensors"], "all");
    assert_eq!(json["findings"][0]["confidence"], "exact");
    assert!(audit.to_junit().contains("type=\"copy\""));
    assert!(audit.to_html().contains("step 40"));
}

#[test]
fn series_without_claims_or_of_different_sketches_are_refused() {
    let mut kept = series(&walk(4));
    kept.iter_mut().for_each(|one| one.claims.position = None);
    assert!(of_kept(&kept, &AuditOptions::default()).is_err());
    let mut kept = series(&walk(4));
    kept[2].sketch.parameters.tensor_dimensions = 64;
    assert!(of_kept(&kept, &AuditOptions::default()).is_err());
}
