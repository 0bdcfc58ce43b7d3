//! Pickles that ask for something to be done, and names that lead elsewhere.
//!
//! Each attack, opened by a reader that runs pickles, makes the file `executed` in the working
//! directory, or connects to a port; each name, taken for a path, puts a file outside.

use crate::bytes::{Entry, dictionary, legacy, npy, npy_of, safetensors, tensor, text, torch, zip};

/// A file and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Attack {
    /// What it asks for, and where.
    pub name: String,
    /// The name it should have.
    pub file: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Functions that run what they are given, and what they are given.
fn calls(port: u16) -> Vec<(&'static str, &'static str, String)> {
    let shell = "touch executed".to_owned();
    let python = "open('executed','w').close()".to_owned();
    let address = format!("http://127.0.0.1:{port}/");
    let mut calls = Vec::new();
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("os", "popen"),
        ("subprocess", "getoutput"),
        ("subprocess", "Popen"),
        ("subprocess", "check_output"),
        ("commands", "getoutput"),
        ("pty", "spawn"),
        ("torch.utils.collect_env", "run"),
        ("distutils.spawn", "spawn"),
        ("asyncio", "create_subprocess_shell"),
        ("platform", "popen"),
    ] {
        calls.push((module, name, shell.clone()));
    }
    for (module, name) in [
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("__builtin__", "eval"),
        ("__builtin__", "execfile"),
        ("builtins", "compile"),
        ("builtins", "__import__"),
        ("timeit", "timeit"),
        ("code", "interact"),
        ("cProfile", "run"),
        ("profile", "run"),
        ("pdb", "run"),
        ("bdb", "Bdb.run"),
        ("doctest", "debug_script"),
        ("runpy", "run_path"),
        ("runpy", "_run_code"),
        ("numpy.testing._private.utils", "runstring"),
        ("torch.jit.unsupported_tensor_ops", "execWrapper"),
        ("torch._dynamo.guards.GuardBuilder", "get"),
        (
            "torch.fx.experimental.symbolic_shapes.ShapeEnv",
            "evaluate_guards_expression",
        ),
        ("idlelib.run", "Executive.runcode"),
        ("lib2to3.pgen2.grammar", "Grammar.loads"),
        ("marshal", "loads"),
        ("pickle", "loads"),
        ("_pickle", "loads"),
        ("dill", "loads"),
        ("cloudpickle", "loads"),
        ("joblib", "load"),
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("importlib", "import_module"),
        ("ctypes", "CDLL"),
        ("operator", "attrgetter"),
        ("functools", "partial"),
        ("types", "FunctionType"),
        ("__main__", "run"),
    ] {
        calls.push((module, name, python.clone()));
    }
    for (module, name) in [
        ("urllib.request", "urlopen"),
        ("urllib", "urlopen"),
        ("requests.api", "get"),
        ("socket", "create_connection"),
        ("http.client", "HTTPSConnection"),
        ("webbrowser", "open"),
        ("torch.hub", "load_state_dict_from_url"),
        ("ssl", "get_server_certificate"),
    ] {
        calls.push((module, name, address.clone()));
    }
    for (module, name) in [
        ("builtins", "open"),
        ("io", "open"),
        ("shutil", "copyfile"),
        ("os", "mkdir"),
        ("os", "remove"),
        ("pathlib", "Path.touch"),
        ("tempfile", "mkstemp"),
        ("logging", "FileHandler"),
    ] {
        calls.push((module, name, "executed".to_owned()));
    }
    calls
}

/// Ways of calling: by the opcodes of protocols 0 to 4.
fn spelled(module: &str, name: &str, argument: &str) -> Vec<(&'static str, Vec<u8>)> {
    let global = [b"c", module.as_bytes(), b"\n", name.as_bytes(), b"\n"].concat();
    let argument = text(argument);
    let stack_global = [text(module), text(name), b"\x93".to_vec()].concat();
    let object = [&b"("[..], &global, &argument, b"o"].concat();
    let inst = [
        &b"("[..],
        &argument,
        b"i",
        module.as_bytes(),
        b"\n",
        name.as_bytes(),
        b"\n",
    ]
    .concat();
    let filled = [&global[..], b")\x81}", &argument, &argument, b"sb"].concat();
    vec![
        ("REDUCE", [&global[..], &argument, b"\x85R"].concat()),
        (
            "STACK_GLOBAL",
            [&stack_global[..], &argument, b"\x85R"].concat(),
        ),
        ("OBJ", object),
        ("INST", inst),
        ("NEWOBJ", [&global[..], &argument, b"\x85\x81"].concat()),
        ("NEWOBJ_EX", [&global[..], &argument, b"\x85}\x92"].concat()),
        ("BUILD", filled),
    ]
}

