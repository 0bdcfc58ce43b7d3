//! Linear and logarithmic axes with round ticks.

/// How values map to positions on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences, equal lengths.
    #[default]
    Linear,
    /// Equal ratios, equal lengths; values that are not positive are skipped.
    Log,
}

/// A mark on an axis; minor ticks carry no label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
}

/// The range of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Domain {
    pub(crate) scale: Scale,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Domain {
    pub(crate) fn shows(scale: Scale, value: f64) -> bool {
        value.is_finite() && (scale == Scale::Linear || value > 0.0)
    }

    /// The smallest domain that holds all values that can be shown; 0..1 (or 1..10) if none can.
    pub(crate) fn of(scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|&v| Self::shows(scale, v))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
        let (low, high) = match (scale, low <= high) {
            (Scale::Linear, false) => (0.0, 1.0),
            (Scale::Log, false) => (1.0, 10.0),
            (Scale::Linear, true) if high - low <= 1e-12 * high.abs().max(low.abs()) => {
                let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
                (low - margin, high + margin)
            }
            (Scale::Log, true) if high / low < 1.0 + 1e-9 => (low / 2.0, high * 2.0),
            (_, true) => (low, high),
        };
        Self { scale, low, high }
    }

    /// Widens both ends by a share of the length.
    pub(crate) fn padded(self, share: f64) -> Self {
        let (a, b) = (self.forward(self.low), self.forward(self.high));
        let margin = (b - a) * share;
        Self {
            low: self.backward(a - margin),
            high: self.backward(b + margin),
            ..self
        }
    }

    /// Widens the domain to hold `value`, where it can be shown.
    pub(crate) fn including(self, value: f64) -> Self {
        if !Self::shows(self.scale, value) {
            return self;
        }
        Self {
            low: self.low.min(value),
            high: self.high.max(value),
            ..self
        }
    }

    fn forward(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        }
    }

    fn backward(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => 10_f64.powf(value),
        }
    }

    /// 0 at the low end, 1 at the high end; clamped a little outside, so that a value that cannot
    /// be shown lands at the low end.
    pub(crate) fn position(self, value: f64) -> f64 {
        if !Self::shows(self.scale, value) {
            return 0.0;
        }
        let (a, b) = (self.forward(self.low), self.forward(self.high));
        (self.forward(value) - a) / (b - a)
    }

    /// About `wanted` labelled ticks, all inside the domain.
    pub(crate) fn ticks(self, wanted: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Log if (self.high / self.low).log10() >= 0.7 => self.log_ticks(wanted),
            _ => self.linear_ticks(wanted),
        }
    }

    fn linear_ticks(self, wanted: usize) -> Vec<Tick> {
        let raw = (self.high - self.low) / wanted.max(1) as f64;
        let magnitude = 10_f64.powf(raw.log10().floor());
        // The round factor nearest to the wanted step, as a ratio.
        let factor = match raw / magnitude {
            r if r < 2_f64.sqrt() => 1.0,
            r if r < 10_f64.sqrt() => 2.0,
            r if r < 50_f64.sqrt() => 5.0,
            _ => 10.0,
        };
        let step = factor * magnitude;
        let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
        let first = (self.low / step - 1e-6).ceil() as i64;
        let last = (self.high / step + 1e-6).floor() as i64;
        (first..=last)
            .map(|i| {
                let value = i as f64 * step;
                Tick {
                    value,
                    label: Some(label(value, decimals)),
                }
            })
            .collect()
    }

    fn log_ticks(self, wanted: usize) -> Vec<Tick> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let decades = high - low;
        let every = (decades / wanted.max(1) as f64).ceil().max(1.0) as i32;
        let labelled: &[i32] = if decades < 2.2 { &[1, 2, 5] } else { &[1] };
        let mut ticks = Vec::new();
        for decade in (low.floor() as i32)..=(high.ceil() as i32) {
            for digit in 1..=9 {
                let value = f64::from(digit) * 10_f64.powi(decade);
                let inside = value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9);
                let shown = labelled.contains(&digit) && decade.rem_euclid(every) == 0;
                if inside && (shown || every == 1) {
                    ticks.push(Tick {
                        value,
                        label: shown.then(|| log_label(digit, decade)),
                    });
                }
            }
        }
        ticks
    }
}

/// A number with a true minus sign.
fn label(value: f64, decimals: usize) -> String {
    let magnitude = format!("{:.decimals$}", value.abs());
    let zero = magnitude.chars().all(|c| matches!(c, '0' | '.'));
    if value < 0.0 && !zero {
        format!("\u{2212}{magnitude}")
    } else {
        magnitude
    }
}

fn log_label(digit: i32, decade: i32) -> String {
    if (-3..=4).contains(&decade) {
        let value = f64::from(digit) * 10_f64.powi(decade);
        return label(value, (-decade).max(0) as usize);
    }
    let superscript: String = decade
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => char::from_u32('⁰' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or('⁰'),
        })
        .collect();
    match digit {
        1 => format!("10{superscript}"),
        _ => format!("{digit}·10{superscript}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(domain: Domain, wanted: usize) -> Vec<String> {
        domain
            .ticks(wanted)
            .into_iter()
            .filter_map(|t| t.label)
            .collect()
    }

    #[test]
    fn linear_ticks_are_round_numbers_inside_the_domain() {
        let domain = Domain::of(Scale::Linear, [-0.013, 0.021]);
        assert_eq!(labels(domain, 4), ["−0.01", "0.00", "0.01", "0.02"]);
        let domain = Domain::of(Scale::Linear, [1.0, 50.0]);
        assert_eq!(labels(domain, 5), ["10", "20", "30", "40", "50"]);
    }

    #[test]
    fn log_ticks_are_decades_with_minor_ticks_between() {
        let domain = Domain::of(Scale::Log, [0.02, 300.0]);
        assert_eq!(labels(domain, 6), ["0.1", "1", "10", "100"]);
        assert_eq!(domain.ticks(6).len(), 38);
        let narrow = Domain::of(Scale::Log, [0.05, 1.1]);
        assert_eq!(labels(narrow, 5), ["0.05", "0.1", "0.2", "0.5", "1"]);
        let tiny = Domain::of(Scale::Log, [1e-9, 1e-4]);
        assert_eq!(labels(tiny, 3)[0], "10⁻⁸");
    }

    #[test]
    fn positions_run_from_zero_to_one_in_both_scales() {
        let linear = Domain::of(Scale::Linear, [2.0, 4.0]);
        assert_eq!([2.0, 3.0, 4.0].map(|v| linear.position(v)), [0.0, 0.5, 1.0]);
        let log = Domain::of(Scale::Log, [0.1, 10.0, -3.0, f64::NAN]);
        assert_eq!((log.low, log.high), (0.1, 10.0));
        assert!((log.position(1.0) - 0.5).abs() < 1e-12);
        assert_eq!(log.position(-1.0), 0.0);
    }

    #[test]
    fn empty_and_constant_data_still_make_an_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            for values in [vec![], vec![3.0; 4], vec![f64::NAN], vec![0.0]] {
                let domain = Domain::of(scale, values);
                assert!(domain.low < domain.high);
                assert!(domain.ticks(5).len() < 50);
            }
        }
    }
}
