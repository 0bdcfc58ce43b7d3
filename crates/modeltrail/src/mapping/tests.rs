use super::*;
use crate::checkpoint::Checkpoint;
use crate::source::Tensors;
use std::sync::Arc;

/// Numbers that look random, of mean 0.
fn noise(count: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut unit = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| unit()).collect()
}

/// A model: names, shapes and values.
#[derive(Clone, Default)]
struct Model(Vec<(String, Vec<usize>, Vec<f32>)>);

impl Model {
    /// Random weights of these names and shapes.
    fn random(tensors: &[(&str, &[usize])], salt: u64) -> Self {
        let tensors = tensors.iter().zip(1..);
        let tensors = tensors.map(|((name, shape), index)| {
            let values = noise(shape.iter().product(), 1000 * salt + index);
            ((*name).to_owned(), shape.to_vec(), values)
        });
        Self(tensors.collect())
    }

    /// An encoder of two layers: the second layer and the matrices of each have shapes in common.
    fn encoder(salt: u64) -> Self {
        let mut tensors: Vec<(String, Vec<usize>)> =
            vec![("embed.weight".to_owned(), vec![20, 16])];
        for layer in 0..2 {
            let sides: [(&str, &[usize]); 8] = [
                ("q_proj.weight", &[16, 16]),
                ("k_proj.weight", &[16, 16]),
                ("v_proj.weight", &[16, 16]),
                ("out.weight", &[16, 16]),
                ("out.bias", &[16]),
                ("norm.weight", &[16]),
                ("up.weight", &[24, 16]),
                ("down.weight", &[16, 24]),
            ];
            for (name, shape) in sides {
                tensors.push((format!("layers.{layer}.{name}"), shape.to_vec()));
            }
        }
        let named: Vec<(&str, &[usize])> = tensors
            .iter()
            .map(|(name, shape)| (name.as_str(), shape.as_slice()))
            .collect();
        Self::random(&named, salt)
    }

    fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        for tensor in &mut self.0 {
            tensor.0 = name(&tensor.0);
        }
        self
    }

    /// Trained on, by so much of each value.
    fn moved(mut self, by: f32) -> Self {
        for (index, tensor) in self.0.iter_mut().enumerate() {
            let steps = noise(tensor.2.len(), 77_000 + index as u64);
            for (value, step) in tensor.2.iter_mut().zip(steps) {
                *value += by * step;
            }
        }
        self
    }

    fn without(mut self, part: &str) -> Self {
        self.0.retain(|(name, _, _)| !name.contains(part));
        self
    }

    fn with(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        self.0.push((name.to_owned(), shape.to_vec(), values));
        self
    }

    /// Matrices of these names stored as [in, out].
    fn transposed(mut self, is_meant: impl Fn(&str) -> bool) -> Self {
        for (name, shape, values) in &mut self.0 {
            if let (&[rows, columns], true) = (shape.as_slice(), is_meant(name)) {
                *values = axes::turned(values, &[rows as u64, columns as u64], &[1, 0]);
                *shape = vec![columns, rows];
            }
        }
        self
    }

    /// Query, key and value of each layer as one tensor, put together by `join`.
    fn fused(self, name: &str, join: impl Fn(&[Vec<f32>; 3]) -> Vec<f32>) -> Self {
        let mut fused = Self::default();
        let get = |name: &str| {
            let found = self.0.iter().find(|(own, _, _)| own == name);
            found.map(|(_, _, values)| values.clone()).unwrap()
        };
        for (own, shape, values) in &self.0 {
            if let Some(layer) = own.strip_suffix(".q_proj.weight") {
                let parts = ["q", "k", "v"].map(|part| get(&format!("{layer}.{part}_proj.weight")));
                fused = fused.with(&format!("{layer}.{name}.weight"), &[48, 16], join(&parts));
            } else if !own.contains("k_proj") && !own.contains("v_proj") {
                fused = fused.with(own, shape, values.clone());
            }
        }
        fused
    }

    fn checkpoint(&self, name: &str) -> Checkpoint {
        let mut tensors = Tensors::new();
        for (name, shape, values) in &self.0 {
            tensors.add(name.as_str(), shape, values.clone()).unwrap();
        }
        Checkpoint::from_source(
            name,
            std::sync::Arc::new(tensors),
            &crate::collection::Options::default(),
        )
        .unwrap()
    }
}

