//! Transformers and chains of layers made up for tests, and what people do to them.
//!
//! Tests of several crates include this file; whoever does brings the streams of random numbers.

use super::{normal, permutation, stream};

/// Names, shapes and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planted(pub(crate) Vec<(String, Vec<usize>, Vec<f32>)>);

/// Sides of a transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides {
    pub(crate) vocabulary: usize,
    pub(crate) stream: usize,
    /// Queries; keys and values have half of it.
    pub(crate) attention: usize,
    pub(crate) hidden: usize,
    pub(crate) blocks: usize,
}

pub(crate) const SMALL: Sides = Sides {
    vocabulary: 120,
    stream: 32,
    attention: 32,
    hidden: 48,
    blocks: 4,
};

fn numbers(count: usize, scale: f32, seed: u64, place: u64) -> Vec<f32> {
    let mut random = stream(seed, "planted", place);
    (0..count)
        .map(|_| scale * normal(&mut random) as f32)
        .collect()
}

pub(crate) fn shuffle(count: usize, seed: u64, place: u64) -> Vec<usize> {
    let order = permutation(count as u32, &mut stream(seed, "planted order", place));
    order.into_iter().map(|place| place as usize).collect()
}

/// Which axes of a tensor of a transformer are the residual stream, hidden units, and attention's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Axis {
    Stream,
    Hidden(usize),
    Own,
    Tokens,
}

pub(crate) fn axes(name: &str) -> Vec<Axis> {
    let block = name
        .split('.')
        .find_map(|word| word.parse().ok())
        .unwrap_or(0);
    if name.contains("norm") {
        vec![Axis::Stream]
    } else if name.contains("embed") || name.contains("head") {
        vec![Axis::Tokens, Axis::Stream]
    } else if name.contains("gate") || name.contains("up_proj") {
        vec![Axis::Hidden(block), Axis::Stream]
    } else if name.contains("down_proj") {
        vec![Axis::Stream, Axis::Hidden(block)]
    } else if name.contains("o_proj") {
        vec![Axis::Stream, Axis::Own]
    } else {
        vec![Axis::Own, Axis::Stream]
    }
}

/// A transformer with gated feed-forward blocks and grouped queries.
pub(crate) fn transformer(sides: Sides, seed: u64) -> Planted {
    let Sides {
        vocabulary,
        stream,
        attention,
        hidden,
        blocks,
    } = sides;
    let mut shapes = vec![
        (
            "model.embed_tokens.weight".to_owned(),
            vec![vocabulary, stream],
        ),
        ("model.norm.weight".to_owned(), vec![stream]),
        ("lm_head.weight".to_owned(), vec![vocabulary, stream]),
    ];
    for block in 0..blocks {
        for (name, shape) in [
            ("self_attn.q_proj", vec![attention, stream]),
            ("self_attn.k_proj", vec![attention / 2, stream]),
            ("self_attn.v_proj", vec![attention / 2, stream]),
            ("self_attn.o_proj", vec![stream, attention]),
            ("mlp.gate_proj", vec![hidden, stream]),
            ("mlp.up_proj", vec![hidden, stream]),
            ("mlp.down_proj", vec![stream, hidden]),
            ("input_layernorm", vec![stream]),
            ("post_attention_layernorm", vec![stream]),
        ] {
            shapes.push((format!("model.layers.{block}.{name}.weight"), shape));
        }
    }
    let tensors = shapes.into_iter().zip(0..).map(|((name, shape), place)| {
        let count = shape.iter().product();
        let inputs = shape.get(1).copied().unwrap_or(1) as f32;
        let mut values = numbers(count, inputs.sqrt().recip(), seed, place);
        if shape.len() == 1 {
            values = values.iter().map(|z| 1.0 + 0.1 * z).collect();
        }
        (name, shape, values)
    });
    Planted(tensors.collect())
}

/// A net of linear layers with biases, from the input to the output.
pub(crate) fn chain(sides: &[usize], seed: u64) -> Planted {
    let layers = sides.windows(2).zip(0..);
    let tensors = layers.flat_map(|(pair, layer)| {
        let scale = (pair[0] as f32).sqrt().recip();
        let weight = numbers(pair[0] * pair[1], scale, seed, 2 * layer);
        let bias = numbers(pair[1], 0.1, seed, 2 * layer + 1);
        [
            (format!("fc{layer}.weight"), vec![pair[1], pair[0]], weight),
            (format!("fc{layer}.bias"), vec![pair[1]], bias),
        ]
    });
    Planted(tensors.collect())
}

