//! From evidence to a verdict: pure, so that every case can be tested.

use serde::Serialize;

/// Exact p-value from which on independence is given up: at most one suspect in a hundred that has
/// nothing to do with any of the checkpoints is called related.
pub(crate) const SURE: f64 = 0.01;

/// The same for the approximate p-value, whose small values come more often than they should:
/// docs/lineage.md has the counts.
pub(crate) const SURE_OF_DISTANCES: f64 = 0.001;

/// The same for the approximate p-value of matched units, and the least mean cosine that goes with it: large
/// unrelated models keep below the cosine, and small ones above the p-value (docs/lineage.md).
pub(crate) const SURE_OF_MATCHES: f64 = 1e-6;
pub(crate) const ALIKE: f64 = 0.5;

/// What other arrangements are tried after the models as they are stored costs in the p-value: with it, all
/// of them together add less than a thirtieth to the share of unrelated models that come below any level.
pub(crate) const ARRANGEMENTS: f64 = 100.0;

/// Without any test, nearer than this share of the distance of unrelated models counts as related:
/// the threshold that forks are found by.
pub(crate) const RELATED: f64 = 0.65;

/// What the suspect is to the checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Its weights are the same bits as a checkpoint's.
    Identical,
    /// It belongs to one run.
    Derived,
    /// It is related to several runs alike, as trainings from one start are.
    SharedStart,
    /// None was found.
    None,
    /// None was found in what was read, and some tensors could not be read.
    CannotTell,
}

/// Share of the weights that must have been read before equal or near values are a relation.
const NEARLY_ALL: f64 = 0.9;

/// What the verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grounds {
    /// Equal bits.
    Bits,
    /// The exact test by the order of hidden units.
    OrderOfUnits,
    /// The same, exact, after what does not depend on that order was undone: the arrangement of the residual
    /// stream, and of blocks.
    Rearranged,
    /// The approximate test of units that were matched by a part of their weights.
    MatchedUnits,
    /// The approximate test against unrelated runs.
    UnrelatedRuns,
    /// A threshold set by hand, since neither test could be made.
    Threshold,
}

/// Whether some checkpoint has the suspect's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    /// None has.
    None,
    /// One has in all tensors that both have, and one of the two has others.
    OfAPart,
    /// One has in all tensors that were read, and others of its own or of the suspect's were not.
    OfWhatWasRead,
    /// One has, and all tensors of both were read.
    Whole,
}

/// What is known of a suspect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    pub(crate) copies: Copies,
    /// Logarithm of the exact p-value of the nearest checkpoint, corrected for the search.
    pub(crate) ln_units: Option<f64>,
    /// Logarithm of the exact p-value after other arrangements were undone, corrected for the search.
    pub(crate) ln_rearranged: Option<f64>,
    /// Logarithm of the approximate p-value of matched units, likewise; none unless they are alike.
    pub(crate) ln_matched: Option<f64>,
    /// Logarithm of the approximate p-value.
    pub(crate) ln_unrelated: Option<f64>,
    /// Whether its hidden units are believed to be in another order than the nearest checkpoint's.
    pub(crate) is_permuted: bool,
    /// Distance to the nearest, relative to the distance of unrelated models.
    pub(crate) nearest: Option<f64>,
    /// Whether the nearest run is clearly nearer than any other run that it is related to.
    pub(crate) is_clear: bool,
    /// Whether all tensors were read: of the suspect, and of everything that it is compared with.
    pub(crate) is_all_read: bool,
    /// Share of the suspect's weights that were read, 0 to 1.
    pub(crate) share_read: f64,
}

/// Whether there is a relation, by what, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Decision {
    pub(crate) is_related: bool,
    pub(crate) grounds: Grounds,
    /// Logarithm of the p-value; none for equal bits and for the threshold.
    pub(crate) ln_p: Option<f64>,
}

impl Evidence {
    /// Whether there is a relation to some checkpoint: what a test found holds whatever else could not
    /// be read; equal or near values alone, which norms and biases of unrelated models may have too,
    /// count only where nearly everything was read.
    pub(crate) fn decide(&self) -> Decision {
        let found = self.found();
        let is_of_values = matches!(found.grounds, Grounds::Bits | Grounds::Threshold);
        let is_enough = self.copies == Copies::Whole
            || self.is_all_read
            || self.share_read >= NEARLY_ALL
            || !is_of_values;
        Decision {
            is_related: found.is_related && is_enough,
            ..found
        }
    }

