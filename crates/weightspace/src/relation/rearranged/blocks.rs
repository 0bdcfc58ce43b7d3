//! Feed-forward blocks of transformers: which of A is which of B, and whether their units are the same.
//!
//! For each block of B the block of A is taken whose Gram matrix of what its units read is most like its
//! own, less a multiple of the identity, by [`COLUMNS`] random combinations of its columns. A Gram matrix
//! does not depend on the order of the units.
//!
//! By order, [`UNITS`] units at even spaces of those that both have are tested; by weights, as many of B
//! against all of A, unless those take more than [`LARGEST`] values.

use faer::Mat;

use super::features::{Features, MOST, gather, matched, order, surest};
use super::stream::{Map, find};
use super::{By, Common, Rearranged, Tensors};
use crate::Error;
use crate::matching::transformer::{Face, Hidden, Transformer};
use crate::random::{normal, stream};

/// Units of a block that are tested by their order.
const UNITS: usize = 512;
/// Units of B that are matched.
const MATCHED: usize = 2 * MOST;
/// Random combinations of columns of a Gram matrix.
const COLUMNS: usize = 16;
/// Units that are multiplied at a time.
const AT_ONCE: usize = 1 << 10;
/// Most values of one part of A's units that are held.
const LARGEST: usize = 1 << 26;
/// Fewest units that are tested.
const FEWEST: usize = 4;

/// A model and what it is made of.
type Side<'a, E> = (&'a dyn Tensors<Error = E>, &'a Transformer);

pub(super) fn test<E: From<Error> + Send>(
    a: Side<'_, E>,
    b: Side<'_, E>,
    seed: u64,
) -> Result<Rearranged, E> {
    let Some(map) = find(a, b)? else {
        return Ok(Rearranged::of(None, Vec::new()));
    };
    let described = Some(map.described());
    let pairs = paired(a, b, &map, seed)?;
    let mut tested = Vec::with_capacity(pairs.len());
    for &(of_a, of_b) in &pairs {
        let case = Case {
            a: (a.0, &a.1.hidden[of_a]),
            b: (b.0, &b.1.hidden[of_b]),
            map: &map,
            seed,
            block: of_b as u64,
        };
        if let Some(by_order) = case.by_order()? {
            tested.push((case, by_order));
        }
    }
    let is_sure = {
        let logs: Vec<f64> = tested.iter().map(|(_, one)| one.ln_p).collect();
        crate::relation::combined(&logs) <= super::SURE_OF_ORDER
    };
    // Of each block of B the best of A's was taken.
    let looked_at = (a.1.hidden.len().max(1) as f64).ln();
    let mut all = Vec::with_capacity(tested.len());
    for (case, by_order) in tested {
        let is_in_order = by_order.ln_p <= super::SURE_OF_ORDER;
        let by_weights = if is_sure && is_in_order {
            None
        } else {
            case.by_weights()?.map(|one| Common {
                ln_p: (one.ln_p + looked_at).min(0.0),
                ..one
            })
        };
        all.push((by_order, by_weights));
    }
    Ok(Rearranged::of(described, all))
}

/// For each block of B the most alike block of A.
fn paired<E: From<Error> + Send>(
    a: Side<'_, E>,
    b: Side<'_, E>,
    map: &Map,
    seed: u64,
) -> Result<Vec<(usize, usize)>, E> {
    let of = |side: Side<'_, E>, shown: &dyn Fn(Features) -> Features| {
        let blocks = side.1.hidden.iter();
        blocks
            .map(|hidden| gram(side.0, hidden, shown, seed))
            .collect::<Result<Vec<Vec<f32>>, E>>()
    };
    let ours = of(a, &|features| map.of_a(features))?;
    let theirs = of(b, &|features| map.of_b(features))?;
    let product = |x: &[f32], y: &[f32]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum()
    };
    let best = theirs.iter().enumerate().filter_map(|(of_b, gram)| {
        let likeness = ours.iter().map(|own| product(own, gram));
        let best = likeness.enumerate().max_by(|x, y| x.1.total_cmp(&y.1));
        best.map(|(of_a, _)| (of_a, of_b))
    });
    Ok(best.collect())
}

/// Random combinations of the columns of what units read times itself, of length 1.
fn gram<E: From<Error> + Send>(
    model: &dyn Tensors<Error = E>,
    hidden: &Hidden,
    shown: &dyn Fn(Features) -> Features,
    seed: u64,
) -> Result<Vec<f32>, E> {
    let Some(face) = hidden.faces.first() else {
        return Ok(Vec::new());
    };
    let mut sums: Option<(Mat<f32>, Mat<f32>)> = None;
    let mut squares = 0.0;
    let units: Vec<usize> = (0..hidden.units).collect();
    for some in units.chunks(AT_ONCE) {
        let features = shown(gather(model, face, some)?);
        let (sum, columns) = sums.get_or_insert_with(|| {
            let mut random = stream(seed, "gram columns", 0);
            let columns = Mat::from_fn(features.width, COLUMNS, |_, _| normal(&mut random) as f32);
            (Mat::zeros(features.width, COLUMNS), columns)
        });
        squares += features
            .values
            .iter()
            .map(|&w| f64::from(w).powi(2))
            .sum::<f64>();
        features.gram_times(columns.as_ref(), sum);
    }
    let Some((sum, columns)) = sums else {
        return Ok(Vec::new());
    };
    let diagonal = (squares / sum.nrows().max(1) as f64) as f32;
    let places = (0..sum.nrows()).flat_map(|i| (0..COLUMNS).map(move |j| (i, j)));
    let values: Vec<f32> = places.map(|at| sum[at] - diagonal * columns[at]).collect();
    let norm = values
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    let scale = if norm > 0.0 { norm.recip() as f32 } else { 0.0 };
    Ok(values.into_iter().map(|x| scale * x).collect())
}

