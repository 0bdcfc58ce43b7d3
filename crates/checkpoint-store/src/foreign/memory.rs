//! A checkpoint in the memory of a program: arrays of any supported type, read where they lie.
//!
//! [`Arrays`] are to every command what a file is: names are cleaned of what wrappers add, buffers and
//! integers are told from weights, and tensors of types that are not supported are named. Values are
//! copied through one small buffer, tensor by tensor; the model never is.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::claimed::Claimed;
use super::contents::Contents;
use super::element::Element;
use super::format::Format;
use super::found::Found;
use super::place::{Container, Order, Place};
use super::shape::{count, span};
use super::source::{Source, foreign};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, LeftOut, Unread, role};
use crate::{Error, Fault, Result};

/// The bytes of one array, wherever their owner has them.
///
/// They are only ever copied out, so that an owner who changes them meanwhile gets an answer about one
/// or the other state, and nothing worse.
pub trait Bytes: Debug + Send + Sync {
    /// How many there are.
    fn length(&self) -> u64;

    /// Fills the buffer with those at this offset. Nothing beyond the length is asked for.
    ///
    /// # Errors
    /// When they cannot be had.
    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Bytes for Vec<u8> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let part = self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}

/// Bytes that are the same only if they are the same object.
#[derive(Debug, Clone)]
pub(super) struct Shared(pub(super) Arc<dyn Bytes>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl Eq for Shared {}

/// How the values of an array lie in its bytes. The usual: row-major and little-endian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The distance of neighbours along each dimension, in elements; row-major if not given.
    pub strides: Option<Vec<u64>>,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

/// A checkpoint in memory: named arrays, and what is known of it beside them.
///
/// ```
/// use checkpoint_store::foreign::{Arrays, Element, Layout};
/// use std::sync::Arc;
///
/// # fn main() -> checkpoint_store::Result<()> {
/// let mut arrays = Arrays::new();
/// // Two numbers of bf16: 1 and 2.
/// let bytes = Arc::new(vec![0x80_u8, 0x3f, 0x00, 0x40]);
/// arrays.add("layer.weight", Element::Bf16, &[1, 2], &Layout::default(), bytes)?;
/// arrays.claim("step", 300);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrays {
    held: Vec<Held>,
    left_out: Vec<LeftOut>,
    claimed: Claimed,
    /// Whether its name says nothing of it.
    is_unnamed: bool,
}

/// One array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    name: String,
    shape: Vec<u64>,
    numbers: Numbers,
    order: Order,
    big_endian: bool,
    bytes: Shared,
}

/// What its elements are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    Known(Element),
    /// A type of so many bytes that is not supported, and what it is called.
    Unknown(String, u64),
}

impl Numbers {
    fn bytes(&self) -> u64 {
        match self {
            Self::Known(element) => element.bytes(),
            Self::Unknown(_, size) => *size,
        }
    }
}

