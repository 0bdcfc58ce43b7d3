//! Projections that one checkpoint stores as one tensor and the other as several: query, key and
//! value of attention; gate and up of a gated layer.
//!
//! Which tensors they are, their names say (`roles`); in which order of blocks, heads and axes they lie in the
//! one tensor, the values.

use super::axes::Order;
use super::names::numbers;
use super::prints::{RELATED, apart};
use super::recipe::{Piece, Recipe};
use super::roles::{Split, Whole, found};
use super::state::{How, Parents, State};
use crate::error::Result;
use std::collections::BTreeMap;

/// Orders of blocks that are tried, the usual one first.
const BLOCKS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [1, 0, 2],
    [0, 2, 1],
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
];
const TURN: Order = &[1, 0];

/// How parts lie in a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Layout {
    /// Which part comes first, second, third.
    blocks: [usize; 3],
    /// Of each head its parts, one head after the other: so many heads.
    heads: u64,
    /// Whether the whole, and whether the parts, are stored with inputs first.
    is_whole_turned: bool,
    are_parts_turned: bool,
}

/// Matches whole tensors of one checkpoint with the parts of the other.
///
/// # Errors
/// When values cannot be read.
pub(super) fn match_fused(state: &mut State<'_>) -> Result<()> {
    let names_a = state.free_a();
    let names_b = state.free_b();
    let (wholes_a, splits_a) = found(names_a.iter().map(|(at, t)| (at, t.name.as_str())));
    let (wholes_b, splits_b) = found(names_b.iter().map(|(at, t)| (at, t.name.as_str())));
    let mut known: BTreeMap<(bool, String), Layout> = BTreeMap::new();
    for is_whole_in_a in [true, false] {
        let (mut wholes, splits) = if is_whole_in_a {
            (wholes_a.clone(), &splits_b)
        } else {
            (wholes_b.clone(), &splits_a)
        };
        // Matrices first: what they show holds for the vectors beside them.
        let dimensions = |whole: &Whole| {
            if is_whole_in_a {
                state.shape_a(whole.tensor).len()
            } else {
                state.shape_b(whole.tensor).len()
            }
        };
        wholes.sort_by_key(|whole| std::cmp::Reverse(dimensions(whole)));
        if wholes.is_empty() || splits.is_empty() {
            continue;
        }
        let parents = state.parents();
        for whole in wholes {
            let Some(split) = partner(state, &parents, &whole, splits, is_whole_in_a) else {
                continue;
            };
            let place = (is_whole_in_a, whole.before.clone());
            let case = Case {
                state,
                whole: &whole,
                split,
                is_whole_in_a,
            };
            if let Some(layout) = case.layout(known.get(&place).copied())? {
                let pairs = case.pairs(layout);
                for (own, recipe) in pairs {
                    state.pair(own, recipe, How::Parts);
                }
                known.entry(place).or_insert(layout);
            }
        }
    }
    Ok(())
}

/// The parts that belong to a whole: at the same place of the model, as the rules or the pairs show
/// it; or the only ones with the same numbers.
fn partner<'s>(
    state: &State<'_>,
    parents: &Parents,
    whole: &Whole,
    splits: &'s [Split],
    is_whole_in_a: bool,
) -> Option<&'s Split> {
    let is_free = |split: &Split| {
        let mut tensors = split.tensors.iter();
        tensors.all(|&tensor| {
            if is_whole_in_a {
                state.is_free_b(tensor)
            } else {
                state.is_free_a(tensor)
            }
        })
    };
    let fitting =
        |split: &&Split| split.set == whole.set && split.last == whole.last && is_free(split);
    let mut wanted = vec![whole.before.clone()];
    for rule in &state.rules {
        let dotted = format!("{}.", whole.before);
        let other = if is_whole_in_a {
            rule.to_b(&dotted)
        } else {
            rule.to_a(&dotted)
        };
        wanted.extend(other.map(|name| name.trim_end_matches('.').to_owned()));
    }
    wanted.extend(if is_whole_in_a {
        parents.to_b(&whole.before)
    } else {
        parents.to_a(&whole.before)
    });
    let named = wanted.iter().rev().find_map(|before| {
        let mut splits = splits.iter().filter(fitting);
        splits.find(|split| split.before == *before)
    });
    named.or_else(|| {
        let own = numbers(&whole.before);
        let mut others = splits.iter().filter(fitting);
        let mut others = others
            .by_ref()
            .filter(|split| numbers(&split.before) == own);
        let first = others.next()?;
        others.next().is_none().then_some(first)
    })
}

/// One whole and its parts.
struct Case<'s, 'a> {
    state: &'s State<'a>,
    whole: &'s Whole,
    split: &'s Split,
    is_whole_in_a: bool,
}

impl Case<'_, '_> {
    fn shape_of_whole(&self) -> &[u64] {
        if self.is_whole_in_a {
            self.state.shape_a(self.whole.tensor)
        } else {
            self.state.shape_b(self.whole.tensor)
        }
    }

    fn shape_of_part(&self, part: usize) -> &[u64] {
        let tensor = self.split.tensors.get(part).copied().unwrap_or(usize::MAX);
        if self.is_whole_in_a {
            self.state.shape_b(tensor)
        } else {
            self.state.shape_a(tensor)
        }
    }

    /// Rows of each part, outputs first.
    fn rows(&self, layout: Layout) -> Vec<u64> {
        let axis = usize::from(layout.are_parts_turned);
        let parts = 0..self.split.tensors.len();
        let rows = parts.map(|part| self.shape_of_part(part).get(axis).copied());
        rows.map(Option::unwrap_or_default).collect()
    }