/// The matching of two models, and how far apart what was matched is.
struct Found {
    mapping: Mapping,
    said: Said,
    distance: f64,
}

fn found(a: &Model, b: &Model) -> Found {
    let (a, b) = (a.checkpoint("a"), b.checkpoint("b"));
    let both = alike(&a, &b, &Map::Auto).unwrap();
    let whole = both.whole().unwrap();
    let pairs = whole.a().into_iter().zip(whole.b()).map(|(a, b)| {
        assert_eq!((a.name, a.shape), (b.name, b.shape));
        weightspace::distance::distance(a.values, b.values).powi(2)
    });
    let distance = pairs.sum::<f64>().sqrt();
    Found {
        distance,
        said: both.said.clone(),
        mapping: both.mapping,
    }
}

/// All of both is compared, and it is the same bits.
fn assert_same(a: &Model, b: &Model) -> Found {
    for (a, b) in [(b, a), (a, b)] {
        let found = found(a, b);
        assert!(found.mapping.is_whole(), "{:?}", found.mapping);
        assert_eq!(found.distance, 0.0, "{:?}", found.said);
    }
    found(a, b)
}

#[test]
fn what_wrappers_put_before_names_does_not_matter() {
    let model = Model::encoder(1);
    for prefix in [
        "module.",
        "_orig_mod.",
        "model.",
        "net.encoder.",
        "module._orig_mod.",
    ] {
        let wrapped = model.clone().renamed(|name| format!("{prefix}{name}"));
        let found = assert_same(&model, &wrapped);
        assert_eq!(found.said.prefixes.len(), 1);
        assert!(found.said.has_other_names());
    }
}

#[test]
fn a_name_that_only_some_tensors_have_before_them_leaves_the_others_as_they_are() {
    let model = Model::encoder(1);
    let head = |model: Model| model.with("head.weight", &[5, 16], noise(80, 9));
    let plain = head(model.clone());
    let wrapped = head(model.renamed(|name| format!("model.{name}")));
    assert_same(&plain, &wrapped);
}

#[test]
fn names_that_have_nothing_in_common_are_matched_by_values() {
    let model = Model::encoder(1);
    let other = |name: &str| {
        let name = name.replace("layers.", "b").replace("embed", "tokens");
        name.replace("q_proj", "m1")
            .replace("k_proj", "m2")
            .replace("v_proj", "m3")
            .replace("out", "m4")
            .replace("norm", "m5")
            .replace("up", "m6")
            .replace("down", "m7")
    };
    let found = assert_same(&model, &model.clone().renamed(other));
    assert!(found.said.prefixes.is_empty() || found.said.has_other_names());
    // The same training, a little later.
    let later = model.clone().moved(0.1).renamed(other);
    let found = super::tests::found(&model, &later);
    assert_eq!(found.mapping.pairs.len(), 17, "{:?}", found.said);
    let expected = super::tests::found(&model, &model.clone().moved(0.1)).distance;
    assert!((found.distance / expected - 1.0).abs() < 1e-9);
}

#[test]
fn unrelated_models_of_one_architecture_under_other_names_are_not_matched() {
    let (a, b) = (Model::encoder(1), Model::encoder(2));
    let places = |name: &str| format!("x{}", name.len() * 31 % 97) + &name.replace(['.', '_'], "");
    let found = found(&a, &b.renamed(places));
    assert!(found.mapping.pairs.is_empty(), "{:?}", found.said);
    assert!(found.said.tensors.is_empty());
}

