//! How each library packs weights: what its tensors are called, and what they mean.

use super::config::Config;
use super::factor::{Factor, Form};
use super::found::{Found, Set};
use super::{Lay, Means, Packed, is_integer};
use crate::foreign::element::packing::E2M1;
use crate::foreign::element::{Element, Packing};
use crate::foreign::place::Order;
use crate::foreign::shape::count;
use crate::foreign::stored::Stored;

/// Columns of float codes that share a scale in NVFP4, and in MXFP4.
const NV_GROUP: u64 = 16;
const MX_GROUP: u64 = 32;

/// The packed weight that a tensor of this name is a part of.
pub(super) fn packed(name: &str, set: &Set<'_>) -> Option<Found> {
    if let Some(layer) = name.strip_suffix("qweight") {
        return match set.config.as_ref()? {
            config if config.is("gptq") => gptq(layer, config, set),
            config if config.is("awq") => awq(layer, config, set),
            _ => None,
        };
    }
    if let Some(layer) = name.strip_suffix("weight_packed") {
        return packed_integers(layer, set).or_else(|| packed_floats(layer, set));
    }
    if let Some(weight) = name.strip_suffix(".absmax") {
        return four_bits(weight, set);
    }
    if let Some(layer) = name.strip_suffix("SCB") {
        return vector_wise(layer, set);
    }
    if let Some(weight) = name.strip_suffix("_scale_inv") {
        return scaled(weight, name, "", set);
    }
    if let Some(weight) = name.strip_suffix("_scales") {
        return blocks(weight, set);
    }
    if let Some(layer) = name.strip_suffix("_qdata") {
        // torchao writes `layer._weight_qdata`.
        let (above, weight) = layer
            .rsplit_once("._")
            .or_else(|| Some(("", layer.strip_prefix('_')?)))?;
        let own = if above.is_empty() {
            weight.to_owned()
        } else {
            format!("{above}.{weight}")
        };
        let zeros = format!("{layer}_zero_point");
        return torchao((name, &format!("{layer}_scale"), &zeros), own, set);
    }
    if let Some(weight) = name.strip_suffix("_scale") {
        let zeros = format!("{weight}_zero_point");
        return two_scales(weight, set).or_else(|| scaled(weight, name, &zeros, set));
    }
    if let Some(layer) = name.strip_suffix("scales") {
        return set
            .config
            .as_ref()
            .and_then(|config| mlx(layer, config, set));
    }
    None
}

/// The bits in a word at which its codes begin.
fn bits_of_word(bits: u32) -> Option<Vec<u32>> {
    matches!(bits, 2 | 4 | 8).then(|| (0..32 / bits).map(|code| code * bits).collect())
}

/// A matrix of words the other way round.
fn turned(stored: &Stored) -> Option<Stored> {
    let &[rows, columns] = stored.tensor.shape.as_slice() else {
        return None;
    };
    let mut turned = stored.clone();
    turned.tensor.shape = vec![columns, rows];
    turned.place.order = Order::of_strides(&turned.tensor.shape, &[1, columns]);
    Some(turned)
}

/// The same numbers in another shape, row-major.
fn reshaped(stored: &Stored, shape: &[u64]) -> Option<Stored> {
    let mut reshaped = stored.clone();
    reshaped.tensor.shape = shape.to_vec();
    (count(shape)? == stored.tensor.elements()).then_some(reshaped)
}

fn is_words(stored: &Stored) -> bool {
    matches!(stored.tensor.element, Element::I32 | Element::U32)
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|&name| name.to_owned()).collect()
}