/// A block of A and one of B.
struct Case<'a, E> {
    a: (&'a dyn Tensors<Error = E>, &'a Hidden),
    b: (&'a dyn Tensors<Error = E>, &'a Hidden),
    map: &'a Map,
    seed: u64,
    block: u64,
}

impl<E: From<Error> + Send> Case<'_, E> {
    fn common(&self, by: By, found: [usize; 2], similarity: f64, ln_p: f64) -> Common {
        let name = |(model, hidden): (&dyn Tensors<Error = E>, &Hidden)| {
            model.header(hidden.tensor).0.to_owned()
        };
        Common {
            layer: name(self.b),
            of: name(self.a),
            units: [self.b.1.units, self.a.1.units],
            by,
            found,
            similarity,
            ln_p,
        }
    }

    fn features(
        &self,
        faces: std::ops::RangeFrom<usize>,
        a: &[usize],
        b: &[usize],
    ) -> Result<[Features; 2], E> {
        let start = faces.start;
        let empty = || Features {
            width: 0,
            values: Vec::new(),
        };
        let (mut of_a, mut of_b) = (empty(), empty());
        let faces = self.a.1.faces.iter().zip(&self.b.1.faces).skip(start);
        for (own, other) in faces {
            of_a = of_a.beside(&self.map.of_a(gather(self.a.0, own, a)?));
            of_b = of_b.beside(&self.map.of_b(gather(self.b.0, other, b)?));
        }
        Ok([of_a, of_b])
    }

    /// The test of the order of units, exact.
    fn by_order(&self) -> Result<Option<Common>, E> {
        let units = self.a.1.units.min(self.b.1.units);
        if units < FEWEST {
            return Ok(None);
        }
        let places = spaced(units, UNITS);
        let [a, b] = self.features(0.., &places, &places)?;
        if a.width == 0 || a.width != b.width {
            return Ok(None);
        }
        let random = || stream(self.seed, "block orders", self.block);
        let (similarity, alike, ln_p) = order(&a.cosines(&b), random);
        Ok(Some(self.common(
            By::Order,
            [alike, places.len()],
            similarity,
            ln_p,
        )))
    }

    /// Units matched by what they read first, and tested by the rest.
    fn by_weights(&self) -> Result<Option<Common>, E> {
        let (units_a, units_b) = (self.a.1.units, self.b.1.units);
        let firsts: [Option<&Face>; 2] = [self.a.1.faces.first(), self.b.1.faces.first()];
        let ([Some(face_a), Some(face_b)], true) = (firsts, self.a.1.faces.len() > 1) else {
            return Ok(None);
        };
        if units_a.min(units_b) < FEWEST
            || units_a.saturating_mul(face_a.columns.min(face_a.rows)) > LARGEST
        {
            return Ok(None);
        }
        let all: Vec<usize> = (0..units_a).collect();
        let some = spaced(units_b, MATCHED);
        let a = self.map.of_a(gather(self.a.0, face_a, &all)?);
        let b = self.map.of_b(gather(self.b.0, face_b, &some)?);
        if a.width == 0 || a.width != b.width {
            return Ok(None);
        }
        let pairs = matched(&a.cosines(&b));
        let tested = surest(&pairs);
        let of_a: Vec<usize> = tested.iter().map(|pair| pair.0).collect();
        let of_b: Vec<usize> = tested.iter().map(|pair| some[pair.1]).collect();
        let [a, b] = self.features(1.., &of_a, &of_b)?;
        if tested.len() < FEWEST || a.width == 0 || a.width != b.width {
            return Ok(None);
        }
        let random = || stream(self.seed, "matched orders", self.block);
        let (similarity, alike, ln_p) = order(&a.cosines(&b), random);
        // Of those that were not tested as many are alike as fit as well in the part that matched them.
        let rest = pairs.get(tested.len()..).unwrap_or_default();
        let rest = rest
            .iter()
            .filter(|pair| f64::from(pair.2.abs()) >= super::features::ALIKE);
        let found = [alike + rest.count(), some.len()];
        Ok(Some(self.common(By::Weights, found, similarity, ln_p)))
    }
}

/// At most so many numbers below `count`, at even spaces.
fn spaced(count: usize, most: usize) -> Vec<usize> {
    let kept = count.min(most);
    (0..kept).map(|place| place * count / kept).collect()
}
