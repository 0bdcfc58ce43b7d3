//! What the functions that a pickle names come to, as data.

use super::super::element::Element;
use super::super::source::{foreign, quoted};
use super::machine::Machine;
use super::values::{Numbers, Storage, Tensor, Tuple, Value};
use crate::{Fault, Result};

/// Modules no function of which has any business in a checkpoint.
const ATTACK_MODULES: [&str; 16] = [
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "commands",
    "shutil",
    "socket",
    "pty",
    "runpy",
    "importlib",
    "ctypes",
    "code",
    "webbrowser",
    "pickle",
    "_pickle",
];

/// Built-in functions of which that is true.
const ATTACK_FUNCTIONS: [&str; 9] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "__import__",
    "open",
    "input",
    "breakpoint",
    "globals",
];

/// Deepest wrapping of a tensor in functions that rebuild it.
const MAX_WRAPPING: usize = 4;

impl Machine<'_> {
    /// Refuses what only an attack would name. Nothing would run either way; but whoever opens
    /// the file with other programs should know.
    pub(super) fn refuse_attack(&self, module: &str, name: &str) -> Result<()> {
        let is_builtin = matches!(module, "builtins" | "__builtin__");
        if ATTACK_MODULES.contains(&module) || (is_builtin && ATTACK_FUNCTIONS.contains(&name)) {
            return Err(foreign(
                self.source.path(),
                Fault::Code,
                format!(
                    "its pickle asks for {} to be called",
                    quoted(&format!("{module}.{name}"))
                ),
                "Nothing was run. Do not open this file with pickle or an old torch.load; delete it, or ask where it came from",
            ));
        }
        Ok(())
    }

    /// What calling this with these arguments comes to.
    pub(super) fn call(
        &mut self,
        callable: Value,
        arguments: Value,
        wrapping: usize,
    ) -> Result<Value> {
        let Value::Tuple(arguments) = arguments else {
            return Err(self.bad("calls something without a tuple of arguments"));
        };
        let global = match callable {
            Value::Global(global) => global,
            Value::Object(_) => return Ok(callable),
            _ => return Err(self.bad("calls something that is no function")),
        };
        let argument = |machine: &Self, index: usize| {
            let arguments = machine.values.tuple(arguments);
            arguments.get(index).copied().unwrap_or(Value::Nothing)
        };
        let (module, name) = self.values.global(global).unwrap_or_default();
        match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                self.rebuild_tensor(arguments, None)
            }
            ("torch._utils", "_rebuild_tensor_v3") => {
                let Value::Global(dtype) = argument(self, 6) else {
                    return Err(self.bad("has a tensor without a type"));
                };
                let numbers = self.dtype(dtype);
                let numbers = numbers.ok_or_else(|| self.bad("has a tensor without a type"))?;
                self.rebuild_tensor(arguments, Some(numbers))
            }
            // The rest of the arguments says how to quantise, and nothing of the bytes.
            ("torch._utils", "_rebuild_qtensor") => self.rebuild_tensor(arguments, None),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                match argument(self, 0) {
                    Value::Tensor(tensor) => self.parameter(tensor),
                    // A parameter of a tensor of another kind stays of that kind.
                    other => Ok(other),
                }
            }
            ("torch._tensor", "_rebuild_from_type_v2") if wrapping < MAX_WRAPPING => {
                let (function, inner) = (argument(self, 0), argument(self, 2));
                if let (true, Value::Global(class)) = (self.is_wrapper(function), argument(self, 1))
                {
                    return self.new_wrapper(class, inner, argument(self, 3));
                }
                self.call(function, inner, wrapping + 1)
            }
            // Python 2 and 3 agree on bytes only as a text and its encoding.
            ("_codecs", "encode") => Ok(match argument(self, 0) {
                Value::Text(text) if self.values.text(text).len() <= 32 => Value::Bytes(text),
                _ => Value::Skipped,
            }),
            ("numpy", "dtype") => Ok(argument(self, 0)),
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
                Ok(self.numpy_scalar(argument(self, 0), argument(self, 1)))
            }
            ("collections", "OrderedDict" | "defaultdict" | "Counter")
            | ("builtins" | "__builtin__", "dict") => {
                let dict = self.new_dict()?;
                // Paid for before the look at them, since they may be copied any number of times.
                let pairs = self
                    .values
                    .sequence(argument(self, 0))
                    .map_or(0, size_of_val);
                self.pay(4 * pairs as u64)?;
                let pairs = self.values.sequence(argument(self, 0)).unwrap_or_default();
                let pairs: Vec<(Value, Value)> = pairs
                    .iter()
                    .filter_map(|pair| match *self.values.sequence(*pair)? {
                        [key, value] => Some((key, value)),
                        _ => None,
                    })
                    .collect();
                if let Some(dict) = self.values.dicts.get_mut(dict as usize) {
                    *dict = pairs;
                }
                Ok(Value::Dict(dict))
            }
            ("torch", "Size") => Ok(argument(self, 0)),
            _ => self.new_object(global, Value::Tuple(arguments)),
        }
    }

    fn is_wrapper(&self, function: Value) -> bool {
        let Value::Global(function) = function else {
            return false;
        };
        let function = self.values.global(function);
        function == Some(("torch._utils", "_rebuild_wrapper_subclass"))
    }

    /// A number that NumPy keeps as a type and its bytes, little-endian as everywhere today.
    fn numpy_scalar(&self, dtype: Value, bytes: Value) -> Value {
        let (Value::Text(dtype), Value::Bytes(bytes)) = (dtype, bytes) else {
            return Value::Skipped;
        };
        let characters = self.values.text(bytes).chars();
        let stored: Option<Vec<u8>> = characters
            .map(|character| u8::try_from(u32::from(character)).ok())
            .collect();
        let number = stored.and_then(|stored| number(self.values.text(dtype), &stored));
        number.unwrap_or(Value::Skipped)
    }

    /// A storage, whose bytes lie outside the pickle; PyTorch refers to nothing else this way, but
    /// for the classes of modules with their source text.
    pub(super) fn persistent(&mut self, id: Value) -> Result<Value> {
        let parts = self.values.sequence(id).unwrap_or_default();
        match *parts {
            [Value::Text(kind), class, ..] if self.values.text(kind) == "module" => Ok(class),
            [
                Value::Text(kind),
                Value::Global(class),
                Value::Text(key),
                _location,
                Value::Int(elements),
                ref rest @ ..,
            ] if self.values.text(kind) == "storage" => {
                let start = match rest.first() {
                    Some(&Value::Tuple(view)) => self.start_of_view(view)?,
                    _ => 0,
                };
                let elements = u64::try_from(elements);
                let elements = elements.map_err(|_| self.bad("has a storage of negative size"))?;
                let numbers = self.storage_type(class).ok_or_else(|| {
                    let (module, name) = self.values.global(class).unwrap_or_default();
                    self.bad(format!(
                        "has a storage of the unknown type {}",
                        quoted(&format!("{module}.{name}"))
                    ))
                })?;
                self.pay(2 * size_of::<Storage>() as u64)?;
                let storage = self.number(self.values.storages.len())?;
                self.values.storages.push(Storage {
                    key,
                    numbers,
                    elements,
                    start,
                });
                Ok(Value::Storage(storage))
            }
            _ => Err(self.bad("refers to something outside that is no storage")),
        }
    }

    /// Where a storage begins that is a view of another one; older files have such.
    fn start_of_view(&self, view: Tuple) -> Result<u64> {
        match *self.values.tuple(view) {
            [_key, Value::Int(start), _elements] => {
                u64::try_from(start).map_err(|_| self.bad("has a view before its storage"))
            }
            _ => Err(self.bad("has a view of a storage that is none")),
        }
    }

    fn rebuild_tensor(&mut self, arguments: Tuple, numbers: Option<Numbers>) -> Result<Value> {
        let (storage, offset, shape, strides) = match *self.values.tuple(arguments) {
            [
                Value::Storage(storage),
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(strides),
                ..,
            ] => (storage, offset, shape, strides),
            _ => return Err(self.bad("has a tensor that is not described as one")),
        };
        let offset = u64::try_from(offset);
        let offset = offset.map_err(|_| self.bad("has a tensor before its storage"))?;
        let stored = self.values.storages.get(storage as usize);
        let numbers = numbers.or(stored.map(|storage| storage.numbers));
        let numbers = numbers.ok_or_else(|| self.bad("has a tensor without a storage"))?;
        self.push_tensor(Tensor {
            storage,
            numbers,
            offset,
            shape,
            strides,
            parameter: false,
        })
    }

    fn parameter(&mut self, tensor: u32) -> Result<Value> {
        let tensor = self.values.tensors.get(tensor as usize).copied();
        let mut tensor = tensor.ok_or_else(|| self.bad("has a parameter without a tensor"))?;
        tensor.parameter = true;
        self.push_tensor(tensor)
    }

    fn push_tensor(&mut self, tensor: Tensor) -> Result<Value> {
        self.pay(2 * size_of::<Tensor>() as u64)?;
        let index = self.number(self.values.tensors.len())?;
        self.values.tensors.push(tensor);
        Ok(Value::Tensor(index))
    }

    /// The number type of a storage by its class; none if that is no storage.
    fn storage_type(&self, class: u32) -> Option<Numbers> {
        let (module, name) = self.values.global(class)?;
        if !matches!(module, "torch" | "torch.storage" | "torch.cuda") || !name.ends_with("Storage")
        {
            return None;
        }
        Some(match storage_element(name) {
            Ok(element) => Numbers::Read(element),
            Err(bytes) => Numbers::Unread {
                name: self.values.globals.get(class as usize)?.name,
                bytes,
            },
        })
    }

    /// The number type that PyTorch calls so; none if it is no type of its.
    fn dtype(&self, dtype: u32) -> Option<Numbers> {
        let ("torch", name) = self.values.global(dtype)? else {
            return None;
        };
        Some(match element(name) {
            Ok(element) => Numbers::Read(element),
            Err(bytes) => Numbers::Unread {
                name: self.values.globals.get(dtype as usize)?.name,
                bytes,
            },
        })
    }
}

