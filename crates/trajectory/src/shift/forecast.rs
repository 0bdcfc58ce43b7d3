//! How far a value is from where the values before it were going.

use weightspace::statistics::median;

/// Fewest values that a line is drawn through.
pub(super) const FEWEST: usize = 5;

/// How much evidence of a slope it takes to follow it half of the way, as a square of its t value.
const DOUBT: f64 = 4.0;

/// What a run's own past says of its next value: a line through the last values, and how far they
/// scatter about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forecast {
    /// Where the line is at the next value.
    pub(super) centre: f64,
    /// Standard error of the next value about that.
    error: f64,
    /// Degrees of freedom of the scatter.
    freedom: f64,
}

impl Forecast {
    /// The line of Theil and Sen through `past`, the oldest first, one apart: its slope is the median
    /// of the slopes between any two, so that a single stray value hardly moves it. A slope that is
    /// hardly larger than its error is followed in part only, by t² ÷ (t² + 4). `None` of fewer than
    /// [`FEWEST`], or where one is not finite. `floor`: a scatter that every run is taken to have in
    /// addition, since a few values can lie on a line by chance.
    ///
    /// O(n²) for n values.
    pub(super) fn of(past: &[f64], floor: f64) -> Option<Self> {
        let count = past.len();
        if count < FEWEST || past.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let n = count as f64;
        let freedom = n - 2.0;
        let middle = (n - 1.0) / 2.0;
        // The median of what is left of the values without a slope, and their scatter about it.
        let about = |slope: f64| {
            let rests = || {
                let values = past.iter().enumerate();
                values.map(move |(index, value)| value - slope * (index as f64 - middle))
            };
            let level = median(rests());
            let squares: f64 = rests().map(|rest| (rest - level).powi(2)).sum();
            (level, squares / freedom)
        };
        let slopes = past.iter().enumerate().flat_map(|(i, from)| {
            let later = past.iter().enumerate().skip(i + 1);
            later.map(move |(j, to)| (to - from) / (j - i) as f64)
        });
        let slope = median(slopes);
        let spread: f64 = (0..count)
            .map(|index| (index as f64 - middle).powi(2))
            .sum();
        let (_, scatter) = about(slope);
        let noise = (scatter + floor * floor).max(f64::MIN_POSITIVE);
        let evidence = (slope * slope * spread / noise).min(f64::MAX);
        let trusted = evidence / (evidence + DOUBT);
        let (level, scatter) = about(trusted * slope);
        // As of a line by least squares, one beyond its last point.
        let ahead = (n + 1.0) / 2.0;
        let beyond = 1.0 + 1.0 / n + (trusted * ahead).powi(2) / spread;
        Some(Self {
            centre: level + trusted * slope * ahead,
            error: ((scatter + floor * floor) * beyond).sqrt(),
            freedom,
        })
    }

    /// How many standard deviations off a value is, with its sign, on the scale of the normal
    /// distribution: Student's t with few degrees of freedom has heavy tails, which are drawn in as
    /// Wallace (1959) does, sign(t) · √(ν ln(1 + t² ÷ ν)).
    pub(super) fn score(&self, now: f64) -> f64 {
        let t = (now - self.centre) / self.error;
        (self.freedom * (t * t / self.freedom).ln_1p())
            .sqrt()
            .copysign(t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_along_its_line_scores_next_to_nothing() {
        let past: Vec<f64> = (0..8).map(|i| 3.0 - 0.5 * f64::from(i)).collect();
        let forecast = Forecast::of(&past, 0.05).unwrap();
        assert!((forecast.centre - -1.0).abs() < 0.01, "{forecast:?}");
        assert!(forecast.score(-1.0).abs() < 0.2);
        assert!(forecast.score(-2.0) < -3.0 && forecast.score(0.0) > 3.0);
        let exact = Forecast::of(&past, 0.0).unwrap();
        assert!((exact.centre - -1.0).abs() < 1e-9, "{exact:?}");
    }

    #[test]
    fn one_stray_value_does_not_turn_the_line() {
        let mut past: Vec<f64> = (0..10).map(|i| 0.1 * f64::from(i % 2)).collect();
        let usual = Forecast::of(&past, 0.05).unwrap().centre;
        past[4] = 50.0;
        let forecast = Forecast::of(&past, 0.05).unwrap();
        assert!((forecast.centre - usual).abs() < 0.2, "{forecast:?}");
    }

    #[test]
    fn few_values_and_missing_ones_forecast_nothing() {
        assert!(Forecast::of(&[1.0; FEWEST - 1], 0.05).is_none());
        assert!(Forecast::of(&[1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0], 0.05).is_none());
        assert!(Forecast::of(&[1.0; FEWEST], 0.0).is_some());
    }

    #[test]
    fn noise_is_beyond_two_about_as_often_as_the_normal_distribution_says() {
        let mut state = 7_u64;
        let mut draw = || {
            let mut sum = -6.0;
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                sum += (state >> 33) as f64 / f64::from(1_u32 << 31);
            }
            sum
        };
        for count in [5, 6, 10] {
            let trials = 4000;
            let mut beyond = 0;
            for _ in 0..trials {
                let past: Vec<f64> = (0..count).map(|_| draw()).collect();
                let forecast = Forecast::of(&past, 0.0).unwrap();
                beyond += usize::from(forecast.score(draw()).abs() > 2.0);
            }
            let share = beyond as f64 / f64::from(trials);
            // 0.046; medians scatter more than means.
            assert!((0.03..0.09).contains(&share), "{count}: {share}");
        }
    }
}
