//! Which axes of a transformer's tensors are one: the residual stream, hidden units, projections.
//!
//! The residual stream is one axis through all blocks: embeddings, norms and every projection read it or
//! write it, so that its dimensions can be renumbered only all at once. The hidden units of a feed-forward
//! block, gated or not, are an axis of that block alone. What queries, keys, values and the output
//! projection have beside the stream is an axis of each of them: a permutation of heads, of groups of
//! queries that share a key, or within a head, is a special case of one for each, and nothing has to be
//! known of how many heads there are.
//!
//! Names say where a block is and what is attention; shapes say the rest.

mod names;

use std::collections::BTreeMap;

use super::chain::{Break, Chain, Part, Units};
use super::modules::parent;
use names::{InBlock, expert, in_block, is_attention, is_writer};

/// Least share of a block's matrices that the residual stream runs through.
const THROUGH: f64 = 0.8;

/// One axis that several tensors may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shared {
    /// A tensor that has it.
    pub(crate) tensor: usize,
    pub(crate) size: usize,
}

/// A tensor as a matrix, and which shared axes its rows and columns are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    pub(crate) tensor: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_axis: Option<usize>,
    pub(crate) column_axis: Option<usize>,
}

/// A tensor, or a half of it, that has hidden units on one side and the residual stream on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) tensor: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Whether units are rows.
    pub(crate) by_rows: bool,
    /// The first unit's row or column.
    pub(crate) first: usize,
    /// Whether it writes to the stream.
    pub(crate) is_writer: bool,
}

/// The hidden units of a feed-forward block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// What it is called: a tensor of it.
    pub(crate) tensor: usize,
    pub(crate) units: usize,
    /// Everything that has them, readers first.
    pub(crate) faces: Vec<Face>,
}

/// A transformer, read off the names and shapes of its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transformer {
    /// Dimensions of the residual stream.
    pub(crate) width: usize,
    /// Shared axes; the first is the residual stream.
    pub(crate) axes: Vec<Shared>,
    pub(crate) labelled: Vec<Labelled>,
    /// Places in `labelled` of what lies outside the blocks and has the stream on one side: embeddings,
    /// patches, heads.
    pub(crate) outside: Vec<usize>,
    /// Feed-forward blocks in the order of their numbers.
    pub(crate) hidden: Vec<Hidden>,
    /// Matrices that nothing is known of.
    unknown: Vec<usize>,
}

