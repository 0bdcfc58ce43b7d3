//! Folders of DeepSpeed's ZeRO.

use super::folder::{cut_off, folder};
use crate::families::{Broken, Expect};
use crate::parallel::Zero;
use crate::pickled::{Pickled, fields, shape, t, tensor};
use Pickled::{Dict, List, Nothing, Number};

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    for third in [false, true] {
        let sound = Zero::sound(third);
        all.push(folder(
            "a sound folder of ZeRO",
            sound.files(),
            Expect::Read,
        ));
        all.extend(cut_off("a folder of ZeRO cut off", &sound.files()));
        for lost in 0..sound.files().len() {
            let mut files = sound.files();
            files.remove(lost);
            all.push(folder(
                "a folder of ZeRO without one of its files",
                files,
                // One file of a model is enough where nothing is frozen.
                if third {
                    Expect::Either
                } else {
                    Expect::Refused
                },
            ));
        }
        let group = |entries: Vec<(&str, Pickled)>| List(vec![fields(entries)]);
        for shapes in [
            Nothing,
            Number(3),
            List(vec![]),
            List(vec![Nothing]),
            group(vec![]),
            group(vec![("a", shape(&[7])), ("b", shape(&[3]))]),
            group(vec![("a", shape(&[4]))]),
            group(vec![("a", shape(&[-5])), ("b", shape(&[3]))]),
            group(vec![("a", shape(&[i64::MAX, i64::MAX]))]),
            group(vec![("a", shape(&[i64::MAX]))]),
            group(vec![("a", shape(&[1; 40]))]),
            group(vec![("a", t("5"))]),
            group(vec![("a", shape(&[5])), ("a", shape(&[3]))]),
            group(vec![("a", shape(&[5])), ("mean", shape(&[3]))]),
            List(vec![fields(vec![("a", shape(&[5]))]); 3]),
            Dict(vec![(Number(1), shape(&[5]))]),
        ] {
            let zero = Zero {
                shapes,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose shapes do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for (flat, bytes) in [
            (vec![], 20),
            (vec![0], 20),
            (vec![3], 20),
            (vec![i64::MAX], 20),
            (vec![-1], 20),
            (vec![5; 3], 20),
            (vec![5], 8),
            (vec![1; 3000], 20),
        ] {
            let zero = Zero {
                flat,
                bytes,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose vectors do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for said in [
            Number(3),
            Number(i64::MAX),
            List(vec![Number(4)]),
            shape(&[9]),
        ] {
            let zero = Zero {
                said,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO of more processes than there are",
                zero.files(),
                Expect::Refused,
            ));
        }
        for shared in [
            Dict(vec![(t("c"), t("none"))]),
            Dict(vec![(t("a"), t("b"))]),
            Dict(vec![(t("c"), t("d")), (t("d"), t("c"))]),
            Dict(vec![(t("c"), Number(1))]),
            List(vec![t("c")]),
        ] {
            let zero = Zero {
                shared,
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO with odd shared weights",
                zero.files(),
                Expect::Either,
            ));
        }
        for frozen in [
            (fields(vec![("f", shape(&[4]))]), Dict(vec![])),
            (
                fields(vec![("f", shape(&[40]))]),
                fields(vec![("f", tensor("0", 4, &[4]))]),
            ),
            (Number(1), Nothing),
        ] {
            let zero = Zero {
                frozen: Some(frozen),
                ..sound.clone()
            };
            all.push(folder(
                "a folder of ZeRO whose frozen weights do not fit",
                zero.files(),
                Expect::Refused,
            ));
        }
        for name in [
            "zero_pp_rank_0_mp_rank_01_optim_states.pt",
            "zero_pp_rank_7_mp_rank_00_optim_states.pt",
            "zero_pp_rank_99999999999999999999_mp_rank_00_optim_states.pt",
            "layer_0_expert_0_mp_rank_00_model_states.pt",
        ] {
            let mut files = sound.files();
            let (_, bytes) = files.swap_remove(0);
            files.push((name.to_owned(), bytes));
            all.push(folder(
                "a folder of ZeRO with a file of another part",
                files,
                Expect::Refused,
            ));
        }
    }
    all
}
