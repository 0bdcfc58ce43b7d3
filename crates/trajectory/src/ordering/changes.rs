//! Which places of a path changed, so that a search does not look again at what stayed as it was.

/// When each place, or one near it, was changed last.
pub(super) struct Changes {
    /// How many places on either side count as near.
    reach: usize,
    now: u32,
    newest: Vec<u32>,
}

impl Changes {
    /// All of `places` places, changed just now. Times begin at 1.
    pub(super) fn new(places: usize, reach: usize) -> Self {
        Self {
            reach,
            now: 1,
            newest: vec![1; places],
        }
    }

    /// The time. Whoever looks at places now and notes it knows later whether to look again.
    pub(super) fn now(&self) -> u32 {
        self.now
    }

    /// Whether anything within reach of a place changed after this time.
    pub(super) fn is_since(&self, time: u32, place: usize) -> bool {
        self.newest.get(place).is_none_or(|&newest| newest > time)
    }

    /// Notes a change of the places `first..=last`. O(last - first + reach).
    pub(super) fn mark(&mut self, first: usize, last: usize) {
        self.now += 1;
        let end = last.saturating_add(self.reach + 1).min(self.newest.len());
        let near = first.saturating_sub(self.reach)..end;
        if let Some(near) = self.newest.get_mut(near) {
            near.fill(self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_within_reach_and_only_later() {
        let mut changes = Changes::new(10, 2);
        assert!(changes.is_since(0, 9));
        let before = changes.now();
        assert!((0..10).all(|place| !changes.is_since(before, place)));
        changes.mark(4, 5);
        let seen: Vec<usize> = (0..10).filter(|&p| changes.is_since(before, p)).collect();
        assert_eq!(seen, [2, 3, 4, 5, 6, 7]);
        assert!(!changes.is_since(changes.now(), 4));
        changes.mark(0, 9);
        assert!((0..10).all(|place| changes.is_since(before, place)));
    }
}
