//! Layers of nets that are chains: one after the other from the input, each in units of the one before.
//!
//! Layers of B are held against those of A of the same place in the chain. The weights that a unit reads
//! the layer before with are compared over the units of that layer that were found in both. By weights,
//! units are matched by the first half of what they read, and tested by the second half and, in the last
//! hidden layer, by what the output reads them with.

use super::features::{ALIKE, Features, finite, matched, order, surest};
use super::{By, Common, Rearranged, Tensors, without_values};
use crate::Error;
use crate::matching::chain::{Chain, Part, chain};
use crate::random::stream;

/// Fewest units, and fewest weights of a half, that are tested.
const FEWEST: usize = 4;
/// Most values of one tensor that are held.
const LARGEST: usize = 1 << 26;

/// A model, and names and shapes of its tensors.
type Side<'a, E> = (&'a dyn Tensors<Error = E>, &'a [(&'a str, &'a [usize])]);

/// A model and its layers.
struct Net<'a, E> {
    model: &'a dyn Tensors<Error = E>,
    chain: Chain,
}

pub(super) fn test<E: From<Error> + Send>(
    a: Side<'_, E>,
    b: Side<'_, E>,
    seed: u64,
) -> Result<Rearranged, E> {
    let [a, b] = [a, b].map(|(model, headers)| Net {
        model,
        chain: chain(&without_values(headers)),
    });
    let mut tested = Vec::new();
    // Units of the layer before that stand for each other; none before the first.
    let mut before: Option<Vec<(usize, usize)>> = None;
    let depth = a.chain.groups.len().min(b.chain.groups.len());
    for layer in 0..depth {
        let [Some(reads_a), Some(reads_b)] = [&a, &b].map(|net| net.reads(layer)) else {
            break;
        };
        let is_first = reads_a.input.is_none() || reads_b.input.is_none();
        let known = if is_first { None } else { before.as_deref() };
        let Some([own, other]) = features(&a, reads_a, &b, reads_b, known)? else {
            break;
        };
        let sizes = [a.chain.groups[layer].size, b.chain.groups[layer].size];
        let common = |by, found, similarity, ln_p| Common {
            layer: b.name(layer),
            of: a.name(layer),
            units: [sizes[1], sizes[0]],
            by,
            found,
            similarity,
            ln_p,
        };
        let both = sizes[0].min(sizes[1]);
        if both < FEWEST {
            break;
        }
        let places: Vec<usize> = (0..both).collect();
        let random = |what| move || stream(seed, what, layer as u64);
        let cosines = own.rows(&places).cosines(&other.rows(&places));
        let (similarity, alike, ln_p) = order(&cosines, random("layer orders"));
        let by_order = common(By::Order, [alike, both], similarity, ln_p);
        let halves = |features: &Features| {
            let half = features.width / 2;
            let pick = |range: std::ops::Range<usize>| {
                features.columns(&range.map(|column| (column, 1.0)).collect::<Vec<_>>())
            };
            [pick(0..half), pick(half..features.width)]
        };
        let ([first, second], [other_first, other_second]) = (halves(&own), halves(&other));
        let mut by_weights = None;
        if first.width >= FEWEST {
            let pairs = matched(&first.cosines(&other_first));
            let kept = surest(&pairs);
            let of_a: Vec<usize> = kept.iter().map(|pair| pair.0).collect();
            let of_b: Vec<usize> = kept.iter().map(|pair| pair.1).collect();
            let (mut x, mut y) = (second.rows(&of_a), other_second.rows(&of_b));
            let outputs = [a.outputs(layer), b.outputs(layer)];
            if let [Some(own), Some(other)] = outputs
                && own.rows == other.rows
            {
                x = x.beside(&a.written(own)?.rows(&of_a));
                y = y.beside(&b.written(other)?.rows(&of_b));
            }
            if kept.len() >= FEWEST && x.width == y.width {
                let (similarity, alike, ln_p) = order(&x.cosines(&y), random("matched layers"));
                by_weights = Some(common(By::Weights, [alike, sizes[1]], similarity, ln_p));
            }
        }
        let is_in_order = by_order.ln_p <= super::SURE_OF_ORDER;
        before = Some(if is_in_order {
            (0..both).map(|unit| (unit, unit)).collect()
        } else {
            let pairs = matched(&own.cosines(&other)).into_iter();
            let pairs = pairs.filter(|pair| f64::from(pair.2.abs()) >= ALIKE);
            pairs.map(|(i, j, _)| (i, j)).collect()
        });
        tested.push((by_order, by_weights));
        if before.as_ref().is_none_or(|pairs| pairs.len() < 2 * FEWEST) {
            break;
        }
    }
    Ok(Rearranged::of(None, tested))
}

