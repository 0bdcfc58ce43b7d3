//! Pickles of PyTorch.

use super::{Case, case};
use crate::bytes::{Entry, dictionary, tensor, text, torch, zip};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let bad = Fault::Damaged;
    let file = |name, pickle: &[u8], fault| case(name, "a.pt", torch(pickle), fault);
    let weights = tensor("0", 4, 0, &[4], &[1]);
    let attack = [
        b"cposix\nsystem\n".to_vec(),
        text("true"),
        b"\x85R".to_vec(),
    ]
    .concat();
    let beside = [
        b"\x80\x02}".to_vec(),
        text("w"),
        weights.clone(),
        b"s".to_vec(),
        text("x"),
        attack.clone(),
        b"s.".to_vec(),
    ]
    .concat();
    // Each dictionary holds the one before twice.
    let mut laughs = b"\x80\x02}q\x00".to_vec();
    for level in 0..60_u8 {
        laughs.extend(b"}(");
        for key in ["a", "b"] {
            laughs.extend(text(key));
            laughs.extend([b'h', level]);
        }
        laughs.extend([b'u', b'q', level + 1]);
    }
    laughs.push(b'.');
    let mut nested = b"\x80\x02".to_vec();
    for _ in 0..1000 {
        nested.extend(b"}");
        nested.extend(text("a"));
    }
    nested.extend(&weights);
    nested.extend([b's'; 1000]);
    nested.push(b'.');
    let circle = [b"\x80\x02}q\x00".to_vec(), text("a"), b"h\x00s.".to_vec()].concat();
    let mut copies = b"\x80\x02ccollections\nOrderedDict\nq\x00](".to_vec();
    copies.extend(b"))\x86".repeat(100_000));
    copies.extend(b"e\x85q\x01");
    copies.extend(b"h\x00h\x01R0".repeat(100_000));
    copies.extend(b"}.");
    // Entries under numbers, which are passed over, one by one.
    let mut passed_over = b"\x80\x02".to_vec();
    passed_over.extend(text("a"));
    passed_over.extend(b"q\x010}q\x00(");
    for key in 0..200_000_i32 {
        passed_over.push(b'J');
        passed_over.extend(key.to_le_bytes());
        passed_over.extend(b"h\x01");
    }
    passed_over.extend(b"u0](");
    passed_over.extend(b"h\x00".repeat(200_000));
    passed_over.extend(b"e.");
    let compressed = zip(&[
        Entry::deflated("x/data.pkl", &dictionary("w", &weights)),
        Entry::new("x/data/0", &[0; 16]),
    ]);
    let order = zip(&[
        Entry::new("x/data.pkl", &dictionary("w", &weights)),
        Entry::new("x/data/0", &[0; 16]),
        Entry::new("x/byteorder", b"middle"),
    ]);
    vec![
        file(
            "a pickle that runs a command",
            &[b"\x80\x02".to_vec(), attack, b".".to_vec()].concat(),
            Fault::Code,
        ),
        file("a command beside sound weights", &beside, Fault::Code),
        file(
            "a pickle that evaluates text",
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
            Fault::Code,
        ),
        file(
            "an object of protocol 0 that runs a command",
            b"(ios\nsystem\n.",
            Fault::Code,
        ),
        file(
            "objects of a class alone",
            b"\x80\x02c__main__\nNet\n)\x81.",
            Fault::NoModel,
        ),
        file("a number alone", b"\x80\x02K\x01.", Fault::NoModel),
        file("no opcode at all", b"", bad),
        file("a pickle without its end", b"\x80\x02}", bad),
        file("a pickle that goes on", b"\x80\x02}.}", bad),
        file("a pickle that takes more than is there", b"\x80\x02R.", bad),
        file(
            "a pickle that takes what lies below its mark",
            b"\x80\x02}(s.",
            bad,
        ),
        file("a tuple without a mark", b"\x80\x02t.", bad),
        file(
            "a place of the memo before it is filled",
            b"\x80\x02h\x07.",
            bad,
        ),
        file("an unknown opcode", b"\x80\x02\xff.", bad),
        file("an unknown protocol", b"\x80\x63}.", bad),
        file("an extension of a registry", b"\x80\x02\x82\x01.", bad),
        file("a text of 4 GiB", b"\x80\x02X\xff\xff\xff\xffabc", bad),
        file(
            "bytes of 2^64-1",
            b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc",
            bad,
        ),
        file(
            "a name without end",
            &[b"\x80\x02c".to_vec(), vec![b'a'; 100_000]].concat(),
            bad,
        ),
        file("a call of a number", b"\x80\x02K\x01)R.", bad),
        file("a filled number", b"\x80\x02K\x01K\x02K\x03s.", bad),
        file("a reference to something outside", b"\x80\x02K\x01Q.", bad),
        file(
            "tuples nested a million deep",
            &[b"\x80\x02)".to_vec(), vec![0x85; 1 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million lists",
            &[b"\x80\x02".to_vec(), vec![b']'; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million values",
            &[b"\x80\x02".to_vec(), vec![b'N'; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million marks",
            &[b"\x80\x02".to_vec(), vec![b'('; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "eight million memos",
            &[b"\x80\x02N".to_vec(), vec![0x94; 8 << 20], b".".to_vec()].concat(),
            Fault::TooLarge,
        ),
        file(
            "dictionaries that double sixty times",
            &laughs,
            Fault::TooLarge,
        ),
        file(
            "dictionaries nested a thousand deep",
            &nested,
            Fault::TooLarge,
        ),
        file("a dictionary that holds itself", &circle, Fault::TooLarge),
        file(
            "a list copied a hundred thousand times",
            &copies,
            Fault::TooLarge,
        ),
        file(
            "a large dictionary two hundred thousand times",
            &passed_over,
            Fault::TooLarge,
        ),
        case(
            "a pickle that is compressed",
            "a.pt",
            compressed,
            Fault::Unsupported,
        ),
        case("an order of bytes that is none", "a.pt", order, bad),
    ]
}
