//! Headers of NumPy arrays.

use super::{Broken, Expect, broken};
use crate::bytes::{npy, npy_of};

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    for descr in [
        "'|O'",
        "'<U1'",
        "'|S4'",
        "'<M8[ns]'",
        "'<c8'",
        "'>Z4'",
        "'<f3'",
        "'<f4 '",
        "''",
        "None",
        "4",
        "[('a','<f4')]",
        "'<f'",
        "'<f99999999999999999999'",
        "'<V4'",
        "'f4,f4'",
    ] {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (4,), }}");
        all.push(broken(
            "an array of elements that are not read",
            "a.npy",
            npy_of(&header, 16),
            // A known size of an unknown type is a tensor that is named as unread.
            Expect::Either,
        ));
    }
    for shape in [
        "4",
        "(4)",
        "[4]",
        "(-4,)",
        "(4.0,)",
        "('4',)",
        "(4,,)",
        "(4",
        "4,)",
        "(5,)",
        "(3,)",
        "(18446744073709551616,)",
        "(4294967296,4294967296)",
        "(2,2,2)",
        "None",
        "((4,),)",
        "(1,)*4",
        "(0,)",
    ] {
        all.push(broken(
            "an array of a shape that is none or another",
            "a.npy",
            npy(shape, 16),
            Expect::Refused,
        ));
    }
    for (at, value) in [
        (0, 0),
        (6, 0),
        (6, 4),
        (6, 255),
        (7, 9),
        (8, 0),
        (8, 255),
        (9, 255),
        (10, b'['),
        (11, 0),
    ] {
        let mut bytes = npy("(4,)", 16);
        bytes[at] = value;
        all.push(broken(
            "an array with a wrong byte before its shape",
            "a.npy",
            bytes,
            Expect::Either,
        ));
    }
    all
}
