//! What the tensors of an adapter are, by their names.

/// What PEFT puts before all names of a model that it wraps.
const PREFIX: &str = "base_model.model.";

/// Which factor of a change a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Down,
    Up,
    EmbeddingDown,
    EmbeddingUp,
    Bias,
}

/// What a tensor is to an adapter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A factor of the change of a layer, of the adapter of this name, which may be empty.
    Half(Half, String, String),
    /// It is of an adapter of another kind, for this reason.
    Unknown(&'static str),
    /// It was trained in the place of the tensor of this name.
    Saved(String),
    /// The tensor of this name, before another was trained in its place.
    Original(String),
    /// The weight of this name, wrapped.
    Base(String),
    /// It is none of these.
    Other,
}

/// What is between a layer and the name of an adapter.
const HALVES: [(&str, Half); 4] = [
    ("lora_A", Half::Down),
    ("lora_B", Half::Up),
    ("lora_embedding_A", Half::EmbeddingDown),
    ("lora_embedding_B", Half::EmbeddingUp),
];

/// Parts of names that tell what is not read, and what it is.
const UNKNOWN: [(&str, &str); 15] = [
    (
        "lora_magnitude_vector",
        "DoRA, which also scales the rows of the merged weight",
    ),
    (
        "lora_E",
        "AdaLoRA, whose changes have singular values of their own",
    ),
    ("ia3_l", "IA³, which multiplies activations"),
    ("hada_w1_a", "LoHa, a Hadamard product"),
    ("hada_w1_b", "LoHa, a Hadamard product"),
    ("hada_w2_a", "LoHa, a Hadamard product"),
    ("hada_w2_b", "LoHa, a Hadamard product"),
    ("lokr_w1", "LoKr, a Kronecker product"),
    ("lokr_w2", "LoKr, a Kronecker product"),
    ("oft_R", "OFT, an orthogonal transformation"),
    ("boft_R", "BOFT, an orthogonal transformation"),
    ("vera_lambda_b", "VeRA, whose factors are drawn from a seed"),
    ("vera_lambda_d", "VeRA, whose factors are drawn from a seed"),
    ("fourierft_spectrum", "FourierFT, a spectrum"),
    (
        "trainable_tokens_delta",
        "single rows of an embedding (trainable tokens)",
    ),
];

/// Whether a name is one that only adapters have.
pub(super) fn is_of_adapter(name: &str) -> bool {
    name.split('.').any(|part| {
        HALVES.iter().any(|(half, _)| part == *half)
            || UNKNOWN.iter().any(|(unknown, _)| part == *unknown)
    })
}

/// What a tensor of this name is.
pub(super) fn part(name: &str) -> Part {
    let parts: Vec<&str> = name.split('.').collect();
    for (place, part) in parts.iter().enumerate() {
        if let Some((_, why)) = UNKNOWN.iter().find(|(unknown, _)| part == unknown) {
            return Part::Unknown(why);
        }
        let half = HALVES.iter().find(|(half, _)| part == half);
        if let Some(&(_, half)) = half {
            let layer = parts.get(..place).unwrap_or_default().join(".");
            let rest = parts.get(place + 1..).unwrap_or_default();
            return match (half, rest) {
                (_, [] | ["weight"]) => Part::Half(half, layer, String::new()),
                (Half::Up, ["bias"]) => Part::Half(Half::Bias, layer, String::new()),
                (Half::Up, [adapter, "bias"]) => {
                    Part::Half(Half::Bias, layer, (*adapter).to_owned())
                }
                (_, [adapter] | [adapter, "weight"]) => {
                    Part::Half(half, layer, (*adapter).to_owned())
                }
                _ => Part::Unknown("a factor of an unknown kind"),
            };
        }
        let without = |skipped: usize| {
            let rest = parts.get(place + skipped..).unwrap_or_default();
            let layer = parts.get(..place).unwrap_or_default();
            [layer, rest].concat().join(".")
        };
        // A module of this name may be one of the model's, if nothing stands around it.
        if place > 0 && place + 1 < parts.len() {
            match *part {
                "base_layer" => return Part::Base(without(1)),
                "original_module" => return Part::Original(without(1)),
                "modules_to_save" if place + 2 < parts.len() => {
                    return Part::Saved(without(2));
                }
                _ => {}
            }
        }
    }
    Part::Other
}

/// Takes what PEFT puts before all names away.
pub(super) fn strip_prefix(mut names: Vec<&mut String>) {
    if names.iter().all(|name| name.starts_with(PREFIX)) {
        for name in &mut names {
            name.drain(..PREFIX.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_told_by_what_stands_around_them() {
        let half =
            |half, layer: &str, name: &str| Part::Half(half, layer.to_owned(), name.to_owned());
        for (name, wanted) in [
            ("h.0.attn.lora_A.weight", half(Half::Down, "h.0.attn", "")),
            (
                "h.0.attn.lora_B.default.weight",
                half(Half::Up, "h.0.attn", "default"),
            ),
            ("wte.lora_embedding_A", half(Half::EmbeddingDown, "wte", "")),
            (
                "wte.lora_embedding_B.x",
                half(Half::EmbeddingUp, "wte", "x"),
            ),
            ("h.q.lora_B.bias", half(Half::Bias, "h.q", "")),
            ("h.q.lora_B.a.bias", half(Half::Bias, "h.q", "a")),
            ("h.q.base_layer.weight", Part::Base("h.q.weight".to_owned())),
            (
                "score.modules_to_save.default.weight",
                Part::Saved("score.weight".to_owned()),
            ),
            (
                "score.original_module.weight",
                Part::Original("score.weight".to_owned()),
            ),
            ("base_layer.weight", Part::Other),
            ("h.0.weight", Part::Other),
        ] {
            assert_eq!(part(name), wanted, "{name}");
        }
        assert!(matches!(
            part("h.q.lora_magnitude_vector.weight"),
            Part::Unknown(_)
        ));
        assert!(is_of_adapter("h.q.lora_A.weight"));
        assert!(!is_of_adapter("h.q.lora_Axe.weight"));
    }
}
