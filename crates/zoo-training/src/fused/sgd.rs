//! One step of stochastic gradient descent, as PyTorch defines it.

use super::simd::{Block, Simd};
use crate::Recipe;

/// The hyperparameters of a step, in registers.
#[derive(Clone, Copy)]
pub(super) struct Sgd<S: Simd> {
    negative_learning_rate: S::Vector,
    momentum: S::Vector,
    weight_decay: S::Vector,
}

impl<S: Simd> Sgd<S> {
    #[inline(always)]
    pub(super) fn new(s: S, recipe: &Recipe) -> Self {
        Self {
            negative_learning_rate: s.splat(-recipe.learning_rate),
            momentum: s.splat(recipe.momentum),
            weight_decay: s.splat(recipe.weight_decay),
        }
    }

    /// `g += wd·w; v = m·v + g; w -= lr·v`
    #[inline(always)]
    pub(super) fn step(&self, s: S, gradient: S::Vector, weight: &mut Block, velocity: &mut Block) {
        let w = s.load(weight);
        let g = s.mul_add(self.weight_decay, w, gradient);
        let v = s.mul_add(self.momentum, s.load(velocity), g);
        s.store(v, velocity);
        s.store(s.mul_add(self.negative_learning_rate, v, w), weight);
    }
}
