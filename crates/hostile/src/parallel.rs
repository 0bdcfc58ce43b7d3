//! Checkpoints of several files, built byte by byte: of ZeRO, of distributed tensors, of
//! torch.distributed.checkpoint, and adapters.
#![allow(missing_docs)]

use crate::bytes::{Entry, safetensors, zip};
use crate::pickled::{Pickled, fields, shape, t, tensor};
use Pickled::{Call, Dict, List, Nothing, Number, Object, Tuple};

/// Names and contents of files of one folder.
pub type Files = Vec<(String, Vec<u8>)>;

/// A file of PyTorch with this pickle, and storages of so many bytes by their names.
#[must_use]
pub fn archive(root: &Pickled, storages: &[(&str, usize)]) -> Vec<u8> {
    let mut entries = vec![Entry::new("x/data.pkl", &root.pickle())];
    for &(key, bytes) in storages {
        let values: Vec<u8> = (0..bytes).map(|place| (place % 61) as u8).collect();
        entries.push(Entry::new(&format!("x/data/{key}"), &values));
    }
    zip(&entries)
}

/// What a folder of ZeRO says, before anything of it is made wrong.
#[derive(Debug, Clone)]
pub struct Zero {
    pub third: bool,
    pub world: i64,
    /// How many processes it says that there are.
    pub said: Pickled,
    /// Groups of names with shapes.
    pub shapes: Pickled,
    /// Lengths of the flat vectors of each process.
    pub flat: Vec<i64>,
    /// Bytes of the storage of each.
    pub bytes: usize,
    pub shared: Pickled,
    pub buffers: Pickled,
    pub frozen: Option<(Pickled, Pickled)>,
}

impl Zero {
    /// Two weights, five and three values, of two processes.
    #[must_use]
    pub fn sound(third: bool) -> Self {
        let shapes = vec![("a", shape(&[5])), ("b", shape(&[3, 1]))];
        Self {
            third,
            world: 2,
            said: Number(2),
            shapes: List(vec![fields(shapes)]),
            flat: vec![if third { 5 } else { 4 }],
            bytes: 20,
            shared: Dict(vec![(t("c"), t("b"))]),
            buffers: List(vec![t("mean")]),
            frozen: None,
        }
    }

    fn model(&self) -> Vec<u8> {
        let mut root = vec![
            ("module", fields(vec![("mean", tensor("0", 4, &[4]))])),
            ("buffer_names", self.buffers.clone()),
            ("param_shapes", self.shapes.clone()),
            ("shared_params", self.shared.clone()),
            ("global_steps", Number(7)),
        ];
        if let Some((shapes, fragments)) = &self.frozen {
            root.push(("frozen_param_shapes", shapes.clone()));
            root.push(("frozen_param_fragments", fragments.clone()));
        }
        archive(&fields(root), &[("0", 16)])
    }

    fn optimiser(&self) -> Vec<u8> {
        let key = if self.third {
            "fp32_flat_groups"
        } else {
            "single_partition_of_fp32_groups"
        };
        let vectors = self.flat.iter();
        let vectors = vectors.map(|&elements| tensor("0", elements, &[elements]));
        let state = fields(vec![
            ("zero_stage", Number(if self.third { 3 } else { 2 })),
            ("partition_count", self.said.clone()),
            (key, List(vectors.collect())),
        ]);
        let root = fields(vec![("optimizer_state_dict", state)]);
        archive(&root, &[("0", self.bytes)])
    }

    #[must_use]
    pub fn files(&self) -> Files {
        let mut files = Vec::new();
        for rank in 0..self.world {
            files.push((
                format!("zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"),
                self.optimiser(),
            ));
            if self.third {
                files.push((
                    format!("zero_pp_rank_{rank}_mp_rank_00_model_states.pt"),
                    self.model(),
                ));
            }
        }
        if !self.third {
            files.push(("mp_rank_00_model_states.pt".to_owned(), self.model()));
        }
        files
    }
}

/// A distributed tensor, before anything of it is made wrong.
#[derive(Debug, Clone)]
pub struct Part {
    pub whole: Pickled,
    pub local: Vec<i64>,
    pub elements: i64,
    pub mesh: Pickled,
    pub rank: Pickled,
    pub coordinate: Pickled,
    pub placements: Pickled,
}