impl<E: From<Error> + Send> Net<'_, E> {
    /// The weight that units of a layer are the outputs of.
    fn reads(&self, layer: usize) -> Option<&Part> {
        let pair = self.chain.groups.get(layer)?.pair;
        self.chain.parts.iter().find(|part| part.pair == pair)
    }

    /// The weight that reads a layer and is no layer's, if the output does.
    fn outputs(&self, layer: usize) -> Option<&Part> {
        let mut parts = self.chain.parts.iter();
        parts.find(|part| part.input == Some(layer) && part.output.is_none())
    }

    fn name(&self, layer: usize) -> String {
        let pair = self.chain.groups.get(layer).map_or(0, |group| group.pair);
        self.model.header(pair).0.to_owned()
    }

    /// All values of a part, rows first.
    fn values(&self, part: &Part) -> Result<Vec<f32>, E> {
        let width = part.blocks * part.length;
        let all = self.model.read(part.pair, 0..part.rows * width)?;
        finite(self.model, part.pair, &all)?;
        if !part.transposed {
            return Ok(all.into_owned());
        }
        let places = (0..part.rows).flat_map(|row| (0..width).map(move |k| k * part.rows + row));
        Ok(places.map(|place| all[place]).collect())
    }

    /// What each unit is read with.
    fn written(&self, part: &Part) -> Result<Features, E> {
        let values = self.values(part)?;
        let width = part.blocks * part.length;
        let places = (0..part.blocks).flat_map(|unit| {
            (0..part.rows).flat_map(move |row| {
                (0..part.length).map(move |k| row * width + unit * part.length + k)
            })
        });
        Ok(Features {
            width: part.rows * part.length,
            values: places.map(|place| values[place]).collect(),
        })
    }
}

/// What units of both read, over what both have of the layer before.
fn features<E: From<Error> + Send>(
    a: &Net<'_, E>,
    of_a: &Part,
    b: &Net<'_, E>,
    of_b: &Part,
    before: Option<&[(usize, usize)]>,
) -> Result<Option<[Features; 2]>, E> {
    let widths = [of_a, of_b].map(|part| part.blocks * part.length);
    let is_large = |part: &Part, width: usize| part.rows.saturating_mul(width) > LARGEST;
    if is_large(of_a, widths[0]) || is_large(of_b, widths[1]) {
        return Ok(None);
    }
    let whole = |net: &Net<'_, E>, part: &Part, width| -> Result<Features, E> {
        Ok(Features {
            width,
            values: net.values(part)?,
        })
    };
    let (own, other) = (whole(a, of_a, widths[0])?, whole(b, of_b, widths[1])?);
    let Some(pairs) = before else {
        return Ok((widths[0] == widths[1]).then_some([own, other]));
    };
    if of_a.length != of_b.length {
        return Ok(None);
    }
    let columns = |units: Vec<usize>, length: usize| -> Vec<(usize, f32)> {
        let columns = units
            .into_iter()
            .flat_map(|unit| unit * length..(unit + 1) * length);
        columns.map(|column| (column, 1.0)).collect()
    };
    let (i, j) = pairs.iter().copied().unzip();
    Ok(Some([
        own.columns(&columns(i, of_a.length)),
        other.columns(&columns(j, of_b.length)),
    ]))
}
