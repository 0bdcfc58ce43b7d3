//! Tensors in sound pickles of PyTorch.

use super::{Case, case};
use crate::bytes::{Entry, dictionary, number, tensor, text, torch, zip};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file =
        |name, tensor: Vec<u8>, fault| case(name, "a.pt", torch(&dictionary("w", &tensor)), fault);
    let max = i64::MAX;
    // Ten thousand tensors on one storage of 100 kB.
    let mut shared = b"\x80\x02}(".to_vec();
    for index in 0..10_000 {
        shared.extend(text(&index.to_string()));
        shared.extend(tensor("0", 25_000, 0, &[25_000], &[1]));
    }
    shared.extend(b"u.");
    let shared = zip(&[
        Entry::new("x/data.pkl", &shared),
        Entry::new("x/data/0", &[0; 100_000]),
    ]);
    let mut twice = b"\x80\x02}(".to_vec();
    for _ in 0..2 {
        twice.extend(text("w"));
        twice.extend(tensor("0", 4, 0, &[4], &[1]));
    }
    twice.extend(b"u.");
    // A hundred thousand tensors behind a name of 5000 bytes.
    let mut named = b"\x80\x02}(".to_vec();
    named.extend(text(&"a".repeat(5000)));
    named.extend(b"](");
    named.extend(tensor("0", 4, 0, &[4], &[1]));
    named.extend(b"q\x00");
    named.extend(b"h\x00".repeat(100_000));
    named.extend(b"eu.");
    vec![
        file(
            "a storage that is missing",
            tensor("1", 4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a storage above the archive",
            tensor("../../0", 4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a tensor larger than its storage",
            tensor("0", 4, 0, &[5], &[1]),
            bad,
        ),
        file(
            "a storage larger than its bytes",
            tensor("0", 4000, 0, &[4000], &[1]),
            bad,
        ),
        file(
            "a storage that claims more than its tensor needs and there is",
            tensor("0", max, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a storage of negative size",
            tensor("0", -4, 0, &[4], &[1]),
            bad,
        ),
        file(
            "a tensor before its storage",
            tensor("0", 4, -1, &[4], &[1]),
            bad,
        ),
        file("a tensor at 2^63-1", tensor("0", 4, max, &[4], &[1]), bad),
        file(
            "a negative dimension of a tensor",
            tensor("0", 4, 0, &[-4], &[1]),
            bad,
        ),
        file("a negative stride", tensor("0", 4, 0, &[4], &[-1]), bad),
        file(
            "a stride of 2^63-1",
            tensor("0", 4, 0, &[4, 4], &[max, 1]),
            bad,
        ),
        file(
            "fewer strides than dimensions",
            tensor("0", 4, 0, &[2, 2], &[1]),
            bad,
        ),
        file(
            "a tensor repeated 2^62 times",
            tensor("0", 4, 0, &[max / 2, 4], &[0, 1]),
            bad,
        ),
        file(
            "a tensor repeated a billion times",
            tensor("0", 4, 0, &[1 << 30], &[0]),
            Fault::TooLarge,
        ),
        file(
            "a tensor of a hundred dimensions",
            tensor("0", 4, 0, &[1; 100], &[1; 100]),
            bad,
        ),
        file(
            "a tensor on a number",
            b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x02))tR".to_vec(),
            bad,
        ),
        file(
            "a storage of an unknown type",
            [
                b"(".to_vec(),
                text("storage"),
                b"cnowhere\nFloatStorage\n".to_vec(),
                text("0"),
                text("cpu"),
                number(4),
                b"tQ".to_vec(),
            ]
            .concat(),
            bad,
        ),
        case(
            "ten thousand tensors on one storage",
            "a.pt",
            shared,
            Fault::TooLarge,
        ),
        case("one tensor name twice", "a.pt", torch(&twice), bad),
        case(
            "a long name before a hundred thousand tensors",
            "a.pt",
            torch(&named),
            Fault::TooLarge,
        ),
    ]
}