/// GPTQ: words of codes along the inputs, (inputs · bits / 32, outputs).
fn gptq(layer: &str, config: &Config, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let [weight, zeros, scale] = ["qweight", "qzeros", "scales"].map(|part| set.get(&name(part)));
    let (weight, zeros, scale) = (weight?, zeros?, scale?);
    let bits = config.bits?;
    let in_word = bits_of_word(bits)?;
    let per_word = u64::from(32 / bits);
    let (&[words, outputs], &[groups, columns]) = (
        weight.tensor.shape.as_slice(),
        scale.tensor.shape.as_slice(),
    ) else {
        return None;
    };
    let inputs = words.checked_mul(per_word)?;
    let is_right = is_words(weight)
        && is_words(zeros)
        && columns == outputs
        && zeros.tensor.shape == [groups, outputs.div_ceil(per_word)]
        && outputs % per_word == 0
        && groups > 0;
    if !is_right {
        return None;
    }
    let add = match config.checkpoint_format.as_deref() {
        None | Some("gptq") => 1.0,
        Some("gptq_v2") => 0.0,
        Some(_) => return None,
    };
    let group = group(config, inputs)?;
    let index = set.get(&name("g_idx"));
    let index = index.filter(|index| index.tensor.shape == [inputs] && is_words(index));
    if index.is_none() && inputs.div_ceil(group) != groups {
        return None;
    }
    let shared = |stored: &Stored, form| Factor {
        groups: index.map(|index| Box::new(index.clone())),
        ..Factor::new(stored.clone(), form, (1, group), [0, 1, outputs])
    };
    let mut of = vec![name("qweight"), name("qzeros"), name("scales")];
    of.extend(index.map(|_| name("g_idx")));
    Some(Found {
        name: name("weight"),
        shape: vec![outputs, inputs],
        packing: Packing::Int(bits as u8),
        packed: Packed {
            codes: turned(weight)?,
            lay: Lay::Bits(bits),
            means: Means::Numbers(0.0),
            rows: outputs,
            columns: inputs,
            scales: vec![shared(scale, Form::Plain(0.0))],
            zeros: Some(shared(zeros, Form::Words(in_word, add))),
            bias: None,
        },
        of,
    })
}

/// Columns that share a scale.
fn group(config: &Config, columns: u64) -> Option<u64> {
    match config.group_size? {
        -1 => Some(columns.max(1)),
        size => u64::try_from(size).ok().filter(|&size| size > 0),
    }
}

/// Where the codes of eight neighbours begin in a word of AWQ.
const AWQ: [u32; 8] = [0, 16, 4, 20, 8, 24, 12, 28];

/// AWQ: words of codes along the outputs, (inputs, outputs / 8).
fn awq(layer: &str, config: &Config, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let [weight, zeros, scale] = ["qweight", "qzeros", "scales"].map(|part| set.get(&name(part)));
    let (weight, zeros, scale) = (weight?, zeros?, scale?);
    let (&[inputs, words], &[groups, outputs]) = (
        weight.tensor.shape.as_slice(),
        scale.tensor.shape.as_slice(),
    ) else {
        return None;
    };
    let version = config
        .version
        .as_deref()
        .unwrap_or("gemm")
        .to_ascii_lowercase();
    let group = group(config, inputs)?;
    let is_right = version == "gemm"
        && config.bits == Some(4)
        && is_words(weight)
        && is_words(zeros)
        && words.checked_mul(8) == Some(outputs)
        && zeros.tensor.shape == [groups, words]
        && inputs.div_ceil(group) == groups;
    let shared =
        |stored: &Stored, form| Factor::new(stored.clone(), form, (1, group), [0, 1, outputs]);
    is_right.then(|| {
        Some(Found {
            name: name("weight"),
            shape: vec![outputs, inputs],
            packing: Packing::Int(4),
            packed: Packed {
                codes: turned(weight)?,
                lay: Lay::Planes(&AWQ),
                means: Means::Numbers(0.0),
                rows: outputs,
                columns: inputs,
                scales: vec![shared(scale, Form::Plain(0.0))],
                zeros: Some(shared(zeros, Form::Words(AWQ.to_vec(), 0.0))),
                bias: None,
            },
            of: vec![name("qweight"), name("qzeros"), name("scales")],
        })
    })?
}

