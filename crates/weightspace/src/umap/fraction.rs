//! How often something takes part in the epochs.

/// A share of the epochs, in parts of 2³².
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction(u32);

impl Fraction {
    /// A share between 0 and 1.
    pub(super) fn of(share: f64) -> Self {
        Self((share * 2f64.powi(32)) as u32)
    }

    /// Whether what takes part in this share of the epochs, evenly spaced, takes part in this one.
    #[inline(always)]
    pub(super) fn is_due(self, epoch: u32) -> bool {
        // The sum of all shares up to this epoch's has just passed a whole number.
        self.0.wrapping_mul(epoch.wrapping_add(1)) < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_due_at_even_spaces() {
        for share in [0.0, 0.002, 0.1, 0.3333, 0.5, 0.99, 1.0] {
            let fraction = Fraction::of(share);
            let mut times = 0;
            for epoch in 0..1000 {
                times += u32::from(fraction.is_due(epoch));
                let wanted = share * f64::from(epoch + 1);
                assert!((f64::from(times) - wanted).abs() <= 1.0, "{share} {epoch}");
            }
        }
    }
}