#[test]
fn permuted_layers_of_one_shape_are_not_put_back() {
    let model = Model::encoder(1);
    let swapped = model
        .clone()
        .renamed(|name| match name.strip_prefix("layers.0.") {
            Some(rest) => format!("layers.1.{rest}"),
            None => name.replace("layers.1.", "layers.0."),
        });
    let found = found(&model, &swapped);
    assert!(found.mapping.is_whole() && found.distance > 1.0);
    assert!(found.said.is_empty());
}

#[test]
fn layers_that_were_exchanged_under_other_names_are_said_to_be_in_another_order() {
    let shapes: [(&str, &[usize]); 3] = [
        ("fc1.weight", &[16, 16]),
        ("fc2.weight", &[16, 16]),
        ("head.weight", &[4, 16]),
    ];
    let model = Model::random(&shapes, 3);
    let named = |first: &'static str, second: &'static str| {
        move |name: &str| {
            name.replace("fc1", first)
                .replace("fc2", second)
                .replace("head", "out")
        }
    };
    let right = found(&model, &model.clone().renamed(named("l1", "l2")));
    assert!(right.mapping.is_whole() && right.said.reordered.is_empty());
    let exchanged = found(&model, &model.clone().renamed(named("l2", "l1")));
    assert_eq!(exchanged.said.reordered, ["fc1.weight", "fc2.weight"]);
    // Names without numbers have no order.
    let words = found(&model, &model.clone().renamed(named("second", "first")));
    assert!(words.said.reordered.is_empty());
}

#[test]
fn layers_whose_values_are_all_alike_are_said_to_be_ambiguous() {
    let near = |salt: u64| -> Vec<f32> {
        noise(64, salt)
            .iter()
            .map(|value| 1.0 + 0.001 * value)
            .collect()
    };
    let model = |names: [&str; 3], salt: u64| {
        let mut model = Model::random(&[("head.weight", &[8, 64])], 5);
        for (name, index) in names.iter().zip(0..) {
            model = model.with(name, &[64], near(salt + index));
        }
        model
    };
    let a = model(["one.scale", "two.scale", "three.scale"], 10);
    let b = model(["first.scale", "second.scale", "third.scale"], 20);
    let found = found(&a, &b);
    assert_eq!(found.mapping.pairs.len(), 1);
    assert_eq!(found.said.ambiguous.len(), 6);
    assert!(!found.mapping.is_whole());
}

#[test]
fn transposed_matrices_are_turned_and_square_ones_by_their_values() {
    let model = Model::encoder(1);
    let turned = model.clone().transposed(|name| !name.contains("embed"));
    let found = assert_same(&model, &turned);
    let count = found
        .said
        .tensors
        .iter()
        .filter(|tensor| tensor.transposed)
        .count();
    assert_eq!(count, 12);
    // Also a training later, and where only some are.
    let later = model.clone().moved(0.1);
    let plain = super::tests::found(&model, &later).distance;
    let part = later.transposed(|name| name.contains("up") || name.contains("out.w"));
    let found = super::tests::found(&model, &part);
    assert!((found.distance / plain - 1.0).abs() < 1e-9);
}

#[test]
fn square_matrices_alone_are_turned_where_the_bits_say_so() {
    let model = Model::random(&[("a.weight", &[8, 8]), ("b.weight", &[8, 8])], 3);
    assert_same(&model, &model.clone().transposed(|_| true));
    let strangers = Model::random(&[("a.weight", &[8, 8]), ("b.weight", &[8, 8])], 4);
    assert!(found(&model, &strangers).said.is_empty());
}