/// MLX: words of codes along the inputs, (outputs, inputs · bits / 32), with a scale and a bias each.
fn mlx(layer: &str, config: &Config, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let [weight, scale, bias] = ["weight", "scales", "biases"].map(|part| set.get(&name(part)));
    let (weight, scale, bias) = (weight?, scale?, bias?);
    let bits = config.bits.filter(|bits| (2..=8).contains(bits))?;
    let (&[outputs, words], &[rows, groups]) = (
        weight.tensor.shape.as_slice(),
        scale.tensor.shape.as_slice(),
    ) else {
        return None;
    };
    let inputs = words.checked_mul(32)? / u64::from(bits);
    let group = group(config, inputs)?;
    let is_right = config.is_mlx
        && is_words(weight)
        && rows == outputs
        && bias.tensor.shape == scale.tensor.shape
        && groups.checked_mul(group) == Some(inputs);
    let shared =
        |stored: &Stored| Factor::new(stored.clone(), Form::Plain(0.0), (1, group), [0, groups, 1]);
    is_right.then(|| Found {
        name: name("weight"),
        shape: vec![outputs, inputs],
        packing: Packing::Int(bits as u8),
        packed: Packed {
            codes: weight.clone(),
            lay: Lay::Bits(bits),
            means: Means::Numbers(0.0),
            rows: outputs,
            columns: inputs,
            scales: vec![shared(scale)],
            zeros: None,
            bias: Some(shared(bias)),
        },
        of: vec![name("weight"), name("scales"), name("biases")],
    })
}

/// compressed-tensors, `pack-quantized`: words of codes along the inputs, and the shape beside them.
fn packed_integers(layer: &str, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let [weight, scale, shape] =
        ["weight_packed", "weight_scale", "weight_shape"].map(|part| set.get(&name(part)));
    let (weight, scale, shape) = (weight?, scale?, shape?);
    let shape = set.numbers(shape).filter(|shape| shape.len() == 2)?;
    let [outputs, inputs] = [shape.first()?, shape.get(1)?].map(|&side| side as u64);
    let &[rows, words] = weight.tensor.shape.as_slice() else {
        return None;
    };
    // Codes of any number of bits follow each other without gaps.
    let bits = (1..=8).find(|bits| inputs.saturating_mul(*bits).div_ceil(32) == words)? as u32;
    let is_right = is_words(weight) && rows == outputs && inputs > 0;
    let (group, strides) = is_right
        .then(|| sharing(scale, outputs, inputs))
        .flatten()?;
    let half = (1_u32 << (bits - 1)) as f32;
    let mut of = vec![
        name("weight_packed"),
        name("weight_scale"),
        name("weight_shape"),
    ];
    let index = set.get(&name("weight_g_idx"));
    let index = index.filter(|index| index.tensor.shape == [inputs]);
    of.extend(index.map(|_| name("weight_g_idx")));
    let share = |factor: Factor| Factor {
        groups: index.map(|index| Box::new(index.clone())),
        ..factor
    };
    let zeros = match set.get(&name("weight_zero_point")) {
        None => None,
        Some(zeros) => {
            of.push(name("weight_zero_point"));
            let groups = scale.tensor.elements() / outputs.max(1);
            let per_word = u64::from(32 / bits);
            let factor = if zeros.tensor.shape == scale.tensor.shape {
                Factor::new(zeros.clone(), Form::Plain(0.0), group, strides)
            } else if is_words(zeros) && zeros.tensor.shape == [outputs.div_ceil(per_word), groups]
            {
                let form = Form::Words(bits_of_word(bits)?, -half);
                let side = outputs.div_ceil(per_word) * per_word;
                Factor::new(turned(zeros)?, form, group, [0, 1, side])
            } else {
                return None;
            };
            Some(share(factor))
        }
    };
    Some(Found {
        name: name("weight"),
        shape: vec![outputs, inputs],
        packing: Packing::Int(bits as u8),
        packed: Packed {
            codes: weight.clone(),
            lay: Lay::Bits(bits),
            means: Means::Numbers(half),
            rows: outputs,
            columns: inputs,
            scales: vec![share(Factor::new(
                scale.clone(),
                Form::Plain(0.0),
                group,
                strides,
            ))],
            zeros,
            bias: None,
        },
        of,
    })
}

/// compressed-tensors, floats of four bits: NVFP4 with a scale of all beside, or MXFP4.
fn packed_floats(layer: &str, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let (weight, scale) = (
        set.get(&name("weight_packed"))?,
        set.get(&name("weight_scale"))?,
    );
    let all = set.get(&name("weight_global_scale"));
    let of = [
        name("weight_packed"),
        name("weight_scale"),
        name("weight_global_scale"),
    ];
    let of = of
        .into_iter()
        .take(2 + usize::from(all.is_some()))
        .collect();
    floats(
        weight,
        scale,
        all.map(|all| (all, Form::Inverse(1.0))),
        (name("weight"), of),
    )
}