impl Arrays {
    /// No arrays yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array of this shape, the slowest dimension first.
    ///
    /// # Errors
    /// When its values do not all lie in the bytes.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        element: Element,
        shape: &[u64],
        layout: &Layout,
        bytes: Arc<dyn Bytes>,
    ) -> Result<()> {
        self.hold(name.into(), Numbers::Known(element), shape, layout, bytes)
    }

    /// Adds an array of a type that is not supported, by the name of that type and the bytes of an
    /// element. It is named wherever something is said of the checkpoint, and its bytes tell copies.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_unread(
        &mut self,
        name: impl Into<String>,
        (dtype, size): (&str, u64),
        shape: &[u64],
        layout: &Layout,
        bytes: Arc<dyn Bytes>,
    ) -> Result<()> {
        let numbers = Numbers::Unknown(dtype.to_owned(), size);
        self.hold(name.into(), numbers, shape, layout, bytes)
    }

    fn hold(
        &mut self,
        name: String,
        numbers: Numbers,
        shape: &[u64],
        layout: &Layout,
        bytes: Arc<dyn Bytes>,
    ) -> Result<()> {
        let order = match &layout.strides {
            Some(strides) if strides.len() == shape.len() => Order::of_strides(shape, strides),
            Some(_) => {
                return Err(Error::invalid(format!(
                    "{name} has other dimensions than strides"
                )));
            }
            None => Order::RowMajor,
        };
        let needed = match &order {
            Order::RowMajor => count(shape),
            Order::Strided(strides) => span(shape, strides),
        };
        let needed = needed.and_then(|elements| elements.checked_mul(numbers.bytes()));
        if needed.is_none_or(|needed| needed > bytes.length()) {
            return Err(Error::invalid(format!(
                "{name} of shape {shape:?} does not lie in its {} bytes",
                bytes.length()
            )));
        }
        self.held.push(Held {
            name,
            shape: shape.to_vec(),
            numbers,
            order,
            big_endian: layout.big_endian,
            bytes: Shared(bytes),
        });
        Ok(())
    }

    /// Notes something that is no tensor of the model, and why, in a few words.
    pub fn leave_out(&mut self, name: impl Into<String>, why: impl Into<String>) {
        let (name, why) = (name.into(), why.into());
        self.left_out.push(LeftOut { name, why });
    }

    /// Notes what it claims to be, as a field of a file's metadata would: `step`, `epoch`, `seed`.
    /// Other fields claim nothing.
    pub fn claim(&mut self, field: &str, value: u64) {
        self.claimed.add_number(field, value);
    }

    /// Notes which run it claims to be of.
    pub fn claim_run(&mut self, run: &str) {
        self.claimed.add_text("run", run);
    }

    /// Notes that its name was made up, and so claims nothing.
    pub fn is_unnamed(&mut self) {
        self.is_unnamed = true;
    }

    /// Number of its arrays.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether names of checkpoints beside it may say something of it.
    pub(super) fn is_named(&self) -> bool {
        !self.is_unnamed
    }

    /// The arrays as files are read, one source each.
    pub(super) fn sources(&self, path: &Path) -> Vec<Source> {
        let held = self.held.iter();
        held.map(|held| Source::in_memory(path, &held.bytes))
            .collect()
    }

    /// What a reader makes of them.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn contents(&self, path: &Path) -> Result<Contents> {
        if self.held.is_empty() {
            let what = "it holds no array of numbers";
            return Err(foreign(
                path,
                Fault::NoModel,
                what,
                "Give the weights of a model",
            ));
        }
        let mut contents = Contents {
            left_out: self.left_out.clone(),
            claimed: self.claimed.clone(),
            ..Contents::default()
        };
        for (file, held) in self.held.iter().enumerate() {
            let place = Place {
                file,
                container: Container::File { offset: 0 },
                order: held.order.clone(),
                big_endian: held.big_endian,
            };
            let (name, shape) = (held.name.clone(), held.shape.clone());
            match &held.numbers {
                Numbers::Known(element) => contents.tensors.push(Stored {
                    tensor: ForeignTensor {
                        role: role(&name, &shape, *element, Declared::Nothing),
                        element: *element,
                        name,
                        shape,
                    },
                    place,
                    made: Made::Whole,
                }),
                Numbers::Unknown(dtype, size) => contents.unread.push(Raw {
                    unread: Unread {
                        name,
                        dtype: dtype.clone(),
                        elements: count(&shape),
                        bytes: count(&shape).and_then(|elements| elements.checked_mul(*size)),
                        shape: Some(shape.clone()),
                        reason: NOT_SUPPORTED.to_owned(),
                    },
                    bytes: Some(RawBytes {
                        place,
                        size: *size,
                        shape,
                    }),
                }),
            }
        }
        Ok(contents)
    }
}

