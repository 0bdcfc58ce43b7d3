//! The order in which defects are looked for: the most certain first, each explaining what it can.

use super::chain::Chain;
use super::series::Series;
use super::{Found, averages, copies, places, single};

/// Fewest steps of which anything but equal bits can be said.
const FEWEST: usize = 3;

/// The defects of a series. `first_is_warm_up`: whether its second step may have all bits of the first by
/// right, since a warm-up begins with a rate of 0.
pub fn find(series: &Series, first_is_warm_up: bool) -> Vec<Found> {
    let mut chain = Chain::new(series);
    let mut found = copies::whole(&mut chain, first_is_warm_up);
    if chain.movers.is_empty() || chain.kept.len() < FEWEST {
        return found;
    }
    found.extend(copies::parts(&mut chain));
    chain.leave_explained();
    found.extend(places::swapped(&mut chain));
    found.extend(places::misplaced(&mut chain));
    found.extend(places::swapped(&mut chain));
    found.extend(places::restarted(&mut chain));
    found.extend(averages::averages(&chain));
    found.extend(single::strange(&mut chain));
    found
}