/// ModelOpt, NVFP4: two scales.
fn two_scales(weight: &str, set: &Set<'_>) -> Option<Found> {
    let (scale, all) = (format!("{weight}_scale"), format!("{weight}_scale_2"));
    let codes = set.get(weight)?;
    let whole = (set.get(&all)?, Form::Plain(0.0));
    let of = names(&[weight, &scale, &all]);
    floats(
        codes,
        set.get(&scale)?,
        Some(whole),
        (weight.to_owned(), of),
    )
}

/// Floats of four bits, two in a byte, with scales of groups and perhaps one of all.
fn floats(
    codes: &Stored,
    scale: &Stored,
    all: Option<(&Stored, Form)>,
    (name, of): (String, Vec<String>),
) -> Option<Found> {
    let &[outputs, bytes] = codes.tensor.shape.as_slice() else {
        return None;
    };
    let inputs = bytes.checked_mul(2)?;
    let (group, form, packing) = match (scale.tensor.element, &all) {
        (Element::F8E4M3, Some(_)) => (NV_GROUP, Form::Plain(0.0), Packing::Nvfp4),
        (Element::U8, None) => (MX_GROUP, Form::Powers, Packing::Mxfp4),
        (Element::F8E8M0, None) => (MX_GROUP, Form::Plain(0.0), Packing::Mxfp4),
        _ => return None,
    };
    let groups = inputs / group;
    let is_one = all
        .as_ref()
        .is_none_or(|(all, _)| all.tensor.elements() == 1);
    let is_right = codes.tensor.element == Element::U8
        && is_one
        && inputs % group == 0
        && scale.tensor.shape == [outputs, groups];
    let mut scales = vec![Factor::new(scale.clone(), form, (1, group), [0, groups, 1])];
    scales.extend(all.map(|(all, form)| Factor::one(all.clone(), form)));
    is_right.then(|| Found {
        name,
        shape: vec![outputs, inputs],
        packing,
        packed: Packed {
            codes: codes.clone(),
            lay: Lay::Bits(4),
            means: Means::Table(E2M1.to_vec()),
            rows: outputs,
            columns: inputs,
            scales,
            zeros: None,
            bias: None,
        },
        of,
    })
}

/// MXFP4 of experts, as gpt-oss has it: (experts, outputs, groups, 16) bytes, unpacked and transposed.
fn blocks(weight: &str, set: &Set<'_>) -> Option<Found> {
    let [codes, scales] = ["_blocks", "_scales"].map(|part| format!("{weight}{part}"));
    let (block, scale) = (set.get(&codes)?, set.get(&scales)?);
    let &[experts, outputs, groups, bytes] = block.tensor.shape.as_slice() else {
        return None;
    };
    let is_right = block.tensor.element == Element::U8
        && scale.tensor.element == Element::U8
        && bytes == MX_GROUP / 2
        && scale.tensor.shape == [experts, outputs, groups];
    let pairs = groups.checked_mul(bytes)?;
    let inputs = pairs.checked_mul(2)?;
    let mut turned = block.clone();
    turned.tensor.shape = vec![experts, pairs, outputs];
    let strides = [outputs.checked_mul(pairs)?, 1, pairs];
    turned.place.order = Order::of_strides(&turned.tensor.shape, &strides);
    let strides = [outputs.checked_mul(groups)?, 1, groups];
    is_right.then(|| Found {
        name: weight.to_owned(),
        shape: vec![experts, inputs, outputs],
        packing: Packing::Mxfp4,
        packed: Packed {
            codes: turned,
            lay: Lay::Planes(&[0, 4]),
            means: Means::Table(E2M1.to_vec()),
            rows: inputs,
            columns: outputs,
            scales: vec![Factor::new(
                scale.clone(),
                Form::Powers,
                (MX_GROUP, 1),
                strides,
            )],
            zeros: None,
            bias: None,
        },
        of: vec![codes, scales],
    })
}

