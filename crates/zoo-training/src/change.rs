//! What may happen to a training's images: shifts of their distribution, and less of the same.
//!
//! To continue a [`Population`](crate::Population) on changed images, hand its engine the changed
//! data set at the next epoch. A change of images with more or fewer of them also changes the
//! number of steps in an epoch; those here keep it unless they say otherwise.

use crate::dataset::{CLASSES, Images, PIXELS, SIDE};
use crate::random::{Purpose, below, normal, stream};

impl Images {
    /// Turned about the centre, counter-clockwise; what comes from outside is background.
    /// Bilinear.
    #[must_use]
    pub fn rotated(&self, degrees: f64) -> Self {
        let centre = (SIDE - 1) as f64 / 2.0;
        let (sine, cosine) = (
            libm::sin(degrees.to_radians()),
            libm::cos(degrees.to_radians()),
        );
        let grey = |image: &[u8], row: f64, column: f64| {
            let inside = 0.0..SIDE as f64;
            if inside.contains(&row) && inside.contains(&column) {
                f64::from(image[row as usize * SIDE + column as usize])
            } else {
                0.0
            }
        };
        let turned = |image: &[u8], place: usize| {
            let (down, right) = (
                (place / SIDE) as f64 - centre,
                (place % SIDE) as f64 - centre,
            );
            let row = cosine * down + sine * right + centre;
            let column = cosine * right - sine * down + centre;
            let (above, left) = (row.floor(), column.floor());
            let (lower, righter) = (row - above, column - left);
            let upper_row = (1.0 - righter) * grey(image, above, left)
                + righter * grey(image, above, left + 1.0);
            let lower_row = (1.0 - righter) * grey(image, above + 1.0, left)
                + righter * grey(image, above + 1.0, left + 1.0);
            ((1.0 - lower) * upper_row + lower * lower_row).round() as u8
        };
        let images = self.pixels.chunks_exact(PIXELS);
        Self {
            pixels: images
                .flat_map(|image| (0..PIXELS).map(move |place| turned(image, place)))
                .collect(),
            labels: self.labels.clone(),
        }
    }