#[test]
fn query_key_and_value_are_found_in_one_tensor_in_whatever_order_they_lie() {
    let model = Model::encoder(1);
    let blocks = |parts: &[Vec<f32>; 3]| parts.concat();
    let turned_blocks = |parts: &[Vec<f32>; 3]| [&*parts[1], &*parts[0], &*parts[2]].concat();
    let heads = |parts: &[Vec<f32>; 3]| {
        let head = |head: usize| {
            let rows = 64 * head..64 * (head + 1);
            parts
                .iter()
                .flat_map(|part| part[rows.clone()].to_vec())
                .collect::<Vec<_>>()
        };
        (0..4).flat_map(head).collect()
    };
    for name in ["qkv", "c_attn", "query_key_value", "in_proj"] {
        assert_same(&model, &model.clone().fused(name, blocks));
    }
    assert_same(&model, &model.clone().fused("qkv", turned_blocks));
    assert_same(&model, &model.clone().fused("query_key_value", heads));
    let conv = model.clone().fused("c_attn", blocks);
    let conv = conv.transposed(|name| !name.contains("embed"));
    assert_same(&model, &conv.renamed(|name| format!("transformer.{name}")));
    let later = model.clone().moved(0.1);
    let plain = found(&model, &later).distance;
    let found = found(&model, &later.fused("query_key_value", heads));
    assert!(
        (found.distance / plain - 1.0).abs() < 1e-9,
        "{:?}",
        found.said
    );
}

#[test]
fn key_and_value_are_found_in_one_tensor_beside_the_query() {
    let shapes: [(&str, &[usize]); 4] = [
        ("x.to_q.weight", &[16, 12]),
        ("x.to_k.weight", &[8, 12]),
        ("x.to_v.weight", &[8, 12]),
        ("x.to_out.weight", &[12, 16]),
    ];
    let apart = Model::random(&shapes, 4);
    let values: Vec<f32> = [1, 2]
        .iter()
        .flat_map(|&at| apart.0[at].2.clone())
        .collect();
    let fused = apart.clone().without("to_k").without("to_v");
    let fused = fused.with("x.to_kv.weight", &[16, 12], values);
    assert_same(&apart, &fused);
}

#[test]
fn a_tensor_that_is_stored_twice_explains_one_that_is_missing() {
    let model = Model::encoder(1);
    let embed = model.0.first().unwrap().2.clone();
    let tied = model.clone().with("lm_head.weight", &[20, 16], embed);
    assert_same(&model, &tied);
    let untied = model
        .clone()
        .with("lm_head.weight", &[20, 16], noise(320, 5));
    for (a, b) in [(&model, &untied), (&untied, &model)] {
        assert!(!found(a, b).mapping.is_whole());
    }
    // Each file may keep another one of the two names.
    let other = tied.clone().without("embed");
    assert_same(&tied, &other);
    // Equal constants are no tie.
    let zeros = |name: &str, model: Model| model.with(name, &[4, 4], vec![0.0; 16]);
    let both = zeros("y.weight", zeros("x.weight", Model::encoder(1)));
    let one = zeros("x.weight", Model::encoder(1));
    assert!(!found(&both, &one).mapping.is_whole());
}

#[test]
fn rows_that_were_added_are_left_aside_and_a_replaced_head_is_not_compared() {
    let model = Model::encoder(1)
        .with("head.weight", &[6, 16], noise(96, 3))
        .with("head.bias", &[6], noise(6, 4));
    let resize = |mut model: Model, rows: usize, salt: Option<u64>| {
        for (name, shape, values) in &mut model.0 {
            if name.starts_with("head") {
                let size = rows * shape[1..].iter().product::<usize>();
                let more = noise(size, 50);
                values.extend_from_slice(&more[values.len().min(size)..]);
                values.truncate(size);
                if let Some(salt) = salt {
                    *values = noise(size, salt + size as u64);
                }
                shape[0] = rows;
            }
        }
        model
    };
    let grown = found(&model, &resize(model.clone(), 9, None));
    assert_eq!((grown.distance, grown.mapping.is_whole()), (0.0, false));
    let rows: Vec<_> = grown
        .said
        .tensors
        .iter()
        .filter_map(|tensor| tensor.rows)
        .collect();
    assert_eq!(rows, [[6, 9], [6, 9]]);
    let shrunk = found(&model, &resize(model.clone(), 4, None));
    assert_eq!(shrunk.said.tensors.len(), 2);
    let replaced = found(&model, &resize(model.clone(), 9, Some(8)));
    assert_eq!(replaced.mapping.reshaped.len(), 2);
    assert!(replaced.said.is_empty());
    let share = replaced.mapping.share();
    assert!(share > 0.9 && share < 1.0, "{share}");
}