/// bitsandbytes, four bits: two codes in a byte, a largest value per block, both described in JSON.
fn four_bits(weight: &str, set: &Set<'_>) -> Option<Found> {
    /// What is said of the packing.
    #[derive(serde::Deserialize)]
    struct State {
        blocksize: u64,
        shape: Vec<u64>,
        nested_blocksize: Option<u64>,
        nested_offset: Option<f32>,
    }
    let name = |part: &str| format!("{weight}.{part}");
    let kinds = [("nf4", Packing::Nf4), ("fp4", Packing::Fp4)];
    let (state, packing) = kinds.into_iter().find_map(|(kind, packing)| {
        let state = name(&format!("quant_state.bitsandbytes__{kind}"));
        set.get(&state).map(|_| (state, packing))
    })?;
    let bytes = set.numbers(set.get(&state)?)?;
    let bytes: Vec<u8> = bytes.into_iter().map(|byte| byte as u8).collect();
    let told: State = serde_json::from_slice(&bytes).ok()?;
    let (codes, absmax) = (set.get(weight)?, set.get(&name("absmax"))?);
    let table = set.get(&name("quant_map"))?;
    let table = set.numbers(table).filter(|table| table.len() == 16)?;
    let values = count(&told.shape)?;
    let block = told.blocksize;
    let is_right = codes.tensor.element == Element::U8
        && block > 0
        && codes.tensor.elements() == values.div_ceil(2)
        && absmax.tensor.elements() == values.div_ceil(block);
    let mut of = vec![weight.to_owned(), name("absmax"), name("quant_map"), state];
    let form = match (told.nested_blocksize, told.nested_offset) {
        (Some(size), Some(offset)) if is_right => {
            let (scale, table) = (
                set.get(&name("nested_absmax"))?,
                set.get(&name("nested_quant_map"))?,
            );
            of.extend([name("nested_absmax"), name("nested_quant_map")]);
            let count = absmax.tensor.elements();
            let table = set.numbers(table).filter(|table| table.len() == 256)?;
            let is_right = absmax.tensor.element == Element::U8
                && size > 0
                && scale.tensor.elements() == count.div_ceil(size);
            let packed = Packed {
                codes: reshaped(absmax, &[1, count])?,
                lay: Lay::Elements,
                means: Means::Table(table),
                rows: 1,
                columns: count,
                scales: vec![Factor::new(
                    scale.clone(),
                    Form::Plain(0.0),
                    (1, size),
                    [0, 0, 1],
                )],
                zeros: None,
                bias: None,
            };
            is_right.then(|| Form::Packed(Box::new(packed), offset))?
        }
        _ if absmax.tensor.element.is_float() => Form::Plain(0.0),
        _ => return None,
    };
    // In rows of one block, or in one row.
    let (rows, columns, strides) = if values.is_multiple_of(block) && block.is_multiple_of(2) {
        (values / block, block, [0, 1, 0])
    } else {
        (1, values, [0, 0, 1])
    };
    is_right.then(|| {
        Some(Found {
            name: weight.to_owned(),
            shape: told.shape,
            packing,
            packed: Packed {
                codes: reshaped(codes, &[rows, columns.div_ceil(2)])?,
                lay: Lay::UpperFirst,
                means: Means::Table(table),
                rows,
                columns,
                scales: vec![Factor::new(absmax.clone(), form, (1, block), strides)],
                zeros: None,
                bias: None,
            },
            of,
        })
    })?
}

