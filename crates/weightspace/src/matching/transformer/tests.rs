use super::*;

const GPT2: [(&str, &[usize]); 15] = [
    ("wte.weight", &[50, 8]),
    ("wpe.weight", &[20, 8]),
    ("h.0.ln_1.weight", &[8]),
    ("h.0.attn.c_attn.weight", &[8, 24]),
    ("h.0.attn.c_attn.bias", &[24]),
    ("h.0.attn.c_proj.weight", &[8, 8]),
    ("h.0.attn.c_proj.bias", &[8]),
    ("h.0.mlp.c_fc.weight", &[8, 32]),
    ("h.0.mlp.c_fc.bias", &[32]),
    ("h.0.mlp.c_proj.weight", &[32, 8]),
    ("h.0.mlp.c_proj.bias", &[8]),
    ("h.1.attn.c_attn.weight", &[8, 24]),
    ("h.1.mlp.c_fc.weight", &[8, 32]),
    ("h.1.mlp.c_proj.weight", &[32, 8]),
    ("ln_f.weight", &[8]),
];

fn axes(
    found: &Transformer,
    tensors: &[(&str, &[usize])],
    name: &str,
) -> (Option<usize>, Option<usize>) {
    let place = tensors
        .iter()
        .position(|(own, _)| *own == name)
        .unwrap_or(0);
    let one = found.labelled.iter().find(|one| one.tensor == place);
    one.map_or((None, None), |one| (one.row_axis, one.column_axis))
}

#[test]
fn the_stream_runs_through_everything_and_matrices_may_be_stored_the_other_way() {
    let found = Transformer::of(&GPT2).unwrap_or_else(|| panic!("no transformer"));
    assert_eq!((found.width, found.hidden.len()), (8, 2));
    let of = |name| axes(&found, &GPT2, name);
    assert_eq!(of("wte.weight"), (None, Some(0)));
    assert_eq!(of("ln_f.weight"), (Some(0), None));
    // Stored as [in, out], the square one too: its rows are its own.
    let (stream, own) = of("h.0.attn.c_attn.weight");
    assert_eq!((stream, of("h.0.attn.c_attn.bias").0), (Some(0), own));
    assert_eq!(of("h.0.attn.c_proj.weight").1, Some(0));
    assert_eq!(of("h.0.attn.c_proj.bias").0, Some(0));
    let (_, units) = of("h.0.mlp.c_fc.weight");
    assert_eq!(of("h.0.mlp.c_proj.weight"), (units, Some(0)));
    assert_eq!(of("h.0.mlp.c_fc.bias").0, units);
    assert_ne!(of("h.1.mlp.c_fc.weight").1, units);
    let chain = found.chain(&GPT2);
    assert_eq!((chain.parts.len(), chain.breaks.len()), (15, 0));
}

#[test]
fn grouped_queries_gates_and_fused_gates_are_read_off_the_shapes() {
    let llama: [(&str, &[usize]); 10] = [
        ("model.embed_tokens.weight", &[60, 16]),
        ("model.layers.0.self_attn.q_proj.weight", &[16, 16]),
        ("model.layers.0.self_attn.k_proj.weight", &[4, 16]),
        ("model.layers.0.self_attn.v_proj.weight", &[4, 16]),
        ("model.layers.0.self_attn.o_proj.weight", &[16, 16]),
        ("model.layers.0.mlp.gate_proj.weight", &[40, 16]),
        ("model.layers.0.mlp.up_proj.weight", &[40, 16]),
        ("model.layers.0.mlp.down_proj.weight", &[16, 40]),
        ("model.layers.0.input_layernorm.weight", &[16]),
        ("lm_head.weight", &[60, 16]),
    ];
    let found = Transformer::of(&llama).unwrap_or_else(|| panic!("no transformer"));
    let faces = &found.hidden[0].faces;
    assert_eq!((found.hidden[0].units, faces.len()), (40, 3));
    assert!(faces[2].is_writer && !faces[2].by_rows && !faces[0].is_writer);
    assert_eq!(
        axes(&found, &llama, "model.layers.0.self_attn.o_proj.weight").0,
        Some(0)
    );
    assert_eq!(
        axes(&found, &llama, "model.layers.0.self_attn.q_proj.weight").1,
        Some(0)
    );
    let phi: [(&str, &[usize]); 5] = [
        ("embed.weight", &[60, 16]),
        ("layers.0.self_attn.qkv_proj.weight", &[48, 16]),
        ("layers.0.self_attn.o_proj.weight", &[16, 16]),
        ("layers.0.mlp.gate_up_proj.weight", &[80, 16]),
        ("layers.0.mlp.down_proj.weight", &[16, 40]),
    ];
    let found = Transformer::of(&phi).unwrap_or_else(|| panic!("no transformer"));
    assert_eq!(found.hidden.len(), 1);
    let firsts: Vec<usize> = found.hidden[0]
        .faces
        .iter()
        .map(|face| face.first)
        .collect();
    assert_eq!(firsts, [0, 40, 0]);
}

#[test]
fn a_net_without_attention_is_no_transformer() {
    let mlp: [(&str, &[usize]); 3] = [
        ("0.weight", &[8, 4]),
        ("2.weight", &[8, 8]),
        ("4.weight", &[2, 8]),
    ];
    assert_eq!(Transformer::of(&mlp), None);
}
