use super::*;

/// A random walk of three tensors in so many dimensions, with a drift.
fn walk(steps: usize, tensors: usize, seed: u64) -> Vec<Track> {
    use weightspace::random::{normal, stream};
    (0..tensors)
        .map(|tensor| {
            let mut random = stream(seed, "soundness", tensor as u64);
            let mut at: Vec<f32> = (0..64).map(|_| 10.0 * normal(&mut random) as f32).collect();
            let drift: Vec<f32> = (0..64).map(|_| 0.3 * normal(&mut random) as f32).collect();
            let mut track = Track {
                projections: Vec::new(),
                prints: Vec::new(),
                norms: Vec::new(),
                ranges: Vec::new(),
                elements: 1000,
                grain: 2f64.powi(-23),
                part: tensor % 2,
                broken: vec![false; steps],
            };
            for step in 0..steps {
                push(&mut track, at.clone(), (step * tensors + tensor) as u64);
                for (value, drift) in at.iter_mut().zip(&drift) {
                    *value += drift + 0.5 * normal(&mut random) as f32;
                }
            }
            track
        })
        .collect()
}

fn push(track: &mut Track, values: Vec<f32>, print: u64) {
    track.norms.push(
        values
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum::<f64>()
            .sqrt(),
    );
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    track.ranges.push((least, most));
    track.prints.push(print);
    track.projections.push(values);
}

fn put(track: &mut Track, step: usize, from: usize) {
    track.projections[step] = track.projections[from].clone();
    track.prints[step] = track.prints[from];
    track.norms[step] = track.norms[from];
    track.ranges[step] = track.ranges[from];
}

fn defects(tracks: Vec<Track>) -> Vec<Defect> {
    let steps = tracks[0].prints.len() as u64;
    let series = Series::new((0..steps).collect(), tracks).unwrap();
    find(&series, false)
        .into_iter()
        .map(|found| found.defect)
        .collect()
}

#[test]
fn a_sound_walk_has_no_defect() {
    for seed in 0..20 {
        assert_eq!(defects(walk(30, 6, seed)), [], "seed {seed}");
    }
}

#[test]
fn a_copy_is_told_from_its_original() {
    for (wrong, right) in [(5, 20), (20, 5), (10, 9), (10, 11), (3, 29), (0, 12)] {
        let mut tracks = walk(30, 6, 1);
        tracks.iter_mut().for_each(|track| put(track, wrong, right));
        let copy = Defect::Copy {
            step: wrong,
            of: right,
        };
        assert_eq!(defects(tracks), [copy]);
    }
}

#[test]
fn steps_that_serve_the_end_are_named_and_the_end_is_not() {
    let mut tracks = walk(30, 6, 2);
    let wrong = [4, 7, 8, 9, 12, 20, 21, 28];
    for track in &mut tracks {
        wrong.iter().for_each(|&step| put(track, step, 29));
    }
    let expected: Vec<Defect> = wrong
        .iter()
        .map(|&step| Defect::Copy { step, of: 29 })
        .collect();
    assert_eq!(defects(tracks), expected);
}

#[test]
fn a_file_of_another_step_is_named_and_so_are_swapped_steps() {
    let mut tracks = walk(30, 6, 3);
    for track in tracks.iter_mut().filter(|track| track.part == 1) {
        put(track, 14, 3);
    }
    for track in &mut tracks {
        let copy = track.clone();
        put(track, 20, 22);
        track.projections[22] = copy.projections[20].clone();
        track.prints[22] = copy.prints[20];
        track.norms[22] = copy.norms[20];
    }
    let chimera = Defect::Tensors {
        step: 14,
        tensors: vec![1, 3, 5],
        fault: Fault::Equal { to: 3 },
    };
    let swapped = Defect::Swapped { steps: [20, 22] };
    assert_eq!(defects(tracks), [chimera, swapped]);
}

#[test]
fn a_foreign_tensor_is_named() {
    for step in [0, 1, 15, 28, 29] {
        let mut tracks = walk(30, 6, 4);
        let other = walk(30, 6, 5);
        tracks[2].projections[step] = other[2].projections[step].clone();
        tracks[2].prints[step] = 999_999;
        tracks[2].norms[step] = other[2].norms[step];
        // No two trainings have the same extremes.
        let (least, most) = tracks[2].ranges[step];
        tracks[2].ranges[step] = (1.3 * least - 0.1, 1.3 * most + 0.1);
        let strange = Defect::Tensors {
            step,
            tensors: vec![2],
            fault: Fault::Strange { nearest: None },
        };
        assert_eq!(defects(tracks), [strange]);
    }
}

#[test]
fn series_of_unequal_tracks_are_refused() {
    let mut tracks = walk(5, 2, 0);
    tracks[1].norms.pop();
    assert!(Series::new((0..5).collect(), tracks).is_err());
    assert!(Series::new(Vec::new(), Vec::new()).is_err());
}
