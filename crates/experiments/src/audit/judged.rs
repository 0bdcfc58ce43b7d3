//! What was said, held against what was planted.

use super::planted::{Defect, Planted};
use crate::gallery::training::Training;
use modeltrail::audit::{Affected, Audit, Confidence, Finding};

/// What became of one planted defect.
pub(crate) struct Outcome {
    pub(crate) defect: Defect,
    pub(crate) is_even: bool,
    pub(crate) training: String,
    pub(crate) spacing: String,
    pub(crate) size: usize,
    pub(crate) is_end: bool,
    pub(crate) is_mixed: bool,
    /// Whether a finding names the step, or all of them.
    pub(crate) step: bool,
    /// And the tensors, or the file.
    pub(crate) tensors: bool,
    /// And what is wrong.
    pub(crate) kind: bool,
    /// And the step that it equals or comes from; none where there is none.
    pub(crate) other: Option<bool>,
    pub(crate) confidence: Option<Confidence>,
    /// Findings about steps where nothing was planted, of the whole series; counted with its first defect.
    pub(crate) innocent: Vec<String>,
    pub(crate) truth: String,
    pub(crate) said: Vec<String>,
}

pub(crate) fn judge(
    planted: &Planted,
    audit: &Audit,
    training: &Training,
    size: usize,
    is_mixed: bool,
) -> Vec<Outcome> {
    let findings = audit.findings();
    let guilty = |step: &u64| planted.truth.iter().any(|truth| truth.steps.contains(step));
    let innocent: Vec<String> = findings
        .iter()
        .filter(|finding| !finding.steps.iter().all(guilty))
        .map(ToString::to_string)
        .collect();
    let all = planted.truth.iter().enumerate();
    all.map(|(number, truth)| {
        let about: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.steps.iter().any(|step| truth.steps.contains(step)))
            .collect();
        let named = |step: &u64| about.iter().any(|finding| finding.steps.contains(step));
        let step = truth.steps.iter().all(named);
        let is_right = |finding: &&Finding| match (&truth.shard, &truth.tensors) {
            (Some(shard), _) => finding.shards == [shard.clone()],
            (None, Some(names)) => match &finding.tensors {
                Affected::All => false,
                Affected::Some(found) => {
                    let mut found = found.clone();
                    let mut names = names.clone();
                    found.sort();
                    names.sort();
                    found == names
                }
            },
            (None, None) => finding.tensors == Affected::All,
        };
        let exact: Vec<&&Finding> = about.iter().filter(|finding| is_right(finding)).collect();
        let kind = about
            .iter()
            .any(|finding| truth.defect.kinds().contains(&finding.kind));
        let other = truth.other.map(|other| {
            about
                .iter()
                .any(|finding| finding.equals.or(finding.nearest) == Some(other))
        });
        Outcome {
            defect: truth.defect,
            is_even: training.seed.is_multiple_of(2),
            training: format!("{}/{}", training.kind, training.seed),
            spacing: training.spacing.clone(),
            size,
            is_end: truth.is_end,
            is_mixed,
            step,
            tensors: step && !exact.is_empty(),
            kind: step && kind,
            other: other.map(|other| step && other),
            confidence: about.first().map(|finding| finding.confidence),
            innocent: if number == 0 {
                innocent.clone()
            } else {
                Vec::new()
            },
            truth: format!(
                "{:?} at {:?}, tensors {:?} {:?}, other {:?}",
                truth.defect, truth.steps, truth.tensors, truth.shard, truth.other
            ),
            said: about
                .iter()
                .map(|finding| format!("{}: {finding}", finding.kind.name()))
                .collect(),
        }
    })
    .collect()
}
