//! A share of a sample, with what it may be in all.

use serde::Serialize;

/// The two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How many of how many, and the 95 % interval of the share.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Share {
    pub(crate) count: usize,
    pub(crate) of: usize,
    pub(crate) share: f64,
    /// Wilson's interval (1927).
    pub(crate) interval: [f64; 2],
}

impl Share {
    pub(crate) fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        let (mut count, mut of) = (0, 0);
        for outcome in outcomes {
            of += 1;
            count += usize::from(outcome);
        }
        let n = of as f64;
        let share = count as f64 / n;
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half =
            Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self {
            count,
            of,
            share,
            interval: [(middle - half).max(0.0), (middle + half).min(1.0)],
        }
    }

    /// Whether an aim is within the interval, or below it.
    pub(crate) fn meets(&self, aim: f64) -> bool {
        // The upper end of all of a sample is 1 but for rounding.
        self.interval[1] + 1e-9 >= aim
    }

    /// As `.93 (.85–.97)`; a dash where there is nothing.
    pub(crate) fn shown(&self) -> String {
        if self.of == 0 {
            return "–".to_owned();
        }
        let [low, high] = self.interval;
        format!("{:.2} ({low:.2}–{high:.2})", self.share)
    }

    /// The share alone.
    pub(crate) fn short(&self) -> String {
        match self.of {
            0 => "–".to_owned(),
            _ => format!("{:.2}", self.share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        let share = Share::of((0..10).map(|i| i < 8));
        let [low, high] = share.interval;
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4);
        assert!(share.meets(0.9) && !share.meets(0.99));
        assert!(Share::of((0..66).map(|_| true)).meets(1.0));
        assert_eq!(Share::of(std::iter::empty()).shown(), "–");
    }
}
