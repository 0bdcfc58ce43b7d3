//! Colours that survive colour-blindness, greyscale printing and 250 runs.

/// An sRGB colour, eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// `#rrggbb`.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Mixes towards `other`; `share` 0 keeps `self`, 1 gives `other`.
    #[must_use]
    pub fn mix(self, other: Self, share: f64) -> Self {
        let channel =
            |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        Self(
            channel(self.0, other.0),
            channel(self.1, other.1),
            channel(self.2, other.2),
        )
    }
}

/// White, the paper all figures are drawn on.
pub const WHITE: Rgb = Rgb(255, 255, 255);

/// Okabe and Ito's palette without yellow, which is lost on white paper; ordered so that the
/// first few differ most (M. Okabe and K. Ito, Color Universal Design, 2008).
pub const OKABE_ITO: [Rgb; 7] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(0, 0, 0),
];

/// Viridis in eleven stops (S. van der Walt and N. Smith, 2015).
pub const VIRIDIS: [Rgb; 11] = [
    Rgb(0x44, 0x01, 0x54),
    Rgb(0x48, 0x24, 0x75),
    Rgb(0x41, 0x44, 0x87),
    Rgb(0x35, 0x5f, 0x8d),
    Rgb(0x2a, 0x78, 0x8e),
    Rgb(0x21, 0x91, 0x8c),
    Rgb(0x22, 0xa8, 0x84),
    Rgb(0x44, 0xbf, 0x70),
    Rgb(0x7a, 0xd1, 0x51),
    Rgb(0xbd, 0xdf, 0x26),
    Rgb(0xfd, 0xe7, 0x25),
];

/// Viridis at `t` in 0..=1 (clamped; NaN gives the low end).
#[must_use]
pub fn viridis(t: f64) -> Rgb {
    let position = t.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (position as usize).min(VIRIDIS.len() - 2);
    VIRIDIS[low].mix(VIRIDIS[low + 1], (position - low as f64).max(0.0))
}

/// The colour of one run out of `runs`.
///
/// Up to seven runs take Okabe and Ito's colours. More runs walk round the hue circle of OKLCH by
/// the golden angle, with the lightness alternating between
/// three levels, so that runs with
/// neighbouring numbers differ both in hue and, for readers who see fewer hues, in lightness. A
/// run keeps its colour when others are added.
#[must_use]
pub fn run_colour(run: usize, runs: usize) -> Rgb {
    if runs <= OKABE_ITO.len() {
        return OKABE_ITO[run % OKABE_ITO.len()];
    }
    const GOLDEN_ANGLE: f64 = 137.507_764_050_037_85;
    const LIGHTNESS: [f64; 3] = [0.54, 0.70, 0.40];
    oklch(
        LIGHTNESS[run % 3] + 0.03 * (run / 3 % 3) as f64,
        0.16,
        (29.0 + run as f64 * GOLDEN_ANGLE).rem_euclid(360.0),
    )
}

/// OKLCH to sRGB (B. Ottosson, A perceptual color space for image processing, 2020). Chroma
/// shrinks until the colour exists.
fn oklch(lightness: f64, chroma: f64, hue_degrees: f64) -> Rgb {
    let (sin, cos) = hue_degrees.to_radians().sin_cos();
    let mut chroma = chroma;
    loop {
        let linear = oklab_to_linear(lightness, chroma * cos, chroma * sin);
        if chroma < 0.002 || linear.iter().all(|c| (-1e-4..=1.0001).contains(c)) {
            let [r, g, b] = linear.map(gamma);
            return Rgb(r, g, b);
        }
        chroma -= 0.002;
    }
}

fn oklab_to_linear(lightness: f64, a: f64, b: f64) -> [f64; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

fn gamma(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    (encoded * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklch_reproduces_published_colours() {
        // Ottosson's own conversion of pure red and of mid grey.
        assert_eq!(oklch(0.627_955, 0.257_683, 29.233_89).hex(), "#ff0000");
        assert_eq!(oklch(0.599_871, 0.0, 0.0).hex(), "#808080");
    }

    #[test]
    fn viridis_passes_its_stops_and_clamps() {
        assert_eq!(viridis(0.0).hex(), "#440154");
        assert_eq!(viridis(0.5).hex(), "#21918c");
        assert_eq!(viridis(1.0).hex(), "#fde725");
        assert_eq!(viridis(7.0), viridis(1.0));
        assert_eq!(viridis(f64::NAN), viridis(0.0));
    }

    #[test]
    fn two_hundred_and_fifty_runs_have_different_colours_and_neighbours_differ_clearly() {
        let colours: Vec<Rgb> = (0..250).map(|run| run_colour(run, 250)).collect();
        let mut distinct = colours.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 250);
        for pair in colours.windows(2) {
            let step = |a: u8, b: u8| f64::from(a.abs_diff(b)).powi(2);
            let distance = (step(pair[0].0, pair[1].0)
                + step(pair[0].1, pair[1].1)
                + step(pair[0].2, pair[1].2))
            .sqrt();
            assert!(distance > 60.0, "{pair:?}: {distance}");
        }
    }
}