impl Found {
    /// A checkpoint in memory, under a name.
    #[must_use]
    pub fn in_memory(name: impl Into<PathBuf>, arrays: &Arc<Arrays>) -> Self {
        let path = name.into();
        Self {
            claimed: if arrays.is_named() {
                Claimed::by_name(&path)
            } else {
                Claimed::default()
            },
            path,
            format: Format::Memory,
            files: Vec::new(),
            index: None,
            arrays: Some(Arc::clone(arrays)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::foreign::{ForeignCheckpoint, Limits, Role};

    fn read(arrays: Arrays, index: usize) -> Result<Vec<f32>> {
        let found = Found::in_memory("model", &Arc::new(arrays));
        let checkpoint = ForeignCheckpoint::open(&found, &Limits::default())?;
        let mut values = Vec::new();
        checkpoint.read(index, &mut |part| values.extend_from_slice(part))?;
        Ok(values)
    }

    fn bytes(values: &[f32]) -> Arc<Vec<u8>> {
        Arc::new(values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    #[test]
    fn arrays_are_read_in_row_major_order_however_they_lie() {
        let mut arrays = Arrays::new();
        let usual = Layout::default();
        let all = bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        arrays
            .add("a", Element::F32, &[2, 3], &usual, all.clone())
            .unwrap();
        let turned = Layout {
            strides: Some(vec![1, 2]),
            ..usual.clone()
        };
        arrays
            .add("b", Element::F32, &[2, 3], &turned, all)
            .unwrap();
        let big = Layout {
            big_endian: true,
            ..usual
        };
        let one = Arc::new(1.5_f64.to_be_bytes().to_vec());
        arrays.add("c", Element::F64, &[], &big, one).unwrap();
        assert_eq!(
            read(arrays.clone(), 0).unwrap(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
        assert_eq!(
            read(arrays.clone(), 1).unwrap(),
            [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]
        );
        assert_eq!(read(arrays, 2).unwrap(), [1.5]);
    }

    #[test]
    fn what_is_no_weight_is_told_by_name_and_type_as_in_a_file() {
        let mut arrays = Arrays::new();
        let usual = Layout::default();
        let one = || bytes(&[1.0]);
        arrays
            .add("module.w", Element::F32, &[1], &usual, one())
            .unwrap();
        arrays
            .add("module.bn.running_mean", Element::F32, &[1], &usual, one())
            .unwrap();
        arrays
            .add("module.count", Element::I32, &[1], &usual, one())
            .unwrap();
        let complex = ("complex64", 8);
        let pair = bytes(&[1.0, 2.0]);
        arrays
            .add_unread("module.c", complex, &[1], &usual, pair)
            .unwrap();
        arrays.claim("step", 7);
        let found = Found::in_memory("run-3/x", &Arc::new(arrays));
        let description = found.describe(&Limits::default()).unwrap();
        let roles: Vec<(&str, Role)> = description
            .tensors()
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.role))
            .collect();
        let expected = [
            ("w", Role::Weight),
            ("bn.running_mean", Role::Buffer),
            ("count", Role::NotFloat),
        ];
        assert_eq!(roles, expected);
        assert_eq!(description.unread().first().unwrap().dtype, "complex64");
        assert_eq!(description.claimed().position(), Some(7));
        assert!(description.claimed().run.is_some());
    }

    #[test]
    fn an_array_beyond_its_bytes_and_a_model_without_arrays_are_refused() {
        let mut arrays = Arrays::new();
        let usual = Layout::default();
        assert!(
            arrays
                .add("a", Element::F32, &[2], &usual, bytes(&[1.0]))
                .is_err()
        );
        assert!(
            arrays
                .add("a", Element::F32, &[u64::MAX, 8], &usual, bytes(&[1.0]))
                .is_err()
        );
        let wrong = Layout {
            strides: Some(vec![1]),
            ..usual.clone()
        };
        assert!(
            arrays
                .add("a", Element::F32, &[1, 1], &wrong, bytes(&[1.0]))
                .is_err()
        );
        assert!(read(arrays.clone(), 0).is_err());
        arrays
            .add("a", Element::F32, &[1], &usual, bytes(&[1.0]))
            .unwrap();
        arrays
            .add("a", Element::F32, &[1], &usual, bytes(&[2.0]))
            .unwrap();
        assert!(
            read(arrays, 0)
                .unwrap_err()
                .to_string()
                .contains("two tensors")
        );
    }
}
