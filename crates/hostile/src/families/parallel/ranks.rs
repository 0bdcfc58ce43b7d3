//! Ranks of distributed tensors, each in the file of its process.

use super::folder::{cut_off, folder};
use crate::families::{Broken, Expect};
use crate::parallel::{Part, placement, ranks, shard, sharded};
use crate::pickled::{Pickled, fields, shape};
use Pickled::{List, Nothing, Number, Tuple};

pub(super) fn files() -> Vec<Broken> {
    let pair = |change: &dyn Fn(&mut Part)| {
        let parts: Vec<Pickled> = (0..2)
            .map(|rank| {
                let mut part = Part::sound(rank);
                change(&mut part);
                part.value()
            })
            .collect();
        ranks(&parts)
    };
    let mut all = vec![folder(
        "sound ranks of a distributed tensor",
        pair(&|_| {}),
        Expect::Read,
    )];
    all.extend(cut_off(
        "ranks of a distributed tensor cut off",
        &pair(&|_| {}),
    ));
    for mesh in [
        Nothing,
        Number(2),
        Number(0),
        Number(-2),
        shape(&[]),
        shape(&[0]),
        shape(&[3]),
        shape(&[i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[2, 1]),
        shape(&[1; 60]),
        Tuple(vec![shape(&[2]), Nothing]),
    ] {
        let change = |part: &mut Part| part.mesh = mesh.clone();
        all.push(folder(
            "ranks of a distributed tensor on another mesh",
            pair(&change),
            Expect::Either,
        ));
    }
    for whole in [
        Nothing,
        shape(&[4]),
        shape(&[4, 3]),
        shape(&[4, 0]),
        shape(&[4, i64::MAX]),
        shape(&[i64::MAX, i64::MAX]),
        shape(&[-4, 2]),
        shape(&[1; 60]),
    ] {
        let change = |part: &mut Part| part.whole = whole.clone();
        all.push(folder(
            "ranks of a distributed tensor of another shape",
            pair(&change),
            Expect::Either,
        ));
    }
    let one = |one| Tuple(vec![one]);
    for placements in [
        Nothing,
        Tuple(vec![]),
        one(Nothing),
        one(shard(0)),
        one(shard(7)),
        one(shard(-1)),
        one(shard(i64::MAX)),
        one(placement("Replicate", Nothing)),
        one(placement("Partial", Nothing)),
        one(placement(
            "_StridedShard",
            fields(vec![("dim", Number(1)), ("split_factor", Number(i64::MAX))]),
        )),
        Tuple(vec![shard(1); 40]),
        List(vec![shard(1)]),
    ] {
        let change = |part: &mut Part| part.placements = placements.clone();
        all.push(folder(
            "ranks of a distributed tensor that lies in another way",
            pair(&change),
            Expect::Either,
        ));
    }
    for coordinate in [shape(&[0]), shape(&[5]), shape(&[i64::MAX]), shape(&[0, 0])] {
        let change = |part: &mut Part| part.coordinate = coordinate.clone();
        all.push(folder(
            "ranks of a distributed tensor in other places",
            pair(&change),
            Expect::Either,
        ));
    }
    for (local, elements) in [
        (vec![4, 2], 8),
        (vec![1, 4], 4),
        (vec![4], 4),
        (vec![0, 1], 0),
        (vec![i64::MAX, 1], 4),
    ] {
        let change = |part: &mut Part| {
            part.local.clone_from(&local);
            part.elements = elements;
        };
        all.push(folder(
            "ranks of a distributed tensor with parts of another shape",
            pair(&change),
            Expect::Either,
        ));
    }
    all.push(folder(
        "one rank of two",
        ranks(&[Part::sound(0).value()]),
        Expect::Refused,
    ));
    let whole = shape(&[4, 2]);
    for at in [
        shape(&[0, 0]),
        shape(&[3, 0]),
        shape(&[i64::MAX, 0]),
        shape(&[0]),
        shape(&[-1, 0]),
        Nothing,
    ] {
        let parts = ranks(&[
            sharded(&whole, vec![(shape(&[0, 0]), vec![2, 2])], 0),
            sharded(&whole, vec![(at, vec![2, 2])], 1),
        ]);
        all.push(folder(
            "ranks of an older sharded tensor that does not fit",
            parts,
            Expect::Either,
        ));
    }
    let many = vec![(shape(&[0, 0]), vec![2, 2]); 2000];
    all.push(folder(
        "ranks of an older sharded tensor of thousands of parts",
        ranks(&[sharded(&whole, many.clone(), 0), sharded(&whole, many, 1)]),
        Expect::Either,
    ));
    all
}
