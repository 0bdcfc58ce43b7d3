//! Whole lives of a store, a repair and a written file, with a fault at every operation in turn.
//! `cargo xtask torture` does the same with more images and more kinds of error.
#![allow(clippy::unwrap_used)]

use hostile::disk::{Fault, Image, Sabotage};
use hostile::life::Life;
use std::io::ErrorKind;

#[test]
fn a_process_killed_at_any_operation_leaves_the_old_state_or_the_new() {
    for life in Life::ALL {
        let whole = life.undisturbed(None).unwrap();
        for at in 0..whole.operations() {
            assert!(whole.strike(at, Fault::Stop).unwrap().happened);
        }
    }
}

#[test]
fn an_error_at_any_operation_is_typed_and_leaves_no_stray_file() {
    for life in Life::ALL {
        let whole = life.undisturbed(None).unwrap();
        for kind in [
            ErrorKind::StorageFull,
            ErrorKind::PermissionDenied,
            ErrorKind::Other,
        ] {
            for at in 0..whole.operations() {
                assert!(whole.strike(at, Fault::Error(kind)).unwrap().happened);
            }
        }
    }
}

#[test]
fn a_loss_of_power_at_any_operation_leaves_the_old_state_or_the_new() {
    for life in Life::ALL {
        let whole = life.undisturbed(None).unwrap();
        for after in 0..=whole.moments() {
            let seed = after as u64;
            for image in [
                Image::Nothing,
                Image::Everything,
                Image::Subset { seed },
                Image::Torn { unit: 512, seed },
                Image::Torn { unit: 4096, seed },
            ] {
                whole.lose_power(after, image).unwrap();
            }
            whole
                .lose_power_twice(after, Image::Subset { seed }, seed * 7, Image::Nothing)
                .unwrap();
        }
    }
}

#[test]
fn a_writer_that_forgets_to_sync_or_renames_first_is_caught() {
    for sabotage in [
        Sabotage::NoFileSync,
        Sabotage::NoDirectorySync,
        Sabotage::RenameFirst,
    ] {
        for life in Life::ALL {
            let whole = life.undisturbed(Some(sabotage)).unwrap();
            let caught = (0..=whole.moments()).any(|after| {
                whole.lose_power(after, Image::Nothing).is_err()
                    || whole
                        .lose_power(after, Image::Torn { unit: 512, seed: 1 })
                        .is_err()
            });
            assert!(caught, "{sabotage:?} in {life:?}");
        }
    }
}