/// Shards along a dimension.
#[must_use]
pub fn shard(dimension: i64) -> Pickled {
    let state = fields(vec![("dim", Number(dimension))]);
    placement("Shard", state)
}

#[must_use]
pub fn placement(name: &'static str, state: Pickled) -> Pickled {
    let module = "torch.distributed.tensor.placement_types";
    Object(module, name, Vec::new(), Box::new(state))
}

impl Part {
    /// Half of (4, 2), along the second dimension.
    #[must_use]
    pub fn sound(rank: i64) -> Self {
        Self {
            whole: shape(&[4, 2]),
            local: vec![4, 1],
            elements: 4,
            mesh: shape(&[2]),
            rank: Number(rank),
            coordinate: shape(&[rank]),
            placements: Tuple(vec![shard(1)]),
        }
    }

    #[must_use]
    pub fn value(&self) -> Pickled {
        // Older versions keep the numbers of the processes themselves.
        if let Pickled::Opcodes(_) = self.mesh {
            return self.on(("mesh", self.mesh.clone()));
        }
        let layout = fields(vec![("shape", self.mesh.clone())]);
        let layout = Object(
            "torch.distributed._mesh_layout",
            "_MeshLayout",
            Vec::new(),
            Box::new(layout),
        );
        self.on(("_layout", layout))
    }

    fn on(&self, layout: (&str, Pickled)) -> Pickled {
        let mesh = fields(vec![
            layout,
            ("_rank", self.rank.clone()),
            ("_coordinate_on_dim", self.coordinate.clone()),
        ]);
        let class = Pickled::Opcodes(b"ctorch.distributed.tensor\nDTensor\n".to_vec());
        let wrapper = Pickled::Opcodes(b"ctorch._utils\n_rebuild_wrapper_subclass\n".to_vec());
        let mesh = Object(
            "torch.distributed.device_mesh",
            "DeviceMesh",
            Vec::new(),
            Box::new(mesh),
        );
        let spec = fields(vec![
            ("mesh", mesh),
            ("placements", self.placements.clone()),
        ]);
        let spec = Object(
            "torch.distributed.tensor._dtensor_spec",
            "DTensorSpec",
            Vec::new(),
            Box::new(spec),
        );
        let state = fields(vec![
            ("_local_tensor", tensor("0", self.elements, &self.local)),
            ("_spec", spec),
        ]);
        Call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            vec![
                wrapper,
                class.clone(),
                Tuple(vec![class, Nothing, self.whole.clone()]),
                Tuple(vec![Nothing, state]),
            ],
        )
    }
}

/// The files of processes that have these.
#[must_use]
pub fn ranks(parts: &[Pickled]) -> Files {
    let files = parts.iter().zip(0_usize..).map(|(part, rank)| {
        let root = fields(vec![("w", part.clone())]);
        (
            format!("model_rank_{rank}.pt"),
            archive(&root, &[("0", 16)]),
        )
    });
    files.collect()
}

/// A part of an older sharded tensor, at this place and of this shape.
#[must_use]
pub fn sharded(whole: &Pickled, parts: Vec<(Pickled, Vec<i64>)>, rank: i64) -> Pickled {
    let module = "torch.distributed._shard.sharded_tensor.shard";
    let locals = parts.into_iter().map(|(at, local)| {
        let metadata = Object(
            "torch.distributed._shard.metadata",
            "ShardMetadata",
            Vec::new(),
            Box::new(Tuple(vec![Nothing, fields(vec![("shard_offsets", at)])])),
        );
        let state = fields(vec![
            ("tensor", tensor("0", 4, &local)),
            ("metadata", metadata),
        ]);
        Object(module, "Shard", Vec::new(), Box::new(state))
    });
    let metadata = Object(
        "torch.distributed._shard.sharded_tensor.metadata",
        "ShardedTensorMetadata",
        Vec::new(),
        Box::new(fields(vec![("size", whole.clone())])),
    );
    let processes = Object(
        "torch.distributed._shard.sharded_tensor.api",
        "ShardedTensor.ProcessGroupState",
        Vec::new(),
        Box::new(fields(vec![
            ("global_rank", Number(rank)),
            ("global_world_size", Number(2)),
        ])),
    );
    let class =
        Pickled::Opcodes(b"ctorch.distributed._shard.sharded_tensor.api\nShardedTensor\n".to_vec());
    let wrapper = Pickled::Opcodes(b"ctorch._utils\n_rebuild_wrapper_subclass\n".to_vec());
    Call(
        "torch._tensor",
        "_rebuild_from_type_v2",
        vec![
            wrapper,
            class.clone(),
            Tuple(vec![class, Nothing, whole.clone()]),
            Tuple(vec![
                List(locals.collect()),
                metadata,
                processes,
                Nothing,
                Nothing,
            ]),
        ],
    )
}