    /// Black for white.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self {
            pixels: self.pixels.iter().map(|grey| 255 - grey).collect(),
            labels: self.labels.clone(),
        }
    }

    /// With normal noise of this standard deviation (in units of 0 to 255) on every pixel, clipped
    /// to what a pixel can hold.
    #[must_use]
    pub fn with_noise(&self, standard_deviation: f64, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Change, 0);
        let mut noisy =
            |grey: &u8| (f64::from(*grey) + standard_deviation * normal(&mut rng)).round() as u8;
        Self {
            pixels: self.pixels.iter().map(&mut noisy).collect(),
            labels: self.labels.clone(),
        }
    }

    /// With this share of the labels drawn anew, evenly over all classes.
    #[must_use]
    pub fn with_label_noise(&self, share: f64, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Change, 1);
        let threshold = (share.clamp(0.0, 1.0) * f64::from(1 << 24)) as u32;
        let mut drawn = |&label: &u8| {
            let replaced = below(1 << 24, &mut rng) < threshold;
            let other = below(CLASSES as u32, &mut rng) as u8;
            if replaced { other } else { label }
        };
        Self {
            pixels: self.pixels.clone(),
            labels: self.labels.iter().map(&mut drawn).collect(),
        }
    }

    /// Every class under the label of the next one.
    #[must_use]
    pub fn with_permuted_labels(&self) -> Self {
        let next = |label: &u8| (label + 1) % CLASSES as u8;
        Self {
            pixels: self.pixels.clone(),
            labels: self.labels.iter().map(next).collect(),
        }
    }

    /// The images that the condition on (index, label) holds for; fewer than before.
    #[must_use]
    pub fn only(&self, condition: impl Fn(usize, u8) -> bool) -> Self {
        let kept = (0..self.len()).filter(|&index| condition(index, self.labels[index]));
        self.picked(kept)
    }

    /// As many images as `count`, by going through these again and again.
    #[must_use]
    pub fn repeated(&self, count: usize) -> Self {
        self.picked((0..self.len()).cycle().take(count))
    }

    /// As many images as before, drawn with replacement, class by class in proportion to `weights`.
    /// A class without images stays without.
    #[must_use]
    pub fn with_priors(&self, weights: [f64; CLASSES], seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Change, 2);
        let mut by_class = vec![Vec::new(); CLASSES];
        for (index, &label) in self.labels.iter().enumerate() {
            by_class[usize::from(label)].push(index);
        }
        let present = |class: &usize| !by_class[*class].is_empty() && weights[*class] > 0.0;
        let classes: Vec<usize> = (0..CLASSES).filter(present).collect();
        let total: f64 = classes.iter().map(|&class| weights[class]).sum();
        let mut left = self.len();
        let mut share_left = total;
        let mut drawn = Vec::with_capacity(left);
        for class in classes {
            let count = (left as f64 * weights[class] / share_left).round() as usize;
            let images = &by_class[class];
            drawn.extend((0..count).map(|_| images[below(images.len() as u32, &mut rng) as usize]));
            left -= count;
            share_left -= weights[class];
        }
        self.picked(drawn.into_iter())
    }

    fn picked(&self, indices: impl Iterator<Item = usize>) -> Self {
        let mut picked = Self::default();
        for index in indices {
            picked.pixels.extend_from_slice(self.image(index));
            picked.labels.push(self.labels[index]);
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize) -> Images {
        Images {
            pixels: (0..count * PIXELS).map(|i| (i * 37 % 251) as u8).collect(),
            labels: (0..count).map(|i| (i % CLASSES) as u8).collect(),
        }
    }

    #[test]
    fn four_quarter_turns_and_two_inversions_change_nothing() {
        let digits = images(20);
        let turned = (0..4).fold(digits.clone(), |images, _| images.rotated(90.0));
        assert_eq!(turned, digits);
        assert_eq!(digits.inverted().inverted(), digits);
        assert_ne!(digits.rotated(90.0), digits);
    }

    #[test]
    fn a_quarter_turn_brings_the_right_column_to_the_top() {
        let digits = images(1);
        let turned = digits.rotated(90.0);
        for i in 0..SIDE {
            assert_eq!(turned.pixels[i], digits.pixels[i * SIDE + SIDE - 1]);
        }
    }

    #[test]
    fn label_noise_changes_nine_tenths_of_the_share_it_draws() {
        let digits = images(20_000);
        let noisy = digits.with_label_noise(0.2, 1);
        let changed = std::iter::zip(&digits.labels, &noisy.labels)
            .filter(|(a, b)| a != b)
            .count();
        assert!((3400..3800).contains(&changed), "{changed}");
        assert_eq!(digits.with_label_noise(0.0, 1), digits);
    }

    #[test]
    fn noise_has_the_deviation_asked_for_away_from_the_clipped_ends() {
        let grey = Images {
            pixels: vec![128; 500 * PIXELS],
            labels: vec![0; 500],
        };
        let noisy = grey.with_noise(20.0, 3);
        let squares = noisy.pixels.iter().map(|&x| (f64::from(x) - 128.0).powi(2));
        let deviation = (squares.sum::<f64>() / noisy.pixels.len() as f64).sqrt();
        assert!((deviation - 20.0).abs() < 0.2, "{deviation}");
    }

    #[test]
    fn picking_keeps_images_and_labels_together_and_counts_as_asked() {
        let digits = images(1000);
        assert_eq!(digits.only(|_, label| label != 3).len(), 900);
        let again = digits.only(|index, _| index < 7).repeated(20);
        assert_eq!((again.len(), again.image(8)), (20, digits.image(1)));
        let mut weights = [1.0; CLASSES];
        weights[0] = 11.0;
        let skewed = digits.with_priors(weights, 5);
        assert_eq!(skewed.len(), 1000);
        let zeros = skewed.labels.iter().filter(|&&label| label == 0).count();
        assert_eq!(zeros, 550);
        assert!(Images::default().with_priors([1.0; CLASSES], 0).is_empty());
        assert!(Images::default().repeated(5).is_empty());
    }
}