#[test]
fn names_decide_alone_where_that_is_asked_for() {
    let model = Model::encoder(1);
    let (a, b) = (model.clone(), model.renamed(|name| format!("model.{name}")));
    let (a, b) = (a.checkpoint("a"), b.checkpoint("b"));
    let both = alike(&a, &b, &Map::Exact).unwrap();
    assert!(both.whole().unwrap().a().is_empty());
}

#[test]
fn a_file_says_what_is_called_what_and_nothing_is_guessed_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.toml");
    let lines = "\"embed.weight\" = \"tokens\"\n\"layers.*\" = \"blocks.*\"\n";
    std::fs::write(&path, lines).unwrap();
    let map = Map::Table(Arc::new(Table::read(&path).unwrap()));
    let model = Model::encoder(1).with("head.weight", &[5, 16], noise(80, 9));
    let other = model.clone().renamed(|name| {
        let name = name
            .replace("layers.", "blocks.")
            .replace("head.weight", "classes");
        if name == "embed.weight" {
            "tokens".to_owned()
        } else {
            name
        }
    });
    let (a, b) = (model.checkpoint("a"), other.checkpoint("b"));
    for (a, b) in [(&a, &b), (&b, &a)] {
        let both = alike(a, b, &map).unwrap();
        assert_eq!(both.whole().unwrap().a().len(), 17);
        assert_eq!(
            (both.mapping.only_a.len(), both.mapping.only_b.len()),
            (1, 1)
        );
    }
    let joined = "\"qkv\" = [\"q\", \"k\"]\n\"none\" = \"nothing\"";
    std::fs::write(&path, joined).unwrap();
    let map = Map::Table(Arc::new(Table::read(&path).unwrap()));
    let parts = Model::random(&[("q", &[4, 3]), ("k", &[2, 3])], 2);
    let values = parts
        .0
        .iter()
        .flat_map(|(_, _, values)| values.clone())
        .collect();
    let whole = Model::default().with("qkv", &[6, 3], values);
    for (a, b) in [(&parts, &whole), (&whole, &parts)] {
        let (a, b) = (a.checkpoint("a"), b.checkpoint("b"));
        let both = alike(&a, &b, &map).unwrap();
        assert!(both.mapping.is_whole());
        let whole = both.whole().unwrap();
        let mut pairs = whole.a().into_iter().zip(whole.b());
        assert!(pairs.all(|(a, b)| a.values == b.values));
    }
    let other = Model::random(&[("x", &[4, 3])], 2).checkpoint("x");
    let refused = alike(&other, &other, &map).unwrap_err();
    assert!(
        refused.to_string().contains("none of the tensors"),
        "{refused}"
    );
}

#[test]
fn sketches_are_matched_by_names_without_what_wrappers_put_before_them() {
    let model = Model::encoder(1);
    let kept = model.checkpoint("kept").sketched();
    let whole = model
        .renamed(|name| format!("module.{name}"))
        .checkpoint("whole");
    for (a, b) in [(&kept, &whole), (&whole, &kept)] {
        let (own, other, said) = sketches(a, b, &Map::Auto).unwrap();
        assert_eq!(own.values, other.values);
        assert_eq!(said.unwrap().prefixes.len(), 1);
    }
}
