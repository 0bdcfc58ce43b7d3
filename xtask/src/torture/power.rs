//! R2: power is lost at any operation, and again while what is left is taken up.

use super::Effort;
use super::tally::{Tally, described};
use anyhow::{Result, anyhow};
use hostile::disk::Image;
use hostile::life::Life;

/// The images of every moment: one of nothing and everything each, so many by chance of the others.
fn images(chances: u64) -> Vec<Image> {
    let mut images = vec![Image::Nothing, Image::Everything];
    for seed in 0..chances {
        images.push(Image::Subset { seed });
        images.push(Image::Torn { unit: 512, seed });
        images.push(Image::Torn { unit: 4096, seed });
    }
    images
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    for life in Life::ALL {
        let whole = life.undisturbed(None).map_err(|error| anyhow!(error))?;
        let chances = match life {
            // Fewer, for each writes some MiB.
            Life::Written => effort.of(20, 1),
            _ => effort.of(24, 1),
        };
        let moments = whole.moments() as u64 + 1;
        let cases = (0..moments as usize)
            .flat_map(|after| images(chances).into_iter().map(move |image| (after, image)));
        once.push(Tally::over("", cases, |(after, image)| {
            whole.lose_power(after, image).map_err(described)
        }));
        let seconds = 0..effort.of(700, 40);
        twice.push(Tally::over("", seconds, |seed: u64| {
            let after = (seed % moments) as usize;
            let first = Image::Subset { seed };
            let second = match seed % 4 {
                0 => Image::Nothing,
                1 => Image::Everything,
                2 => Image::Subset { seed },
                _ => Image::Torn { unit: 512, seed },
            };
            whole
                .lose_power_twice(after, first, seed.wrapping_mul(7919), second)
                .map_err(described)
        }));
    }
    let what = "power lost after every operation of a store's life, a repair and a replaced file, with \
                nothing, everything, a random part, or whole sectors (512, 4096) on the disk: the old \
                state or the new, and what was acknowledged";
    Ok(vec![
        Tally::joined(what, once),
        Tally::joined("the same, and again while it recovers", twice),
    ])
}