    fn found(&self) -> Decision {
        let decision = |is_related, grounds, ln_p| Decision {
            is_related,
            grounds,
            ln_p,
        };
        if self.copies != Copies::None {
            return decision(true, Grounds::Bits, None);
        }
        if let Some(ln_p) = self.ln_units.filter(|ln_p| is_sure(*ln_p)) {
            return decision(true, Grounds::OrderOfUnits, Some(ln_p));
        }
        if let Some(ln_p) = self.ln_rearranged.filter(|ln_p| is_sure(*ln_p)) {
            return decision(true, Grounds::Rearranged, Some(ln_p));
        }
        if let Some(ln_p) = self.ln_matched.filter(|ln_p| is_match(*ln_p)) {
            return decision(true, Grounds::MatchedUnits, Some(ln_p));
        }
        match (self.ln_units, self.ln_unrelated) {
            // The order of units says nothing against a relation where they were permuted.
            (_, Some(ln_p)) if self.is_permuted && stands_out(ln_p) => {
                decision(true, Grounds::UnrelatedRuns, Some(ln_p))
            }
            _ if self.is_permuted => decision(true, Grounds::Threshold, None),
            // Where the exact test can be made, the approximate one has no say.
            (Some(ln_p), _) => decision(false, Grounds::OrderOfUnits, Some(ln_p)),
            (None, Some(ln_p)) => decision(stands_out(ln_p), Grounds::UnrelatedRuns, Some(ln_p)),
            (None, None) => {
                let is_near = self.nearest.is_some_and(|nearest| nearest <= RELATED);
                decision(is_near, Grounds::Threshold, None)
            }
        }
    }

    /// Which relation it is. `Identical` and `None` are said only where everything was read.
    pub(crate) fn relation(&self) -> Relation {
        match (self.copies, self.decide().is_related, self.is_clear) {
            (Copies::Whole, _, _) => Relation::Identical,
            (_, true, true) => Relation::Derived,
            (_, true, false) => Relation::SharedStart,
            (_, false, _) if !self.is_all_read => Relation::CannotTell,
            (_, false, _) => Relation::None,
        }
    }
}

/// Whether an exact p-value, as a logarithm, is small enough.
pub(crate) fn is_sure(ln_p: f64) -> bool {
    ln_p <= SURE.ln()
}

/// Whether the approximate p-value of matched units, as a logarithm, is small enough.
pub(crate) fn is_match(ln_p: f64) -> bool {
    ln_p <= SURE_OF_MATCHES.ln()
}