/// bitsandbytes, eight bits: a largest value per row.
fn vector_wise(layer: &str, set: &Set<'_>) -> Option<Found> {
    let name = |part: &str| format!("{layer}{part}");
    let (weight, scale) = (set.get(&name("weight"))?, set.get(&name("SCB"))?);
    let mut of = vec![name("weight"), name("SCB")];
    // 0 is row-major; other orders are those of one processor.
    if let Some(format) = set.get(&name("weight_format")) {
        if set.numbers(format)? != [0.0] {
            return None;
        }
        of.push(name("weight_format"));
    }
    let &[outputs, _] = weight.tensor.shape.as_slice() else {
        return None;
    };
    let is_right = weight.tensor.element == Element::I8 && scale.tensor.elements() == outputs;
    let by_row = Factor::new(scale.clone(), Form::Plain(0.0), (1, u64::MAX), [0, 1, 0]);
    let mut found = is_right
        .then(|| numbers(weight, by_row, name("weight"), of))
        .flatten()?;
    found.packing = Packing::Int(8);
    // SCB / 127, as the library has it: the largest code is 127.
    found.packed.means = Means::Numbers(0.0);
    if let Some(scale) = found.packed.scales.first_mut() {
        scale.form = Form::Times(1.0 / 127.0);
    }
    Some(found)
}

/// Integers or floats of eight bits with a scale: of all, of rows, of groups of columns or of blocks.
fn scaled(weight: &str, scale: &str, zeros: &str, set: &Set<'_>) -> Option<Found> {
    torchao((weight, scale, zeros), weight.to_owned(), set)
}

/// The same under names of their own.
fn torchao(
    (weight, scale, zeros): (&str, &str, &str),
    name: String,
    set: &Set<'_>,
) -> Option<Found> {
    let (codes, own) = (set.get(weight)?, set.get(scale)?);
    let is_read = matches!(
        codes.tensor.element,
        Element::I8 | Element::F8E4M3 | Element::F8E5M2 | Element::F8E4M3Fnuz | Element::F8E5M2Fnuz
    );
    let is_scale = own.tensor.element.is_float();
    // Microscaling: a power of two per group.
    let is_power = own.tensor.element == Element::U8 && codes.tensor.element != Element::I8;
    let &[outputs, inputs] = codes.tensor.shape.as_slice() else {
        return None;
    };
    let (group, strides) = (is_read && (is_scale || is_power))
        .then(|| sharing(own, outputs, inputs))
        .flatten()?;
    let mut of = names(&[weight, scale]);
    let form = if is_power {
        Form::Powers
    } else {
        Form::Plain(0.0)
    };
    let factor = Factor::new(own.clone(), form, group, strides);
    let mut found = numbers(codes, factor, name, Vec::new())?;
    if let Some(zero) = set.get(zeros) {
        if zero.tensor.shape != own.tensor.shape {
            return None;
        }
        found.packed.zeros = Some(Factor::new(zero.clone(), Form::Plain(0.0), group, strides));
        of.push(zeros.to_owned());
    }
    found.of = of;
    Some(found)
}

/// A matrix whose elements are codes.
fn numbers(codes: &Stored, scale: Factor, name: String, of: Vec<String>) -> Option<Found> {
    let &[rows, columns] = codes.tensor.shape.as_slice() else {
        return None;
    };
    let packing = if is_integer(codes.tensor.element) {
        Packing::Int(8)
    } else {
        Packing::Fp8
    };
    Some(Found {
        name,
        shape: vec![rows, columns],
        packing,
        packed: Packed {
            codes: codes.clone(),
            lay: Lay::Elements,
            means: Means::Numbers(0.0),
            rows,
            columns,
            scales: vec![scale],
            zeros: None,
            bias: None,
        },
        of,
    })
}

/// How many rows and columns of a matrix share one of these scales, and how far apart the scales lie.
fn sharing(scale: &Stored, rows: u64, columns: u64) -> Option<((u64, u64), [u64; 3])> {
    /// Sides of the blocks of floats of eight bits.
    const BLOCK: u64 = 128;
    match *scale.tensor.shape.as_slice() {
        _ if scale.tensor.elements() == 1 => Some(((u64::MAX, u64::MAX), [0, 0, 0])),
        [own] if own == rows => Some(((1, u64::MAX), [0, 1, 0])),
        [own, 1] if own == rows => Some(((1, u64::MAX), [0, 1, 0])),
        [own, groups] if own == rows && groups > 0 && columns.is_multiple_of(groups) => {
            Some(((1, columns / groups), [0, groups, 1]))
        }
        [high, wide] if high == rows.div_ceil(BLOCK) && wide == columns.div_ceil(BLOCK) => {
            Some(((BLOCK, BLOCK), [0, wide, 1]))
        }
        _ => None,
    }
}