/// Places in a pickle that a call can be put in.
fn placed(call: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let weights = tensor("0", 4, 0, &[4], &[1]);
    let with = |parts: &[&[u8]]| parts.concat();
    let entry = [text("w"), weights.clone()].concat();
    vec![
        ("alone", with(&[b"\x80\x04", call, b"."])),
        (
            "thrown away",
            with(&[b"\x80\x04", call, b"0}", &entry, b"s."]),
        ),
        (
            "beside weights",
            with(&[b"\x80\x04}", &entry, b"s", &text("x"), call, b"s."]),
        ),
        (
            "as a name",
            with(&[b"\x80\x04}", &entry, b"s", call, &text("x"), b"s."]),
        ),
        (
            "as a storage",
            with(&[
                b"\x80\x04}",
                &text("w"),
                b"ctorch._utils\n_rebuild_tensor_v2\n(",
                call,
                b"K\0(K\x04t(K\x01t\x89NtRs.",
            ]),
        ),
        (
            "as an id",
            with(&[b"\x80\x04}", &entry, b"s", &text("x"), call, b"Qs."]),
        ),
        (
            "in the memo",
            with(&[
                b"\x80\x04}",
                call,
                b"q\x070",
                &entry,
                b"s",
                &text("x"),
                b"h\x07s.",
            ]),
        ),
        (
            "as a state",
            with(&[b"\x80\x04ccollections\nOrderedDict\n)R", call, b"b."]),
        ),
    ]
}

/// Attacks by pickle: every function in one spelling and place after the other, in each container.
#[must_use]
pub fn pickles(port: u16) -> Vec<Attack> {
    let mut all = Vec::new();
    for (index, (module, name, argument)) in calls(port).into_iter().enumerate() {
        for (spelling, (how, call)) in spelled(module, name, &argument).into_iter().enumerate() {
            let places = placed(&call);
            let (place, pickle) = &places[(index + spelling) % places.len()];
            let name = format!("{module}.{name} by {how}, {place}");
            let (file, bytes) = match (index + spelling / 2) % 4 {
                0 => ("a.pt", torch(pickle)),
                1 => ("a.pth", legacy(pickle, b"")),
                2 => ("a.npy", objects(pickle)),
                _ => ("a.npz", zip(&[Entry::new("a.npy", &objects(pickle))])),
            };
            all.push(Attack { name, file, bytes });
        }
    }
    all
}

/// An array of objects, which NumPy keeps as a pickle.
fn objects(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = npy_of("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 0);
    bytes.extend(pickle);
    bytes
}

/// Tensors and entries whose names lead elsewhere if taken for paths.
#[must_use]
pub fn names() -> Vec<Attack> {
    let mut all = Vec::new();
    for name in [
        "../executed",
        "../../executed",
        "/tmp/executed",
        "..",
        ".",
        "/",
        "a/../../executed",
        "..\\executed",
        "C:\\executed",
        "executed\u{0}",
        "~/executed",
        "$HOME/executed",
        "`touch executed`",
        "%2e%2e/executed",
        "\u{2025}/executed",
        "con",
        "-rf",
        "a\nexecuted",
        "zoo.description",
        "../zoo.description",
    ] {
        let shown = name.escape_default().to_string();
        let json: String = name
            .chars()
            .map(|c| {
                if c.is_control() || c == '\\' {
                    format!("\\u{:04x}", c as u32)
                } else {
                    c.to_string()
                }
            })
            .collect();
        let header =
            format!("{{\"{json}\":{{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}}}");
        let pickle = dictionary(name, &tensor("0", 4, 0, &[4], &[1]));
        let key = dictionary("w", &tensor(name, 4, 0, &[4], &[1]));
        let entries = [
            Entry::new(
                &format!("{name}/data.pkl"),
                &dictionary("w", &tensor("0", 4, 0, &[4], &[1])),
            ),
            Entry::new(&format!("{name}/data/0"), &[0; 16]),
        ];
        for (file, what, bytes) in [
            ("a.safetensors", "a tensor", safetensors(&header, 16)),
            ("a.pt", "a tensor", torch(&pickle)),
            ("a.pt", "a storage", torch(&key)),
            ("a.pt", "an archive", zip(&entries)),
            (
                "a.npz",
                "an array",
                zip(&[Entry::new(&format!("{name}.npy"), &npy("(4,)", 16))]),
            ),
        ] {
            let name = format!("{what} called {shown}");
            all.push(Attack { name, file, bytes });
        }
    }
    all
}