impl Planted {
    /// Trained on: noise of so much of each tensor's spread, that of every row three times as much or as
    /// little as that of others, and a part that all rows share.
    pub(crate) fn tuned(&self, by: f32, seed: u64) -> Self {
        let tensors =
            self.0
                .iter()
                .zip(0..)
                .map(|((name, shape, values), place)| {
                    let rows = shape.first().copied().unwrap_or(1);
                    let width = values.len() / rows.max(1);
                    let spread =
                        (values.iter().map(|w| w * w).sum::<f32>() / values.len() as f32).sqrt();
                    let noise = numbers(values.len(), by * spread, 1000 + seed, 3 * place);
                    let sizes = numbers(rows, 0.5, 1000 + seed, 3 * place + 1);
                    let shared = numbers(width, 0.3 * by * spread, 1000 + seed, 3 * place + 2);
                    let changed =
                        values.iter().zip(&noise).enumerate().map(|(at, (w, z))| {
                            w + z * sizes[at / width].exp() + shared[at % width]
                        });
                    (name.clone(), shape.clone(), changed.collect())
                });
        Self(tensors.collect())
    }

    /// Every tensor with the rows and columns that are picked from it, times a sign.
    pub(crate) fn picked(&self, pick: impl Fn(Axis, usize) -> Vec<(usize, f32)>) -> Self {
        let tensors = self.0.iter().map(|(name, shape, values)| {
            let axes = axes(name);
            let rows = pick(axes[0], shape[0]);
            let columns = match shape.get(1) {
                Some(&columns) => pick(axes[1], columns),
                None => vec![(0, 1.0)],
            };
            let width = shape.get(1).copied().unwrap_or(1);
            // A gain has no sign: it scales what a flipped dimension holds.
            let sign = |sign: f32| if shape.len() == 1 { 1.0 } else { sign };
            let picked = rows.iter().flat_map(|&(row, a)| {
                columns
                    .iter()
                    .map(move |&(column, b)| (row * width + column, a * b))
            });
            let values = picked.map(|(at, s)| sign(s) * values[at]).collect();
            let shape = match shape.len() {
                1 => vec![rows.len()],
                _ => vec![rows.len(), columns.len()],
            };
            (name.clone(), shape, values)
        });
        Self(tensors.collect())
    }

    /// The same function, with these axes in another order.
    pub(crate) fn renumbered(&self, is_moved: impl Fn(Axis) -> bool, seed: u64) -> Self {
        // Grouped queries: attention's own axes stay, since heads have to stay with their keys.
        self.picked(|axis, size| match axis {
            axis if is_moved(axis) => {
                let place = match axis {
                    Axis::Stream => 0,
                    Axis::Hidden(block) => 10 + block as u64,
                    Axis::Own => 5,
                    Axis::Tokens => 7,
                };
                shuffle(size, seed, place)
                    .into_iter()
                    .map(|at| (at, 1.0))
                    .collect()
            }
            _ => whole(size),
        })
    }

    /// The stream turned by an orthogonal map, its gains made part of nothing: they are ones.
    pub(crate) fn turned(&self, to: usize, seed: u64) -> Self {
        let from = self.0[1].1[0];
        let turn = orthogonal(from, seed);
        let tensors = self.0.iter().map(|(name, shape, values)| {
            let axes = axes(name);
            if shape.len() == 1 {
                return (name.clone(), vec![to], vec![1.0; to]);
            }
            let (rows, columns) = (shape[0], shape[1]);
            let by_rows = axes[0] == Axis::Stream;
            let sides = if by_rows { [to, columns] } else { [rows, to] };
            let mut turned = vec![0.0; sides[0] * sides[1]];
            for (at, value) in turned.iter_mut().enumerate() {
                let (i, j) = (at / sides[1], at % sides[1]);
                *value = (0..from)
                    .map(|k| {
                        if by_rows {
                            turn[k][i] * values[k * columns + j]
                        } else {
                            turn[k][j] * values[i * columns + k]
                        }
                    })
                    .sum();
            }
            (name.clone(), sides.to_vec(), turned)
        });
        Self(tensors.collect())
    }

