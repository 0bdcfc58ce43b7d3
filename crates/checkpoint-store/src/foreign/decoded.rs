//! Tensors whose values are decoded while they are streamed.

use super::element::Element;
use super::element::packing::MOST_VALUES;
use super::element::widened::widen;
use super::place::Place;
use super::source::Source;
use super::stored::Decoded;
use super::stream;
use crate::Result;
use crate::limits::{Limits, STREAM_BYTES};

impl Decoded {
    /// Bytes of one unit of an element: a block of packed numbers, or one number.
    pub(super) const fn unit(element: Element) -> u64 {
        match element {
            Element::Packed(packing) => match packing.block() {
                Some((_, bytes)) => bytes,
                None => element.bytes(),
            },
            other => other.bytes(),
        }
    }

    /// Whether its values are other numbers than those that are stored.
    pub(super) fn is_other(&self, element: Element) -> bool {
        self.shift != 0.0 || matches!(element, Element::Packed(_))
    }

    /// Streams the values.
    pub(super) fn stream(
        &self,
        source: &Source,
        (place, element): (&Place, Element),
        limits: &Limits,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let size = Self::unit(element);
        let numbers = (size, self.units.as_slice());
        let mut values = Vec::new();
        stream::chunks(source, place, numbers, limits, &mut |words, count| {
            match element {
                Element::Packed(packing) => {
                    let per_block = packing.block().map_or(1, |(values, _)| values as usize);
                    values.resize(per_block.min(MOST_VALUES) * count, 0.0);
                    let bytes: &[u8] = bytemuck::cast_slice(words);
                    let blocks = bytes.chunks_exact(size as usize).take(count);
                    for (block, values) in blocks.zip(values.chunks_exact_mut(per_block)) {
                        packing.decode(block, values);
                    }
                }
                element => {
                    values.resize(count, 0.0);
                    widen(element, words, &mut values);
                }
            }
            if self.shift != 0.0 {
                values.iter_mut().for_each(|value| *value += self.shift);
            }
            values.chunks(STREAM_BYTES).for_each(&mut *sink);
        })
    }
}