/// Whether an approximate p-value, as a logarithm, is small enough.
pub(crate) fn stands_out(ln_p: f64) -> bool {
    ln_p <= SURE_OF_DISTANCES.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A suspect as far from everything as an unrelated model, by the exact test.
    const UNRELATED: Evidence = Evidence {
        copies: Copies::None,
        ln_units: Some(-0.5),
        ln_rearranged: Some(-0.5),
        ln_matched: None,
        ln_unrelated: Some(-0.5),
        is_permuted: false,
        nearest: Some(1.0),
        is_clear: true,
        is_all_read: true,
        share_read: 1.0,
    };

    fn ln(p: f64) -> Option<f64> {
        Some(f64::ln(p))
    }

    #[test]
    fn a_copy_is_identical_only_if_all_of_both_was_read() {
        let copy = |copies| Evidence {
            copies,
            is_all_read: copies == Copies::Whole,
            ..UNRELATED
        };
        assert_eq!(copy(Copies::Whole).relation(), Relation::Identical);
        assert_eq!(copy(Copies::OfWhatWasRead).relation(), Relation::Derived);
        assert_eq!(copy(Copies::OfWhatWasRead).decide().grounds, Grounds::Bits);
        // Norms and biases alone are the same in unrelated models, too.
        let little = Evidence {
            share_read: 0.4,
            ..copy(Copies::OfWhatWasRead)
        };
        assert_eq!(little.relation(), Relation::CannotTell);
        // Whatever else could not be read, a whole copy is one.
        let beside = Evidence {
            is_all_read: false,
            ..copy(Copies::Whole)
        };
        assert_eq!(beside.relation(), Relation::Identical);
    }

    #[test]
    fn the_exact_test_decides_where_it_can_be_made() {
        let tested = |units, unrelated| Evidence {
            ln_units: ln(units),
            ln_unrelated: ln(unrelated),
            ..UNRELATED
        };
        assert_eq!(tested(0.01, 0.5).relation(), Relation::Derived);
        assert_eq!(tested(0.01, 0.5).decide().grounds, Grounds::OrderOfUnits);
        assert_eq!(tested(0.011, 1e-9).relation(), Relation::None);
        assert_eq!(tested(0.011, 1e-9).decide().ln_p, ln(0.011));
    }

    #[test]
    fn other_arrangements_are_believed_where_the_models_as_stored_say_nothing() {
        let tested = |rearranged, matched| Evidence {
            ln_rearranged: ln(rearranged),
            ln_matched: matched,
            ..UNRELATED
        };
        assert_eq!(tested(0.01, None).decide().grounds, Grounds::Rearranged);
        assert_eq!(tested(0.02, None).relation(), Relation::None);
        assert_eq!(
            tested(0.5, ln(1e-6)).decide().grounds,
            Grounds::MatchedUnits
        );
        assert_eq!(tested(0.5, ln(1e-5)).relation(), Relation::None);
    }

    #[test]
    fn a_part_with_the_same_bits_is_no_copy() {
        let part = Evidence {
            copies: Copies::OfAPart,
            ..UNRELATED
        };
        assert_eq!(part.relation(), Relation::Derived);
        assert_eq!(part.decide().grounds, Grounds::Bits);
    }

    #[test]
    fn the_approximate_test_decides_where_there_is_no_other_and_needs_a_smaller_p() {
        let tested = |p| Evidence {
            ln_units: None,
            ln_unrelated: ln(p),
            nearest: Some(0.1),
            ..UNRELATED
        };
        assert_eq!(tested(0.001).relation(), Relation::Derived);
        assert_eq!(tested(0.002).relation(), Relation::None);
        assert_eq!(tested(0.002).decide().grounds, Grounds::UnrelatedRuns);
    }

    #[test]
    fn without_any_test_a_threshold_decides_and_there_is_no_p_value() {
        let near = |nearest| Evidence {
            ln_units: None,
            ln_unrelated: None,
            nearest: Some(nearest),
            ..UNRELATED
        };
        assert_eq!(near(0.65).relation(), Relation::Derived);
        assert_eq!(near(0.66).relation(), Relation::None);
        assert_eq!(near(0.65).decide().ln_p, None);
        let nothing = Evidence {
            nearest: None,
            ..near(0.0)
        };
        assert_eq!(nothing.relation(), Relation::None);
    }

    #[test]
    fn the_order_of_permuted_units_does_not_speak_against_a_relation() {
        let permuted = |unrelated| Evidence {
            is_permuted: true,
            ln_unrelated: unrelated,
            ..UNRELATED
        };
        assert_eq!(permuted(ln(1e-4)).relation(), Relation::Derived);
        assert_eq!(permuted(ln(1e-4)).decide().grounds, Grounds::UnrelatedRuns);
        assert_eq!(permuted(None).relation(), Relation::Derived);
        assert_eq!(permuted(None).decide().grounds, Grounds::Threshold);
    }

    #[test]
    fn related_to_several_runs_alike_is_a_shared_start() {
        let shared = Evidence {
            ln_units: ln(1e-6),
            is_clear: false,
            ..UNRELATED
        };
        assert_eq!(shared.relation(), Relation::SharedStart);
    }

    #[test]
    fn no_relation_is_said_only_where_everything_was_read() {
        let partial = Evidence {
            is_all_read: false,
            ..UNRELATED
        };
        assert_eq!(UNRELATED.relation(), Relation::None);
        assert_eq!(partial.relation(), Relation::CannotTell);
        // What was read is enough to find a relation.
        let related = Evidence {
            ln_units: ln(1e-6),
            ..partial
        };
        assert_eq!(related.relation(), Relation::Derived);
    }
}