    /// Without some blocks, the others numbered anew.
    pub(crate) fn without_blocks(&self, dropped: &[usize]) -> Self {
        let tensors = self.0.iter().filter_map(|(name, shape, values)| {
            let block = name.split('.').find_map(|word| word.parse::<usize>().ok());
            let Some(block) = block else {
                return Some((name.clone(), shape.clone(), values.clone()));
            };
            let before = dropped.iter().filter(|&&other| other < block).count();
            let name = name.replace(&format!(".{block}."), &format!(".{}.", block - before));
            (!dropped.contains(&block)).then(|| (name, shape.clone(), values.clone()))
        });
        Self(tensors.collect())
    }

    /// Hidden units added to every block, at the end.
    pub(crate) fn widened(&self, more: usize, seed: u64) -> Self {
        let tensors = self
            .0
            .iter()
            .zip(0..)
            .map(|((name, shape, values), place)| {
                let axes = axes(name);
                let is_hidden = |axis: &Axis| matches!(axis, Axis::Hidden(_));
                if !axes.iter().any(is_hidden) {
                    return (name.clone(), shape.clone(), values.clone());
                }
                let by_rows = is_hidden(&axes[0]);
                let (rows, columns) = (shape[0], shape[1]);
                let scale = (columns as f32).sqrt().recip();
                let noise = numbers(more * rows.max(columns), scale, 500 + seed, place);
                let values: Vec<f32> = if by_rows {
                    values
                        .iter()
                        .chain(&noise[..more * columns])
                        .copied()
                        .collect()
                } else {
                    let rows = values.chunks(columns).zip(noise.chunks(more));
                    rows.flat_map(|(row, new)| row.iter().chain(new))
                        .copied()
                        .collect()
                };
                let shape = if by_rows {
                    vec![rows + more, columns]
                } else {
                    vec![rows, columns + more]
                };
                (name.clone(), shape, values)
            });
        Self(tensors.collect())
    }

    /// Three quarters of the hidden units of every block, in their order.
    pub(crate) fn cut(&self, seed: u64) -> Self {
        self.picked(|axis, size| match axis {
            Axis::Hidden(block) => {
                let mut kept = shuffle(size, seed, 40 + block as u64);
                kept.truncate(size * 3 / 4);
                kept.sort_unstable();
                kept.into_iter().map(|at| (at, 1.0)).collect()
            }
            _ => whole(size),
        })
    }
}

/// Everything in its place.
pub(crate) fn whole(size: usize) -> Vec<(usize, f32)> {
    (0..size).map(|at| (at, 1.0)).collect()
}

/// Rows of an orthogonal matrix (Gram and Schmidt).
fn orthogonal(size: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for place in 0..size {
        let mut row = numbers(size, 1.0, seed, 9_000 + place as u64);
        for _ in 0..2 {
            for other in &rows {
                let along: f32 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        rows.push(row.iter().map(|x| x / norm).collect());
    }
    rows
}

/// A chain of layers with hidden units picked from each layer: bias, rows, and columns of the next.
pub(crate) fn with_units(net: &Planted, pick: impl Fn(usize, usize) -> Vec<usize>) -> Planted {
    let last = net.0.len() / 2 - 1;
    let of = |layer: usize, size: usize| {
        if layer == last {
            (0..size).collect()
        } else {
            pick(layer, size)
        }
    };
    let tensors = net.0.iter().zip(0..).map(|((name, shape, values), place)| {
        let layer = place / 2;
        let rows = of(layer, shape[0]);
        let Some(&width) = shape.get(1) else {
            let values: Vec<f32> = rows.iter().map(|&row| values[row]).collect();
            return (name.clone(), vec![rows.len()], values);
        };
        let columns: Vec<usize> = if layer == 0 {
            (0..width).collect()
        } else {
            of(layer - 1, width)
        };
        let picked = rows
            .iter()
            .flat_map(|&row| columns.iter().map(move |&column| row * width + column));
        let values = picked.map(|at| values[at]).collect();
        (name.clone(), vec![rows.len(), columns.len()], values)
    });
    Planted(tensors.collect())
}