    /// Whether the shapes allow it.
    fn fits(&self, layout: Layout) -> bool {
        let whole = self.shape_of_whole();
        let rows = self.rows(layout);
        let all = rows
            .iter()
            .fold(0, |all: u64, &rows| all.saturating_add(rows));
        let is_even = |rows: &u64| layout.heads > 0 && rows.is_multiple_of(layout.heads);
        let (turned, parts_turned) = (layout.is_whole_turned, layout.are_parts_turned);
        let fits = match whole {
            [outputs] => {
                let mut parts = (0..rows.len()).map(|part| self.shape_of_part(part));
                !turned && !parts_turned && *outputs == all && parts.all(|shape| shape.len() == 1)
            }
            [first, second] => {
                let (outputs, inputs) = if turned {
                    (second, first)
                } else {
                    (first, second)
                };
                let axis = usize::from(!parts_turned);
                let mut parts = (0..rows.len()).map(|part| self.shape_of_part(part));
                *outputs == all
                    && parts.all(|shape| shape.len() == 2 && shape.get(axis) == Some(inputs))
            }
            _ => false,
        };
        fits && rows.iter().all(is_even)
    }

    /// How the parts lie in the whole, as the values show it; the usual way where they do not.
    fn layout(&self, known: Option<Layout>) -> Result<Option<Layout>> {
        if let (Some(known), true) = (known, self.shape_of_whole().len() == 1) {
            let as_vector = Layout {
                is_whole_turned: false,
                are_parts_turned: false,
                ..known
            };
            return Ok(Some(as_vector).filter(|layout| self.fits(*layout)));
        }
        let mut usual = Vec::new();
        for (is_whole_turned, are_parts_turned) in
            [(false, false), (true, false), (true, true), (false, true)]
        {
            let layout = Layout {
                blocks: BLOCKS[0],
                heads: 1,
                is_whole_turned,
                are_parts_turned,
            };
            if self.fits(layout) {
                usual.push(layout);
            }
        }
        let Some(&first) = usual.first() else {
            return Ok(None);
        };
        if !self.state.has_values() {
            return Ok((usual.len() == 1).then_some(first));
        }
        let mut best = self.nearest(&usual)?;
        if best.0 > RELATED {
            let others: Vec<Layout> = usual
                .iter()
                .flat_map(|usual| self.unusual(*usual))
                .collect();
            best = self.nearest(&others)?;
        }
        // Values of unrelated models show nothing.
        Ok(best.1.filter(|_| best.0 <= RELATED).or(Some(first)))
    }

    /// Other orders of blocks, and heads one after the other.
    fn unusual(&self, usual: Layout) -> Vec<Layout> {
        let parts = self.split.tensors.len();
        let rows = self.rows(usual);
        let is_known = |blocks: &[usize; 3]| parts == 3 || blocks[2] == 2;
        let others = BLOCKS.into_iter().filter(is_known);
        let blocks = others.map(|blocks| Layout { blocks, ..usual });
        let least = rows.iter().copied().min().unwrap_or(0);
        let heads = (2..=least.min(256)).filter(|heads| rows.iter().all(|rows| rows % heads == 0));
        let heads = heads.map(|heads| Layout { heads, ..usual });
        let mut all: Vec<Layout> = blocks.chain(heads).collect();
        all.retain(|layout| self.fits(*layout) && *layout != usual);
        all
    }

    /// The one in which whole and parts are nearest to each other.
    fn nearest(&self, layouts: &[Layout]) -> Result<(f64, Option<Layout>)> {
        let mut best = (f64::INFINITY, None);
        for &layout in layouts {
            let mut squares = 0.0;
            let pairs = self.pairs(layout);
            for (own, recipe) in &pairs {
                let values = self.state.values_a(*own)?;
                let other = self.state.made_of_b(recipe)?;
                squares += apart(&values, &other).powi(2) / pairs.len() as f64;
            }
            if squares.sqrt() < best.0 {
                best = (squares.sqrt(), Some(layout));
            }
        }
        Ok(best)
    }

    /// The tensors of A, and what each is in B.
    fn pairs(&self, layout: Layout) -> Vec<(usize, Recipe)> {
        let rows = self.rows(layout);
        let count = rows.len();
        let order = layout.blocks.iter().copied().filter(|part| *part < count);
        let order: Vec<usize> = order.collect();
        let turn = |is_turned: bool| is_turned.then_some(TURN);
        let per_head: Vec<u64> = rows.iter().map(|rows| rows / layout.heads.max(1)).collect();
        if self.is_whole_in_a {
            let mut pieces = Vec::new();
            for head in 0..layout.heads {
                for &part in &order {
                    let start = head * per_head[part];
                    pieces.push(Piece {
                        tensor: self.split.tensors[part],
                        order: turn(layout.are_parts_turned),
                        rows: (layout.heads > 1).then(|| start..start + per_head[part]),
                    });
                }
            }
            let order = turn(layout.is_whole_turned);
            return vec![(self.whole.tensor, Recipe { pieces, order })];
        }
        let of_head: u64 = per_head.iter().sum();
        let mut pairs = Vec::new();
        for (part, &own) in self.split.tensors.iter().enumerate() {
            let before = order.iter().take_while(|&&other| other != part);
            let before: u64 = before.map(|&other| per_head[other]).sum();
            let pieces = (0..layout.heads).map(|head| {
                let start = head * of_head + before;
                Piece {
                    tensor: self.whole.tensor,
                    order: turn(layout.is_whole_turned),
                    rows: Some(start..start + per_head[part]),
                }
            });
            let recipe = Recipe {
                pieces: pieces.collect(),
                order: turn(layout.are_parts_turned),
            };
            pairs.push((own, recipe));
        }
        pairs
    }
}
