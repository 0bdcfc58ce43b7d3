use super::*;
use crate::planted::{Planted, SMALL, save, transformer};
use crate::progress::Silent;
use weightspace::random::{normal, stream};

fn each(model: &Planted, change: impl Fn(&[f32]) -> Vec<f32>) -> Planted {
    let tensors = model.0.iter();
    Planted(
        tensors
            .map(|(name, shape, values)| (name.clone(), shape.clone(), change(values)))
            .collect(),
    )
}

fn int8(model: &Planted) -> Planted {
    each(model, |values| {
        let step = values.iter().fold(0.0f32, |most, w| most.max(w.abs())) / 127.0;
        values.iter().map(|w| (w / step).round() * step).collect()
    })
}

fn pruned(model: &Planted) -> Planted {
    each(model, |values| {
        let mut sizes: Vec<f32> = values.iter().map(|w| w.abs()).collect();
        sizes.sort_by(f32::total_cmp);
        let line = sizes[values.len() / 2];
        values
            .iter()
            .map(|w| if w.abs() < line { 0.0 } else { *w })
            .collect()
    })
}

fn mixed(a: &Planted, b: &Planted, share: f32) -> Planted {
    let tensors = a.0.iter().zip(&b.0).map(|((name, shape, x), (_, _, y))| {
        let values = x.iter().zip(y).map(|(x, y)| (1.0 - share) * x + share * y);
        (name.clone(), shape.clone(), values.collect())
    });
    Planted(tensors.collect())
}

/// An update of rank 2 in every matrix that is no embedding.
fn lora(model: &Planted, seed: u64) -> Planted {
    let tensors = model
        .0
        .iter()
        .zip(0..)
        .map(|((name, shape, values), place)| {
            let is_changed = shape.len() == 2 && name.contains("layers");
            if !is_changed {
                return (name.clone(), shape.clone(), values.clone());
            }
            let mut random = stream(seed, "lora", place);
            let mut numbers = |count: usize| -> Vec<f32> {
                (0..count).map(|_| normal(&mut random) as f32).collect()
            };
            let (up, down) = (numbers(2 * shape[0]), numbers(2 * shape[1]));
            let added = |at: usize| {
                let (i, j) = (at / shape[1], at % shape[1]);
                up[2 * i] * down[2 * j] + up[2 * i + 1] * down[2 * j + 1]
            };
            let values = values
                .iter()
                .enumerate()
                .map(|(at, w)| w + 0.02 * added(at));
            (name.clone(), shape.clone(), values.collect())
        });
    Planted(tensors.collect())
}

/// The names, and for each edge of the first family: from, to, how, whether it is directed.
fn ask(models: &[(&str, &Planted)], options: &Options) -> (Tree, Vec<(String, String, How, bool)>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in models {
        save(model, &folder.path().join(format!("{name}.safetensors")));
    }
    let tree = tree(&[folder.path().to_path_buf()], options, &Silent).unwrap();
    let family = &tree.families()[0];
    let name = |place: usize| family.models[place].name.replace(".safetensors", "");
    let mut edges: Vec<_> = family
        .edges
        .iter()
        .map(|edge| {
            (
                name(edge.from),
                name(edge.to),
                edge.made.how,
                edge.is_directed,
            )
        })
        .collect();
    edges.sort_by(|x, y| (&x.1, &x.0).cmp(&(&y.1, &y.0)));
    (tree, edges)
}

fn edge(from: &str, to: &str, how: How, is_directed: bool) -> (String, String, How, bool) {
    (from.to_owned(), to.to_owned(), how, is_directed)
}

#[test]
fn a_family_is_put_together_with_how_each_was_made() {
    let base = transformer(SMALL, 1);
    let (first, second) = (base.tuned(0.2, 1), base.tuned(0.2, 2));
    let models = [
        ("base", &base),
        ("first", &first),
        ("second", &second),
        ("first-int8", &int8(&first)),
        ("base-pruned", &pruned(&base)),
        ("lora", &lora(&base, 3)),
        ("merge", &mixed(&first, &second, 0.4)),
        ("copy", &base),
        ("stranger", &transformer(SMALL, 9)),
    ];
    let (tree, edges) = ask(&models, &Options::default());
    assert_eq!(
        edges,
        [
            edge("base", "base-pruned", How::Pruned, true),
            edge("base", "first", How::Trained, false),
            edge("first", "first-int8", How::Quantised, true),
            edge("base", "lora", How::LowRank, false),
            edge("first", "merge", How::Merged, true),
            edge("second", "merge", How::Merged, true),
            edge("base", "second", How::Trained, false),
        ],
        "{tree}"
    );
    assert_eq!(tree.families().len(), 2);
    assert_eq!(tree.families()[1].models[0].name, "stranger.safetensors");
    let root = tree.families()[0]
        .models
        .iter()
        .find(|one| !one.copies.is_empty())
        .unwrap();
    assert_eq!(root.copies, ["copy.safetensors"]);
    let merge = tree.families()[0]
        .edges
        .iter()
        .filter_map(|edge| edge.share)
        .collect::<Vec<f64>>();
    assert!((merge.iter().sum::<f64>() - 1.0).abs() < 1e-6 && merge.len() == 2);
    let page = tree.to_string();
    assert!(
        page.contains("related to no other: 1 model") && page.contains("or the other way"),
        "{page}"
    );
    assert!(tree.to_dot().contains("dir = none") && tree.to_svg().contains("first-int8"));
}

#[test]
fn a_large_family_says_which_model_was_the_first() {
    let base = transformer(SMALL, 1);
    let children: Vec<Planted> = (0..12).map(|seed| base.tuned(0.2, seed)).collect();
    let names: Vec<String> = (0..12).map(|seed| format!("child-{seed}")).collect();
    let mut models: Vec<(&str, &Planted)> =
        names.iter().map(String::as_str).zip(&children).collect();
    models.push(("base", &base));
    let (tree, edges) = ask(&models, &Options::default());
    assert_eq!(edges.len(), 12);
    assert!(
        edges
            .iter()
            .all(|(from, .., is_directed)| from == "base" && *is_directed),
        "{tree}"
    );
}

#[test]
fn from_sketches_the_family_is_the_same() {
    let base = transformer(SMALL, 1);
    let (first, second) = (base.tuned(0.2, 1), base.tuned(0.2, 2));
    let models = [
        ("base", &base),
        ("first", &first),
        ("second", &second),
        ("merge", &mixed(&first, &second, 0.5)),
    ];
    let options = Options::default().memory(64 << 10);
    let (tree, edges) = ask(&models, &options);
    assert!(tree.families()[0].from_sketches);
    let parents: Vec<(&str, &str)> = edges
        .iter()
        .map(|(from, to, ..)| (&**from, &**to))
        .collect();
    assert_eq!(
        parents,
        [
            ("base", "first"),
            ("first", "merge"),
            ("second", "merge"),
            ("base", "second")
        ],
        "{tree}"
    );
}

#[test]
fn unrelated_models_are_families_of_one() {
    let (a, b) = (transformer(SMALL, 1), transformer(SMALL, 2));
    let (tree, edges) = ask(&[("a", &a), ("b", &b)], &Options::default());
    assert!(edges.is_empty());
    assert_eq!(tree.families().len(), 2);
}
