//! Every measure on one checkpoint, and how different two checkpoints are by each.

use anyhow::{Context, Result};
use nalgebra::{DMatrix, DMatrixView};
use weightspace::distance::distance;
use weightspace::similarity::{Representation, cka, svcca};
use weightspace::spectrum::{eigenvalues, power_law};
use zoo_training::activations::{Layer, activations};
use zoo_training::dataset::Images;
use zoo_training::{Architecture, Inputs};

/// Fewest eigenvalues in the tail of a layer that has ten at most.
const SHORTEST_TAIL: usize = 5;

/// What two checkpoints are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    Weights,
    LastHiddenCka,
    LastHiddenSvcca,
    OutputCka,
    OutputSvcca,
    Alpha,
}

impl Measure {
    pub(super) const ALL: [Self; 6] = [
        Self::Weights,
        Self::LastHiddenCka,
        Self::LastHiddenSvcca,
        Self::OutputCka,
        Self::OutputSvcca,
        Self::Alpha,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Weights => "distance of the weights",
            Self::LastHiddenCka => "CKA, last hidden layer",
            Self::LastHiddenSvcca => "SVCCA, last hidden layer",
            Self::OutputCka => "CKA, outputs",
            Self::OutputSvcca => "SVCCA, outputs",
            Self::Alpha => "power-law α of the layers",
        }
    }

    /// Name in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::LastHiddenCka => "cka_last_hidden",
            Self::LastHiddenSvcca => "svcca_last_hidden",
            Self::OutputCka => "cka_outputs",
            Self::OutputSvcca => "svcca_outputs",
            Self::Alpha => "alpha",
        }
    }

    /// The greater, the less alike; one less the similarity where the measure is one.
    pub(super) fn difference(self, a: &Measured, b: &Measured) -> Result<f64> {
        Ok(match self {
            Self::Weights => distance(&a.weights, &b.weights),
            Self::LastHiddenCka => 1.0 - cka(&a.last_hidden, &b.last_hidden)?,
            Self::LastHiddenSvcca => 1.0 - svcca(&a.last_hidden, &b.last_hidden)?,
            Self::OutputCka => 1.0 - cka(&a.outputs, &b.outputs)?,
            Self::OutputSvcca => 1.0 - svcca(&a.outputs, &b.outputs)?,
            Self::Alpha => {
                let pairs = a.alphas.iter().zip(&b.alphas);
                pairs.map(|(a, b)| (a - b).abs()).sum()
            }
        })
    }
}

/// One checkpoint, prepared for every measure.
pub(super) struct Measured {
    weights: Vec<f32>,
    last_hidden: Representation,
    outputs: Representation,
    /// One a layer.
    alphas: Vec<f64>,
    /// Eigenvalues in the tails, of all layers.
    pub(super) tail: usize,
}

impl Measured {
    pub(super) fn new(
        architecture: Architecture,
        inputs: Inputs,
        weights: &[f32],
        images: &Images,
    ) -> Result<Self> {
        let mut layers = activations(architecture, inputs, weights, images)?;
        let mut last = || -> Result<Representation> {
            let Layer { units, values, .. } = layers.pop().context("a network without layers")?;
            let matrix = DMatrixView::from_slice(&values, units, images.len());
            Ok(Representation::new(matrix)?)
        };
        let (outputs, last_hidden) = (last()?, last()?);
        let mut rest = weights;
        let (mut alphas, mut tail) = (Vec::new(), 0);
        for tensor in architecture.layout() {
            let (own, others) = rest.split_at(tensor.parameters());
            rest = others;
            let rows = tensor.shape[0];
            let matrix = DMatrix::from_row_slice(rows, own.len() / rows, own);
            let fit = power_law(&eigenvalues(matrix.as_view())?, SHORTEST_TAIL)?;
            alphas.push(fit.alpha);
            tail += fit.tail;
        }
        Ok(Self {
            weights: weights.to_vec(),
            last_hidden,
            outputs,
            alphas,
            tail,
        })
    }
}