/// One tensor of a folder of torch.distributed.checkpoint.
#[derive(Debug, Clone)]
pub struct Described {
    pub whole: Pickled,
    /// Where each chunk begins, and its shape.
    pub chunks: Vec<(Pickled, Pickled)>,
    /// Of all chunks that lie somewhere: the file, where it begins, how long it is.
    pub places: Vec<(Pickled, &'static str, i64, i64)>,
}

/// A chunk as it lies in a file: (4, 1) of f32.
#[must_use]
pub fn chunk() -> Vec<u8> {
    archive(&tensor("0", 4, &[4, 1]), &[("0", 16)])
}

impl Described {
    /// (4, 2) in two chunks beside each other.
    #[must_use]
    pub fn sound() -> Self {
        let len = chunk().len() as i64;
        let at = |column| shape(&[0, column]);
        Self {
            whole: shape(&[4, 2]),
            chunks: vec![(at(0), shape(&[4, 1])), (at(1), shape(&[4, 1]))],
            places: vec![
                (at(0), "__0_0.distcp", 0, len),
                (at(1), "__0_0.distcp", len, len),
            ],
        }
    }

    #[must_use]
    pub fn files(&self) -> Files {
        let object = |name: &'static str, state: Pickled| {
            let module = "torch.distributed.checkpoint.metadata";
            Object(module, name, Vec::new(), Box::new(state))
        };
        let chunks = self.chunks.iter().map(|(at, sizes)| {
            let state = fields(vec![("offsets", at.clone()), ("sizes", sizes.clone())]);
            object("ChunkStorageMetadata", state)
        });
        let tensor = fields(vec![
            ("size", self.whole.clone()),
            ("chunks", List(chunks.collect())),
        ]);
        let places = self.places.iter().map(|(at, file, offset, len)| {
            let index = fields(vec![("fqn", t("w")), ("offset", at.clone())]);
            let place = fields(vec![
                ("relative_path", t(file)),
                ("offset", Number(*offset)),
                ("length", Number(*len)),
            ]);
            (
                object("MetadataIndex", index),
                object("_StorageInfo", place),
            )
        });
        let root = object(
            "Metadata",
            fields(vec![
                (
                    "state_dict_metadata",
                    fields(vec![("w", object("TensorStorageMetadata", tensor))]),
                ),
                ("storage_data", Dict(places.collect())),
            ]),
        );
        vec![
            (".metadata".to_owned(), root.pickle()),
            ("__0_0.distcp".to_owned(), [chunk(), chunk()].concat()),
        ]
    }
}

/// The configuration of a LoRA adapter, with more fields.
#[must_use]
pub fn config(more: &str) -> String {
    format!(r#"{{"peft_type": "LORA", "r": 2, "lora_alpha": 4{more}}}"#)
}

/// The weights of an adapter: factors of these shapes under these names.
#[must_use]
pub fn factors(tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let mut at = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, sides)| {
            let bytes = sides
                .iter()
                .fold(4_u64, |all, side| all.saturating_mul(*side));
            let begin = at;
            at += bytes;
            format!(r#""{name}":{{"dtype":"F32","shape":{sides:?},"data_offsets":[{begin},{at}]}}"#)
        })
        .collect();
    safetensors(&format!("{{{}}}", entries.join(",")), at as usize)
}

/// The files of an adapter.
#[must_use]
pub fn adapter(config: &str, weights: Vec<u8>) -> Files {
    vec![
        ("adapter_config.json".to_owned(), config.as_bytes().to_vec()),
        ("adapter_model.safetensors".to_owned(), weights),
    ]
}

/// Of (3, 5) by rank 2.
pub const SOUND: [(&str, &[u64]); 2] = [
    ("base_model.model.a.lora_A.weight", &[2, 5]),
    ("base_model.model.a.lora_B.weight", &[3, 2]),
];