impl Transformer {
    /// Of tensors with these names and shapes; none if they are no transformer's.
    pub(crate) fn of(tensors: &[(&str, &[usize])]) -> Option<Self> {
        let matrices: Vec<(usize, InBlock<'_>)> = tensors
            .iter()
            .enumerate()
            .filter(|(_, (_, shape))| is_matrix(shape))
            .filter_map(|(place, (name, _))| Some((place, in_block(name)?)))
            .collect();
        let has_attention = matrices.iter().any(|(_, block)| is_attention(block.rest));
        let width = width(matrices.iter().map(|(place, _)| tensors[*place].1))?;
        if !has_attention {
            return None;
        }
        let through = matrices
            .iter()
            .filter(|(place, _)| tensors[*place].1.contains(&width))
            .count();
        if (through as f64) < THROUGH * matrices.len() as f64 {
            return None;
        }
        let mut found = Self {
            width,
            axes: vec![Shared {
                tensor: 0,
                size: width,
            }],
            labelled: Vec::new(),
            outside: Vec::new(),
            hidden: Vec::new(),
            unknown: Vec::new(),
        };
        let transposed = is_transposed(tensors, &matrices, width);
        found.add_blocks(tensors, &matrices, transposed);
        found.add_outside(tensors);
        found.add_vectors(tensors, transposed);
        let first = found
            .outside
            .first()
            .map(|&place| found.labelled[place].tensor);
        let first = first.or_else(|| found.labelled.first().map(|one| one.tensor))?;
        found.axes[0].tensor = first;
        Some(found)
    }

    /// A new axis, of which the tensor is the first.
    fn axis(&mut self, tensor: usize, size: usize) -> usize {
        self.axes.push(Shared { tensor, size });
        self.axes.len() - 1
    }

    /// Labels a matrix that has the residual stream on one side.
    fn label(&mut self, tensor: usize, shape: &[usize], by_rows: bool, axis: Option<usize>) {
        let (row_axis, column_axis) = if by_rows {
            (axis, Some(0))
        } else {
            (Some(0), axis)
        };
        self.labelled.push(Labelled {
            tensor,
            rows: shape[0],
            columns: shape[1],
            row_axis,
            column_axis,
        });
    }

    fn add_blocks(
        &mut self,
        tensors: &[(&str, &[usize])],
        matrices: &[(usize, InBlock<'_>)],
        transposed: bool,
    ) {
        // Feed-forward matrices by stack, number, and the expert that they are of.
        let mut forward: BTreeMap<(&str, u64, &str), Vec<Face>> = BTreeMap::new();
        for (place, block) in matrices {
            let (name, shape) = tensors[*place];
            if !shape.contains(&self.width) {
                self.unknown.push(*place);
                continue;
            }
            let is_writer = is_writer(name);
            // Where both sides are as long, the rows of a reader are its own.
            let by_rows = match shape {
                [rows, columns] if rows != columns => *rows != self.width,
                _ => is_writer == transposed,
            };
            let size = if by_rows { shape[0] } else { shape[1] };
            if is_attention(block.rest) {
                let axis = self.axis(*place, size);
                self.label(*place, shape, by_rows, Some(axis));
                continue;
            }
            let key = (block.stack, block.number, expert(block.rest));
            forward.entry(key).or_default().push(Face {
                tensor: *place,
                rows: shape[0],
                columns: shape[1],
                by_rows,
                first: 0,
                is_writer,
            });
        }
        for faces in forward.into_values() {
            self.add_forward(tensors, faces);
        }
    }

    /// The matrices of one feed-forward block: those with as many units share them; gates that are stored
    /// with what they gate have twice as many.
    fn add_forward(&mut self, tensors: &[(&str, &[usize])], faces: Vec<Face>) {
        let size = |face: &Face| {
            if face.by_rows {
                face.rows
            } else {
                face.columns
            }
        };
        let mut sizes: Vec<usize> = faces.iter().map(size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for &units in &sizes {
            let own: Vec<Face> = faces
                .iter()
                .filter(|face| size(face) == units)
                .copied()
                .collect();
            let axis = self.axis(own[0].tensor, units);
            for face in &own {
                self.label(
                    face.tensor,
                    tensors[face.tensor].1,
                    face.by_rows,
                    Some(axis),
                );
            }
            if sizes.contains(&(units / 2)) && units.is_multiple_of(2) {
                continue;
            }
            let fused = faces.iter().filter(|face| size(face) == 2 * units);
            let halves = fused.flat_map(|face| [0, units].map(|first| Face { first, ..*face }));
            let mut all: Vec<Face> = own.iter().copied().chain(halves).collect();
            all.sort_by_key(|face| (face.is_writer, tensors[face.tensor].0, face.first));
            self.hidden.push(Hidden {
                tensor: own[0].tensor,
                units,
                faces: all,
            });
        }
    }

    /// Embeddings, patches and heads: the stream on one side, and on the other what no renumbering
    /// touches.
    fn add_outside(&mut self, tensors: &[(&str, &[usize])]) {
        for (place, (name, shape)) in tensors.iter().enumerate() {
            if in_block(name).is_some() && is_matrix(shape) {
                continue;
            }
            let all: usize = shape.iter().product();
            let (shape, by_rows) = match **shape {
                [rows, columns] if (rows == self.width) != (columns == self.width) => {
                    ([rows, columns], columns == self.width)
                }
                // A table of places, and the filters of patches.
                [1, rows, columns] if columns == self.width && rows > 1 => ([rows, columns], true),
                [rows, _, _, _] if rows == self.width && all > rows => ([rows, all / rows], false),
                [rows, columns] if rows > 1 && columns > 1 => {
                    self.unknown.push(place);
                    continue;
                }
                _ => continue,
            };
            self.outside.push(self.labelled.len());
            self.label(place, &shape, by_rows, None);
        }
    }

    /// Biases belong to the outputs of their matrix; what else is as long as the stream is of it.
    fn add_vectors(&mut self, tensors: &[(&str, &[usize])], transposed: bool) {
        let mut outputs: BTreeMap<(&str, usize), Option<usize>> = BTreeMap::new();
        for one in &self.labelled {
            let (size, axis) = if transposed {
                (one.columns, one.column_axis)
            } else {
                (one.rows, one.row_axis)
            };
            outputs.insert((parent(tensors[one.tensor].0), size), axis);
        }
        for (place, (name, shape)) in tensors.iter().enumerate() {
            let length = match **shape {
                [length] | [1, 1, length] | [1, length] if length > 1 => length,
                _ => continue,
            };
            if self.labelled.iter().any(|one| one.tensor == place) {
                continue;
            }
            let axis = match outputs.get(&(parent(name), length)) {
                Some(axis) => *axis,
                None => (length == self.width).then_some(0),
            };
            if axis.is_some() {
                self.labelled.push(Labelled {
                    tensor: place,
                    rows: length,
                    columns: 1,
                    row_axis: axis,
                    column_axis: None,
                });
            }
        }
    }

    /// The hidden units of each feed-forward block by themselves, everything else in its place.
    pub(crate) fn hidden_chain(&self, tensors: &[(&str, &[usize])]) -> Chain {
        let whole = self.chain(tensors);
        let axis_of = |hidden: &Hidden| {
            let own = self
                .labelled
                .iter()
                .find(|one| one.tensor == hidden.tensor)?;
            own.row_axis.filter(|&axis| axis > 0).or(own.column_axis)
        };
        let axes: Vec<Option<usize>> = self.hidden.iter().map(axis_of).collect();
        let group = |axis: Option<usize>| {
            let axis = axis?;
            axes.iter().position(|own| *own == Some(axis))
        };
        let parts = whole.parts.into_iter().filter_map(|part| {
            let (output, input) = (group(part.output), group(part.input));
            let is_tested = output.is_some() || input.is_some();
            is_tested.then_some(Part {
                output,
                input,
                ..part
            })
        });
        let groups = self.hidden.iter().map(|hidden| Units {
            pair: hidden.tensor,
            size: hidden.units,
        });
        Chain {
            parts: parts.collect(),
            groups: groups.collect(),
            breaks: whole.breaks,
            has_stream: false,
        }
    }

    /// What weight matching permutes: every axis is a group, the stream first.
    pub(crate) fn chain(&self, tensors: &[(&str, &[usize])]) -> Chain {
        let parts = self.labelled.iter().map(|one| Part {
            pair: one.tensor,
            output: one.row_axis,
            input: one.column_axis,
            rows: one.rows,
            blocks: if one.column_axis.is_some() {
                one.columns
            } else {
                1
            },
            length: if one.column_axis.is_some() {
                1
            } else {
                one.columns
            },
            transposed: false,
        });
        let groups = self.axes.iter().map(|axis| Units {
            pair: axis.tensor,
            size: axis.size,
        });
        let breaks = self.unknown.iter().map(|&place| Break {
            tensor: tensors[place].0.to_owned(),
            why: "which of its sides is the residual stream cannot be told".to_owned(),
        });
        Chain {
            parts: parts.collect(),
            groups: groups.collect(),
            breaks: breaks.collect(),
            has_stream: true,
        }
    }
}

fn is_matrix(shape: &[usize]) -> bool {
    matches!(shape, [rows, columns] if *rows > 1 && *columns > 1)
}

/// The side that most matrices have; of several the one that is the only side of the most.
fn width<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> Option<usize> {
    let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for shape in shapes {
        let mut sides = shape.to_vec();
        sides.dedup();
        for &side in &sides {
            let count = counts.entry(side).or_default();
            count.0 += 1;
            count.1 += usize::from(sides.len() == 1);
        }
    }
    let best = counts
        .into_iter()
        .max_by_key(|(side, (all, alone))| (*all, *alone, usize::MAX - side));
    best.map(|(side, _)| side)
}

/// Whether matrices are stored as [in, out]: by those whose names say which side is which.
fn is_transposed(
    tensors: &[(&str, &[usize])],
    matrices: &[(usize, InBlock<'_>)],
    width: usize,
) -> bool {
    let (mut straight, mut turned) = (0, 0);
    for (place, _) in matrices {
        let (name, shape) = tensors[*place];
        let [rows, columns] = *shape else { continue };
        if rows == columns || (rows != width && columns != width) {
            continue;
        }
        // A reader's inputs are the stream.
        let inputs_last = (columns == width) != is_writer(name);
        *(if inputs_last {
            &mut straight
        } else {
            &mut turned
        }) += 1;
    }
    turned > straight
}

#[cfg(test)]
mod tests;