/// The number of this NumPy type, such as `i8`, in these bytes.
fn number(dtype: &str, stored: &[u8]) -> Option<Value> {
    let mut bytes = [0; 8];
    bytes.get_mut(..stored.len())?.copy_from_slice(stored);
    let unused = 64 - 8 * u32::try_from(stored.len()).ok()?;
    let raw = u64::from_le_bytes(bytes);
    Some(match (dtype, stored.len()) {
        ("i1", 1) | ("i2", 2) | ("i4", 4) | ("i8", 8) => {
            // Shifted up and down again, the sign fills what was not there.
            Value::Int((raw << unused) as i64 >> unused)
        }
        ("u1", 1) | ("u2", 2) | ("u4", 4) | ("u8", 8) => Value::Int(i64::try_from(raw).ok()?),
        ("f4", 4) => Value::Float(f32::from_bits(raw as u32).into()),
        ("f8", 8) => Value::Float(f64::from_bits(raw)),
        _ => return None,
    })
}

/// The number type of a storage by the name of its class, or the bytes of its elements, zero if
/// they are not known.
fn storage_element(name: &str) -> Result<Element, u8> {
    Ok(match name {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::Bf16,
        "LongStorage" => Element::I64,
        "IntStorage" => Element::I32,
        "ShortStorage" => Element::I16,
        "CharStorage" => Element::I8,
        // Bytes without a type; their tensors have one.
        "ByteStorage" | "UntypedStorage" => Element::U8,
        "BoolStorage" => Element::Bool,
        "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => return Err(1),
        "QInt32Storage" => return Err(4),
        "ComplexFloatStorage" => return Err(8),
        "ComplexDoubleStorage" => return Err(16),
        _ => return Err(0),
    })
}

/// The number type that PyTorch calls so, or the bytes of its elements, zero if they are not known.
fn element(name: &str) -> Result<Element, u8> {
    Ok(match name {
        "float64" | "double" => Element::F64,
        "float32" | "float" => Element::F32,
        "float16" | "half" => Element::F16,
        "bfloat16" => Element::Bf16,
        "float8_e4m3fn" => Element::F8E4M3,
        "float8_e4m3fnuz" => Element::F8E4M3Fnuz,
        "float8_e5m2" => Element::F8E5M2,
        "float8_e5m2fnuz" => Element::F8E5M2Fnuz,
        "float8_e8m0fnu" => Element::F8E8M0,
        "int64" | "long" => Element::I64,
        "int32" | "int" => Element::I32,
        "int16" | "short" => Element::I16,
        "int8" => Element::I8,
        "uint64" => Element::U64,
        "uint32" => Element::U32,
        "uint16" => Element::U16,
        "uint8" => Element::U8,
        "bool" => Element::Bool,
        "qint8" | "quint8" | "float4_e2m1fn_x2" => return Err(1),
        "complex32" | "qint32" => return Err(4),
        "complex64" => return Err(8),
        "complex128" => return Err(16),
        _ => return Err(0),
    })
}
